"""The words of the domain, first half: facts observed. What is decided about them stands in ``plans.py``.

Everything here is frozen and holds no client, so it can be built in a test, compared with ``==`` and printed.
Times are aware UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fleet.settings import Roster


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An account on GitHub, a person or a bot."""

    login: str
    id: str
    """GitHub's node id; the only thing that identity is judged by."""
    kind: str = "User"
    """``User``, ``Bot``, ``Organization``, ``Mannequin`` ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One run of one check on a commit, or one commit status."""

    name: str
    source: str
    """What tells checks of one name apart: kind, app, event, workflow."""
    state: str
    """A conclusion (``SUCCESS``, ``FAILURE`` ...) when it is complete, else its status (``QUEUED`` ...)."""
    complete: bool
    at: datetime | None
    """When it started; None for one that is still queued, which makes it the newest."""
    required: bool | None = None
    """None where it was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What ran on one commit, as far as it was read."""

    commit: str
    all: tuple[Check, ...]
    more: str | None = None
    """Cursor of the next page that is still unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The latest opinion of one reviewer."""

    state: str
    author: Actor | None
    can_push: bool
    commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """One open pull request, as GitHub shows it. Enum values are GitHub's own words."""

    id: str
    number: int
    title: str
    url: str
    author: Actor | None
    created_at: datetime
    updated_at: datetime
    state: str
    draft: bool
    base: str
    branch: str
    head: str
    """The head commit."""
    fork: bool
    mergeable: str
    merge_state: str
    review_decision: str | None
    in_merge_queue: bool = False
    needs_merge_queue: bool = False
    labels: frozenset[str] = frozenset()
    reviews: tuple[Review, ...] = ()
    checks: Checks | None = None
    """None when no check ever ran on the head."""
    files: tuple[str, ...] | None = None
    """The paths it touches; None while unread."""
    renames: bool = False
    """Whether a file was renamed, so that ``files`` lacks the name it had before."""
    all_files: bool = True
    """False when it touches more files than one page holds."""
    unread: tuple[str, ...] = ()
    """What GitHub would not say or did not say whole: such a pull request is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One open issue, without its text."""

    number: int
    title: str
    author: Actor | None
    association: str
    """GitHub's guess at who the author is; good for leaving strangers out, not for letting anybody in."""
    created_at: datetime
    updated_at: datetime
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The head of the base branch."""

    branch: str
    sha: str
    checks: Checks | None
    state: str | None
    """GitHub's own sum of the checks, used only where they could not be read one by one."""
    unread: tuple[str, ...] = ()
    """What GitHub would not say of it: then nothing is merged."""
    headlines: tuple[str, ...] = ()
    """First lines of the newest commits, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """Who acts for this fleet."""

    coordinator: Actor
    author: Actor
    reviewer: Actor

    @property
    def ours(self) -> frozenset[str]:
        """Ids that are not a person's; empty with one token for all, which is its owner's."""
        ids = {self.coordinator.id, self.author.id, self.reviewer.id}
        return frozenset(ids) if len(ids) > 1 else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that one pass reads of GitHub."""

    identities: Identities
    permission: str | None
    archived: bool
    squash_allowed: bool
    base: Base
    pulls: tuple[PullRequest, ...]
    """Open ones, oldest first."""
    issues: tuple[Issue, ...]
    """Open ones, oldest first."""
    unread: tuple[str, ...] = ()
    """What could not be read, for people; what it concerns is held or left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One place for a session of a role; its name is the lock."""

    role: str
    n: int

    @property
    def name(self) -> str:
        """``<role>-<n>``."""
        return f"{self.role}-{self.n}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One agent at work in a slot, or one that has ended and is still remembered."""

    slot: str
    role: str
    run: str
    running: bool
    started_at: datetime | None = None
    until: datetime | None = None
    pid: int | None = None
    stage: str = ""
    """prepare, agent, check or publish."""
    item: str = ""
    outcome: str = ""
    reason: str = ""
    """Why it ended so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One remembered thing: the newest commit of one ref under ``refs/fleet/``. Field names are those of its JSON."""

    oid: str = ""
    """The commit it was read from; empty for one that is yet to be written."""
    fleet: str = ""
    role: str = ""
    slot: str = ""
    run: str = ""
    host: str = ""
    state: str = ""
    """``taken`` (somebody works on it until ``until``) or ``done``."""
    at: datetime | None = None
    until: datetime | None = None
    item: str = ""
    attempt: int = 0
    outcome: str = ""
    reason: str = ""
    failures: int = 0
    """How many runs of this slot failed in a row, by their own fault."""
    cost_usd: float = 0.0
    """What the run cost; while ``taken``, what it may cost."""
    spent_usd: float = 0.0
    """What this slot spent on the day (UTC) of ``at``, this run included."""
    looked_at: datetime | None = None
    """When this slot last looked for work of its own, and at which base commit."""
    looked_base: str = ""
    branch: str = ""
    base: str = ""
    head: str = ""
    seen: str = ""
    """The item's ``updated_at`` that the outcome speaks of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All that is remembered, by the last part of the ref's name."""

    claims: Mapping[str, Entry] = field(default_factory=dict)
    looks: Mapping[str, Entry] = field(default_factory=dict)
    accounts: Mapping[str, Entry] = field(default_factory=dict)
    down: Entry | None = None
    unreadable: tuple[str, ...] = ()
    """Refs whose entry makes no sense; what they name counts as taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What came of asking one URL, at most twice."""

    url: str
    ok: bool
    answered: bool
    """False when nothing came back: refused, timed out, no such name."""
    detail: str
    seconds: float
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that went wrong in one step of a pass, and who must mend it."""

    step: str
    message: str
    person: bool = False
    """False: the next pass tries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that one pass knows: the only thing the deciders are given. None means unread, never "nothing"."""

    now: datetime
    host: str
    roster: Roster
    sessions: tuple[Session, ...] | None = ()
    strays: tuple[str, ...] = ()
    """Slots whose session is gone but left processes behind."""
    github: Snapshot | None = None
    ledger: Ledger | None = None
    probes: tuple[ProbeResult, ...] = ()
    memory_bytes: int | None = None
    """What the host can still give; None where it cannot be told."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Roles that cannot start, with what to do: a missing brief, a missing key."""
    problems: tuple[Problem, ...] = ()
