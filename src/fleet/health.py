"""Step 4: is production up, and is the fleet healthy, degraded or broken? Pure; unknown is neither up nor down."""

from collections.abc import Sequence
from enum import Enum

from fleet.models import ProbeResult


class Production(Enum):
    """What the probes together say."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"
    UNCHECKED = "unchecked"


def production(probes: Sequence[ProbeResult], *, github_answered: bool) -> Production:
    """Judge the probes of one pass.

    A wrong answer means down. No answer means down only if GitHub answered in this pass: else it may be our network.
    """
    if not probes:
        return Production.UNCHECKED
    failed = [probe for probe in probes if not probe.ok]
    if not failed:
        return Production.UP
    if github_answered or any(probe.answered for probe in failed):
        return Production.DOWN
    return Production.UNKNOWN
