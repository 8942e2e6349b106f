"""Users, tokens, repositories and refs. Rule: every change of a ref passes through `moved`, whoever made it."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from fleet.sim import rules
from fleet.sim.git import ZERO, Git, GitError
from fleet.sim.model import ApiError, Label, Protection, Repo, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from fleet.sim.model import Level, Pull

    Change = tuple[Repo, str, str | None, str | None]

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="Store")


def locked(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Let a method hold the world's lock."""

    def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.hold():
            return method(self, *args, **kwargs)

    call.__name__, call.__doc__ = method.__name__, method.__doc__
    return call


def read_clock() -> datetime:
    """The time of the machine."""
    return datetime.now(UTC)


class Store:
    """The part of the world that is not about issues."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock: Callable[[], datetime] = read_clock
        self.users: dict[str, User] = {}
        self.tokens: dict[str, User] = {}
        self.repos: dict[str, Repo] = {}
        self.on_change: list[Callable[[Repo, str, str | None, str | None], None]] = []
        self.ids = itertools.count(1)
        self.points = 5000  # requests, and GraphQL points, of one user in an hour
        self._lock = threading.RLock()
        self._depth = 0
        self._due: list[Change] = []
        self._asked: dict[Pull, tuple[str, str]] = {}

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock; afterwards, and outside it, tell `on_change` what moved meanwhile."""
        due: list[Change] = []
        try:
            with self._lock:
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                    if not self._depth:
                        due, self._due = self._due, []
                        self._settle()
        finally:
            for change, listener in itertools.product(due, tuple(self.on_change)):
                listener(*change)

    def _settle(self) -> None:
        """End of a request: what it asked about has been computed by the time of the next one."""
        for pull, pair in self._asked.items():
            pull.known = pair
        self._asked.clear()

    def now(self) -> datetime:
        """The world's time, in whole seconds as GitHub tells it."""
        return self.clock().replace(microsecond=0)

    # accounts

    @locked
    def add_user(self, login: str, *, token: str = "", kind: str = "User") -> User:
        """An account, made at its first mention; `kind` is "User" or "Bot"."""
        user = self.users.setdefault(login.lower(), User(login, next(self.ids), kind))
        if token:
            self.tokens[token] = user
        return user

    @locked
    def permit(self, repo: Repo, user: User, level: Level) -> None:
        """Give a user a permission; "none" hides the repository from them."""
        repo.levels[user.login.lower()] = level

    def need(self, repo: Repo, user: User, least: Level, message: str = "") -> None:
        """Refuse those with less than this permission, and any change of an archived repository."""
        if not rules.allows(repo, user, least):
            raise ApiError(403, message or "Resource not accessible by personal access token")
        if repo.archived:
            raise ApiError(403, "Repository was archived so is read-only.")

    # repositories

    @locked
    def add_repo(self, name: str, *, owner: User, files: Mapping[str, str] | None = None, branch: str = "main") -> Repo:
        """A public repository with one commit; `owner` counts as the owner of the account too."""
        account_name, _, short = name.partition("/")
        if name.lower() in self.repos:
            raise ApiError(422, "Repository creation failed.", ["name already exists on this account"])
        account = self.add_user(account_name, kind="Organization")
        git = Git(self.root / account_name / f"{short}.git", branch)
        repo = Repo(account, owner, short, next(self.ids), git, branch)
        self.repos[name.lower()] = repo
        for label in ("bug", "enhancement"):
            repo.labels[label] = Label(next(self.ids), label)
        self.commit(repo, branch, files or {"README.md": f"# {short}\n"}, "Initial commit", owner)
        return repo

    @locked
    def protect(
        self,
        repo: Repo,
        branch: str,
        *,
        checks: Sequence[str] = (),
        reviews: int = 0,
        strict: bool = False,
        dismiss_stale: bool = False,
        enforce_admins: bool = False,
    ) -> None:
        """Protect a branch (replaces what protected it)."""
        repo.protection[branch] = Protection(tuple(checks), reviews, strict, dismiss_stale, enforce_admins)

    # refs

    @locked
    def commit(
        self,
        repo: Repo,
        branch: str,
        files: Mapping[str, str | None],
        message: str,
        user: User,
        base: str | None = None,
    ) -> str:
        """Commit on a branch, made from `base` (or the default branch) if need be. None deletes a file."""
        ref = f"refs/heads/{branch}"
        old = repo.git.refs.get(ref)
        parent = old or repo.git.refs.get(f"refs/heads/{base or repo.default}")
        new = repo.git.write(branch, parent, files, message, (user, self.now()))
        self.moved(repo, {ref: (old, new)}, user)
        return new

    @locked
    def set_ref(self, repo: Repo, ref: str, new: str | None, user: User, old: str | None) -> None:
        """Move a ref from `old` to `new`; None is absence."""
        self.swap(repo, ref, new, old)
        self.moved(repo, {ref: (old, new)}, user)

    def swap(self, repo: Repo, ref: str, new: str | None, old: str | None) -> None:
        """Move a ref if it still is at `old`; `moved` has to follow."""
        try:
            repo.git.set(ref, new, old or ZERO)
        except GitError as error:
            # The one 405 that is worth another try (cli/cli#8092, test-infra#5171).
            raise ApiError(405, "Base branch was modified. Review and try the merge again.") from error

    def moved(self, repo: Repo, changes: Mapping[str, tuple[str | None, str | None]], user: User) -> None:
        """Draw the conclusions of refs that have moved: {ref: (old, new)}."""
        for ref, (old, new) in changes.items():
            self._due.append((repo, ref, old, new))
            if ref.startswith("refs/heads/"):
                self.branch_moved(repo, ref.removeprefix("refs/heads/"), (old, new), user)

    def branch_moved(self, repo: Repo, branch: str, change: tuple[str | None, str | None], user: User) -> None:
        """What a moved branch means to pull requests; `world.py` knows."""

    def head(self, repo: Repo, branch: str) -> str:
        """The commit a branch is at."""
        sha = repo.git.refs.get(f"refs/heads/{branch}")
        if sha is None:
            raise ApiError(404, "Branch not found")
        return sha

    def file(self, repo: Repo, branch: str, path: str) -> str | None:
        """The text of a file on a branch; None if it is not there."""
        data = repo.git.show(self.head(repo, branch), path)
        return None if data is None else data.decode()

    def resolve(self, repo: Repo, name: str) -> str:
        """The commit that a branch, tag, ref or full sha names."""
        refs = repo.git.refs
        for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}", name):
            if candidate in refs:
                return refs[candidate]
        if repo.git.has_commit(name):
            return name
        raise ApiError(422, f"No commit found for SHA: {name}")
