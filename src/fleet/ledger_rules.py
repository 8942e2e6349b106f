"""What an entry of the ledger means at a given time. Pure, so that deciders may ask without touching git."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fleet.models import Entry, Ledger

TAKEOVER_AFTER = timedelta(minutes=5)
"""How long past ``until`` a claim still counts, for clocks that differ."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=4)
"""Back-off after failures of a role: doubles from the first to the longest."""
KEPT_AFTER_CLOSING = timedelta(days=14)
"""How long the claim of a closed item is remembered, should it be opened again."""
SET_UP_FAULT = frozenset({"misconfigured", "bad-model", "setup-failed", "overloaded"})
"""Outcomes that every session of the role would have until something is mended: it backs off, no item is blamed."""
NOBODYS_FAULT = frozenset({"usage-limit", "auth", "billing", "unavailable", "stopped", "lost-claim"})
"""Outcomes that cost an item none of its tries."""
OWN_FAULT = frozenset({"crash", "timeout", "stalled", "bad-output", "turn-limit", "budget", "refused", "check-failed"})
"""Outcomes that are the session's own failure; limits of an account or an unreachable GitHub are not."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing of this kind before ``until``."""

    until: datetime
    why: str


def held(entry: Entry | None, now: datetime) -> bool:
    """Whether somebody holds this claim. An entry that makes no sense counts as held."""
    if entry is None:
        return False
    if entry.state == "unreadable":
        return True
    return entry.state == "taken" and (entry.until is None or now < entry.until + TAKEOVER_AFTER)


def spent(entry: Entry | None, now: datetime) -> float:
    """What a slot has spent today (UTC): its finished runs, and the whole budget of one that has not said."""
    if entry is None or entry.at is None:
        return 0.0
    today = entry.at.date() == now.date()
    at_work = entry.state == "taken" and (today or (entry.until is not None and now < entry.until))
    return (entry.spent_usd if today else 0.0) + (entry.cost_usd if at_work else 0.0)


def spent_today(ledger: Ledger, now: datetime) -> float:
    """What the fleet has spent today (UTC), with what is running counted in full."""
    return sum(spent(entry, now) for entry in ledger.looks.values())


def outdated(ledger: Ledger, open_items: Collection[str], now: datetime) -> dict[str, str]:
    """Claims of items that are closed and were settled long ago, by item, with the commit that was seen."""
    return {
        item: entry.oid
        for item, entry in ledger.claims.items()
        if item not in open_items and entry.state == "done" and entry.at and now - entry.at > KEPT_AFTER_CLOSING
    }


def back_off(entries: Iterable[Entry], now: datetime) -> Pause | None:
    """The pause of a role whose newest runs failed by their own fault; None when it may start."""
    ended = sorted((e for e in entries if e.at and e.state == "done"), key=lambda e: e.at or now)
    if not ended or not ended[-1].failures:
        return None
    worked = [e.at for e in ended if not e.failures and e.at]
    failures = sum(e.failures for e in ended if e.failures and e.at and (not worked or e.at > max(worked)))
    newest = ended[-1]
    assert newest.at
    until = newest.at + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 10))
    return Pause(until, f"its last runs failed ({newest.outcome})") if now < until else None


def resting(entry: Entry | None, base: str, rest: timedelta, now: datetime) -> Pause | None:
    """The pause of a slot that has looked: at least ``rest``, and until the base moves. None when it may look."""
    if entry is None or entry.looked_at is None:
        return None
    if now < entry.looked_at + rest:
        return Pause(entry.looked_at + rest, f"it looked at {entry.looked_at:%H:%M}")
    if entry.looked_base == base:
        return Pause(now + rest, f"it looked at this commit at {entry.looked_at:%H:%M}")
    return None
