"""Where sessions run. One protocol, and a closed dict of those who keep it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from fleet.models import Problem, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All that one session needs. ``job`` goes to its stages as JSON; ``secrets`` never touch a disk."""

    slot: str
    role: str
    run: str
    seen_at: datetime
    """When the pass looked: a slot that was started since then has had its session."""
    until: datetime
    """The deadline, held by whoever runs the session."""
    stages: Mapping[str, Mapping[str, Any]]
    """``{name: {argv, seconds, secrets}}`` for prepare, check and publish."""
    job: Mapping[str, Any]
    env: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Started:
    """The session runs."""

    run: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The slot has its session already: a normal answer."""

    detail: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The place cannot start it now."""

    detail: str


class Spawner(Protocol):
    """A place where sessions run. A name that is taken is refused: nothing rests on ``sessions`` being fresh."""

    def sessions(self) -> Sequence[Session]:
        """Those that run, and the last one of each slot that has ended. Raises SpawnError."""
        ...

    def strays(self) -> Sequence[str]:
        """Slots that are free although processes of an earlier session still live. Raises SpawnError."""
        ...

    def start(self, order: Order) -> Started | Taken | Refused:
        """Start one session, decided by the kernel and not by us. Safe to repeat and to race."""
        ...

    def sweep(self, slot: str) -> int:
        """End what an earlier session left in a free slot; returns how many processes. Safe to repeat."""
        ...

    def stop(self, run: str) -> bool:
        """The operator's verb: end one run, by its id; False when it does not run. Waits until its slot is free."""
        ...

    def logs(self, run: str) -> Iterator[bytes]:
        """What one run has printed so far, in chunks. Raises SpawnError when there is no such run."""
        ...

    def check(self) -> Sequence[Problem]:
        """What keeps sessions from running here, for `fleet doctor`."""
        ...


def local(home: Path) -> Spawner:
    """Sessions as processes of this host; imported only when asked for."""
    from fleet.spawners.local import LocalSpawner

    return LocalSpawner(home)


SPAWNERS: dict[str, Callable[[Path], Spawner]] = {"local": local}
