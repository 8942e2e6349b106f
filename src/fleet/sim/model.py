"""The nouns of the simulated GitHub. Rule: plain records; who may change them, and when, is `world.py`'s business."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from fleet.sim.git import Git

Level = Literal["none", "read", "triage", "write", "maintain", "admin"]
LEVELS: tuple[Level, ...] = ("none", "read", "triage", "write", "maintain", "admin")
Parsed = Any  # what JSON was read as; its form is checked where it is used
PASSING = ("success", "neutral", "skipped")  # docs: "Required status checks", what counts as successful


class ApiError(Exception):
    """A refusal, as GitHub words it: HTTP status, message and the list `errors`."""

    def __init__(self, status: int, message: str, errors: list[Any] | None = None) -> None:
        super().__init__(f"{status} {message}" + (f" {errors}" if errors else ""))
        self.status = status
        self.message = message
        self.errors = errors or []


def invalid(resource: str, code: str, *, field_name: str = "", message: str = "") -> ApiError:
    """The 422 GitHub sends for a bad field."""
    entry = {"resource": resource, "code": code, "field": field_name, "message": message}
    return ApiError(422, "Validation Failed", [{key: value for key, value in entry.items() if value}])


@dataclass(eq=False)
class User:
    """An account: a person, a Bot (a GitHub App) or an Organization."""

    login: str
    id: int
    kind: str = "User"

    @property
    def node_id(self) -> str:
        """The id GraphQL knows the account by."""
        return f"{'BOT' if self.kind == 'Bot' else 'U'}_{self.id:06d}"

    @property
    def email(self) -> str:
        """The address GitHub gives to hide the real one."""
        return f"{self.id}+{self.login}@users.noreply.github.com"


@dataclass(eq=False)
class Label:
    """A label a repository knows."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(frozen=True)
class Event:
    """A timeline item: labeled, unlabeled, renamed, closed, reopened, merged."""

    id: int
    kind: str
    actor: User
    at: datetime
    label: str = ""


@dataclass(eq=False)
class Comment:
    """A comment under an issue or a pull request."""

    id: int
    author: User
    body: str
    at: datetime


@dataclass(eq=False)
class Issue:
    """An issue, or what a pull request has in common with one."""

    repo: Repo
    number: int
    id: int
    title: str
    body: str
    author: User
    created: datetime
    updated: datetime
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    state: str = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    closed_by: User | None = None
    edited_at: datetime | None = None
    editor: User | None = None

    @property
    def node_id(self) -> str:
        """The id GraphQL knows it by."""
        return f"{'PR' if isinstance(self, Pull) else 'I'}_{self.id:06d}"


@dataclass(eq=False)
class Review:
    """One review; `commit` stays what it was when the review was given."""

    id: int
    author: User
    state: str
    body: str
    commit: str
    at: datetime
    comments: list[dict[str, Any]] = field(default_factory=list)


@dataclass(eq=False, kw_only=True)
class Pull(Issue):
    """A pull request from a branch of the same repository."""

    head: str
    base: str
    head_sha: str
    base_sha: str
    draft: bool = False
    reviews: list[Review] = field(default_factory=list)
    merged_at: datetime | None = None
    merged_by: User | None = None
    merge_sha: str | None = None
    queued: bool = False
    fork: bool = False  # taken for one from a fork; its branch is here all the same
    known: tuple[str, str] | None = None  # the (base, head) whose mergeability was computed, for `lag`


@dataclass(frozen=True)
class Status:
    """A commit status."""

    id: int
    context: str
    state: str
    creator: User
    at: datetime
    description: str | None = None
    target_url: str | None = None


@dataclass(frozen=True)
class CheckRun:
    """A check run; `workflow` and `event` only for those of GitHub Actions."""

    id: int
    name: str
    status: str
    conclusion: str | None
    app: str
    started: datetime
    completed: datetime | None
    workflow: str | None = None
    event: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def passing(self) -> bool:
        """Whether protection takes it for passed."""
        return self.status == "completed" and self.conclusion in PASSING


@dataclass(frozen=True)
class Protection:
    """What a branch asks before it takes a merge. Admins may pass it by unless `enforce_admins`."""

    checks: tuple[str, ...] = ()
    reviews: int = 0
    strict: bool = False
    dismiss_stale: bool = False
    enforce_admins: bool = False


@dataclass(eq=False)
class Repo:
    """A repository: its git side and everything GitHub keeps beside it."""

    account: User
    owner: User
    name: str
    id: int
    git: Git
    default: str
    levels: dict[str, Level] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    statuses: dict[str, list[Status]] = field(default_factory=dict)
    checks: dict[str, list[CheckRun]] = field(default_factory=dict)
    protection: dict[str, Protection] = field(default_factory=dict)
    merge_queues: set[str] = field(default_factory=set)
    lag: bool = False
    squash_allowed: bool = True
    delete_on_merge: bool = False
    archived: bool = False

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.account.login}/{self.name}"

    def either(self, number: int) -> Issue | None:
        """The issue or pull request with this number: they share one row of numbers."""
        return self.issues.get(number) or self.pulls.get(number)
