"""What the checks on one commit say, by our own reading. Pure; GitHub's own sum is not used where the checks are known.

GitHub's sum keeps counting runs that a rerun has replaced, and leaves out whether a check was wanted at all.
"""

from datetime import UTC, datetime
from fnmatch import fnmatchcase

from fleet.models import Base, Check, Checks
from fleet.plans import Reason
from fleet.settings import MergeSettings

GOOD = frozenset({"SUCCESS", "NEUTRAL", "SKIPPED"})
"""Conclusions that do not stand in the way; at least one SUCCESS is needed besides."""
OLDEST, NEWEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def latest(checks: Checks) -> tuple[Check, ...]:
    """The newest run of each check: a rerun replaces what it reran; of two at one time, the worse one counts."""
    newest: dict[tuple[str, str], Check] = {}
    for check in checks.all:
        known = newest.get((check.name, check.source))
        if known is None or _age(check) >= _age(known):
            newest[check.name, check.source] = check
    return tuple(newest.values())


def _age(check: Check) -> tuple[datetime, int]:
    """When it ran, then how bad it is. Not begun is the newest, over without a time the oldest."""
    never = OLDEST if check.complete else NEWEST
    badness = 0 if check.state in GOOD else 2 if check.complete else 1
    return check.at or never, badness if check.at else 0


def red_check(base: Base, settings: MergeSettings) -> str:
    """The name of a check that failed on the base branch; empty when none did. Pending is not red."""
    counted = [c for c in latest(base.checks) if not ignored(c.name, settings)] if base.checks else []
    if failed := next((c.name for c in counted if c.complete and c.state not in GOOD), ""):
        return failed
    if base.checks is None or base.checks.more:  # what was not read one by one, GitHub's own sum speaks for
        return "its checks" if base.state in ("FAILURE", "ERROR") else ""
    return ""


def ignored(name: str, settings: MergeSettings) -> bool:
    """Whether the roster says that this check does not count."""
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in settings.ignore_checks)


def bad_check(checks: Checks, settings: MergeSettings) -> Reason | None:
    """The first thing wrong with the checks that were read. Nothing read is ever assumed to be good."""
    counted = [c for c in latest(checks) if not ignored(c.name, settings)]
    if settings.checks == "required":
        if any(c.required is None for c in counted):
            return Reason(code="checks-unread", text="which checks are required was not read")
        counted = [c for c in counted if c.required]
    if failed := [c for c in counted if c.complete and c.state not in GOOD]:
        return Reason(code="check-failed", text=f"check {failed[0].name} is {_spoken(failed[0].state)}")
    if running := [c for c in counted if not c.complete]:
        return Reason(code="check-pending", text=f"check {running[0].name} is {_spoken(running[0].state)}")
    if settings.require_checks and not checks.more and not any(c.state == "SUCCESS" for c in counted):
        return Reason(code="no-checks", text="no check has succeeded on its head")
    return None


def _spoken(state: str) -> str:
    return state.lower().replace("_", " ")
