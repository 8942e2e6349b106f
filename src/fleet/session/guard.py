"""The last line of defence of a stage, a process that nobody watches: whatever went wrong becomes an outcome."""

import traceback
from collections.abc import Callable
from typing import Any

from fleet.errors import FleetError


def guarded(stage: str, work: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """What the stage came to, or ``{outcome, reason}`` for what kept it from its end. Never raises.

    An error may name its own ``outcome`` (``lost-claim``, ``refused``); the others are the world's (``unavailable``).
    """
    try:
        return work()
    except (FleetError, OSError) as error:
        return {"outcome": getattr(error, "outcome", "unavailable"), "reason": f"{stage}: {error}"}
    except Exception as error:  # noqa: BLE001  a bug of ours, told with its traceback in the stage's log
        traceback.print_exc()
        return {"outcome": "crash", "reason": f"{stage}: {type(error).__name__}: {error}"}
