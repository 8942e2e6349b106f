"""The host's bare copy of the repository: a cache for clones and for the ledger. Delete it at will while nothing runs.

One writer at a time: a lock file beside it is held by whoever fetches, and by the git process that does it, so that a
killed pass cannot leave a half-written mirror to the next one.
"""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import ConfigError, GitError, LostRaceError
from fleet.git import Git, Remote

_LOST = (
    "stale info",
    "cannot lock ref",
    "already exists",
    "incorrect old value",
    "failed to lock",
    "atomic push failed",
)
ABSENT = ""
"""As the old value of a swap: the ref must not exist. As the new one: delete it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Move one ref from what was seen to something new."""

    ref: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A bare repository at ``path`` that follows ``remote``."""

    path: Path
    remote: Remote
    git: Git

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the mirror for writing; yields the lock's descriptor.

        Raises GitError when it is not free in time, ConfigError when it cannot be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"{self.path.parent}: {error.strerror}; set FLEET_HOME to a folder you can write"
            ) from error
        try:
            deadline = time.monotonic() + self.git.timeout
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise GitError(f"{self.path}: another git has held it for {self.git.timeout:.0f} s") from None
                    time.sleep(0.02)
            yield handle
        finally:
            os.close(handle)

    def fetch(self, *refspecs: str, unless: Sequence[str] = ()) -> None:
        """Bring refs up to date, gone ones too. Nothing is asked when all objects of ``unless`` are here. GitError."""
        with self.locked() as handle:
            self._prepare()
            if unless and all(self.has(oid) for oid in unless):
                return
            self.git.run(
                "fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", self.remote.url, *refspecs,
                at=self.path, remote=self.remote, keep=(handle,),
            )  # fmt: skip

    def push(self, swaps: Sequence[Swap]) -> None:
        """Move all refs at once or none. Raises LostRaceError when one is not what was seen, GitError for the rest.

        A lost answer is settled by reading the refs again, so this is safe to repeat.
        """
        leases = [f"--force-with-lease={s.ref}:{s.old}" for s in swaps]
        specs = [f"{s.new}:{s.ref}" for s in swaps]
        try:
            self.git.run(
                "push", "--porcelain", "--atomic", *leases, self.remote.url, *specs, at=self.path, remote=self.remote
            )
        except GitError as error:
            if any(word in error.output for word in _LOST):
                raise LostRaceError(f"{swaps[0].ref} was moved by somebody else") from error
            if self._landed(swaps):
                return
            raise

    def has(self, oid: str) -> bool:
        """Whether an object is here."""
        return self.git.run("cat-file", "-e", oid, at=self.path, ok=(0, 1, 128)).returncode == 0

    def _landed(self, swaps: Sequence[Swap]) -> bool:
        try:
            done = self.git.run("ls-remote", self.remote.url, *[s.ref for s in swaps], remote=self.remote)
        except GitError:
            return False
        there = {ref: oid for oid, ref in (line.split("\t") for line in done.stdout.decode().splitlines())}
        return all(there.get(s.ref, ABSENT) == s.new for s in swaps)

    def _prepare(self) -> None:
        """Make the repository if it is not there, and drop locks of killed gits: the mirror's lock is ours."""
        if not all((self.path / part).exists() for part in ("HEAD", "config", "objects/info", "refs")):
            # Safe to run again over one that was cut short, such as by a full disk.
            self.git.run("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(self.path))
            self.git.run("config", "gc.auto", "0", at=self.path)
        for stale in (*self.path.glob("*.lock"), *(self.path / "refs").rglob("*.lock")):
            stale.unlink(missing_ok=True)


@contextlib.contextmanager
def throwaway(remote: Remote, git: Git) -> Iterator[Mirror]:
    """A mirror in memory for a dry run, gone afterwards: nothing is written where it would stay."""
    memory = Path("/dev/shm")  # noqa: S108  a folder in memory on Linux; elsewhere the account's temporary folder
    with tempfile.TemporaryDirectory(prefix="fleet-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Mirror(path=Path(folder) / "mirror.git", remote=remote, git=git)
