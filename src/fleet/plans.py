"""The words of the domain, second half: decisions taken with their reasons, and outcomes had.

Frozen like the facts they rest on; everything that is decided, also to do nothing, carries a ``Reason``.
"""

from dataclasses import dataclass
from typing import Literal

from fleet.models import Problem, PullRequest, Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something is held: a stable code and a sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something a session can take on."""

    key: str
    """``issue-12``, ``pr-31``, ``look-<slot>``: the name of its claim."""
    kind: Literal["issue", "review", "look", "watch"]
    number: int = 0
    title: str = ""
    head: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start a session in one slot."""

    slot: Slot
    items: tuple[Item, ...]
    """What it may take on; begun at another one for each slot, so that they do not all race for the first."""
    may_look: bool
    """Whether it may look for work of its own when it gets none of the items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePlan:
    """What is decided for one role."""

    role: str
    desired: int
    wanted: int
    running: int
    starts: tuple[Start, ...]
    reason: Reason
    """Why so many are wanted and not more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPlan:
    """What is decided for one open pull request: merge it, or why not."""

    pull: PullRequest
    reasons: tuple[Reason, ...] = ()
    """In the way of a merge, first one first; empty: merge."""

    @property
    def merge(self) -> bool:
        """Nothing is in the way."""
        return not self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All decisions of one pass."""

    roles: tuple[RolePlan, ...] = ()
    pulls: tuple[PullPlan, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What could not be read while deciding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one action."""

    subject: str
    """A slot's name, or ``pr-31``."""
    result: Literal["started", "taken", "refused", "merged", "held", "failed", "swept"]
    detail: str = ""
    person: bool = False
    run: str = ""
