"""Sessions as processes of this host. One file a slot, and the flock on it is the session: no lock, nothing runs there.

Measured on Linux 6.18: 16 passes over 38 slots start exactly 38, and the kernel frees a lock when its last holder dies,
whatever killed it. Lock files are never unlinked (unlinking is the classic race) and must lie on a local disk.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.errors import SpawnError
from fleet.models import Problem, Session
from fleet.session import supervisor
from fleet.spawners import Order, Refused, Started, Taken
from fleet.spawners.locks import look, probe, read_record, take, write_record
from fleet.spawners.processes import MARK, end_all, marked, send_term

STOP_PATIENCE = 180.0
"""Seconds `stop` waits: ten for the agent, the rest for writing the outcome down."""


class LocalSpawner:
    """Sessions under ``home``, the folder of one fleet: ``slots/<slot>.lock`` and ``runs/<run>/``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.slots = home / "slots"
        self.runs = home / "runs"

    def sessions(self) -> Sequence[Session]:
        """Those that run, and the last one of each slot that has ended. Raises SpawnError."""
        try:
            names = sorted(name for name in os.listdir(self.slots) if name.endswith(".lock"))  # noqa: PTH208  paths cost more
            looked = [(name.removesuffix(".lock"), look(f"{self.slots}/{name}")) for name in names]
            return tuple(_session(slot, running=held, record=record) for slot, (held, record) in looked)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise SpawnError(f"{self.slots}: {error.strerror}") from error

    def strays(self) -> Sequence[str]:
        """Slots that are free although processes of an earlier session still live."""
        try:
            found = {self._slot(mark) for mark in marked(f"{self.slots}/")}
            return tuple(sorted(slot for slot in found if not probe(self._file(slot))))
        except OSError as error:
            raise SpawnError(f"{self.slots}: {error.strerror}") from error

    def start(self, order: Order) -> Started | Taken | Refused:
        """Take the slot's lock and hand it to a supervisor. Safe to repeat and to race."""
        file = self._file(order.slot)
        try:
            lock = take(file)
            if lock is None:
                return Taken("runs already")
            try:
                return self._start_locked(order, lock)
            finally:
                os.close(lock)  # the supervisor's copy keeps the slot
        except OSError as error:
            return Refused(f"{error.filename or file}: {error.strerror}")

    def _start_locked(self, order: Order, lock: int) -> Started | Taken | Refused:
        last = read_record(lock)
        if order.seen_at.timestamp() < last.get("started_at", 0) <= time.time():
            return Taken("ran since this pass looked")
        if last.get("stage") != "ended" and os.fstat(lock).st_size:  # a note torn by a kill counts too
            end_all(self._mark(order.slot))
        run_dir = self.runs / order.run
        run_dir.mkdir(parents=True, mode=0o700)
        until = order.until.timestamp()
        record = {"run": order.run, "role": order.role, "started_at": time.time(), "until": until, "stage": "starting"}
        env = {**order.env, MARK: self._mark(order.slot), "FLEET_RUN": order.run}
        document = {
            "run_dir": str(run_dir),
            "deadline": until,
            "record": record,
            "stages": order.stages,
            "job": {**order.job, "run_dir": str(run_dir)},
            "env": env,
        }
        kept = {key: value for key, value in document.items() if key != "env"}  # a proxy's address may hold a password
        (run_dir / "order.json").write_text(json.dumps(kept))
        with (run_dir / "supervisor.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", supervisor.__file__, str(lock), order.run],
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd="/", env=env,
                start_new_session=True, pass_fds=(lock,),
            )  # fmt: skip
        write_record(lock, {**record, "pid": child.pid})
        assert child.stdin
        try:
            with child.stdin:
                child.stdin.write(json.dumps({**document, "secrets": dict(order.secrets)}).encode())
        except BrokenPipeError:
            return Refused(f"the supervisor ended at once; see {run_dir}/supervisor.log")
        child.returncode = 0  # it outlives us; init reaps it
        return Started(order.run)

    def sweep(self, slot: str) -> int:
        """End what an earlier session left in a free slot; nothing when the slot is busy."""
        lock = take(self._file(slot))
        if lock is None:
            return 0
        try:
            return end_all(self._mark(slot))
        finally:
            os.close(lock)

    def stop(self, run: str) -> bool:
        """End one run and wait until its slot is free; a supervisor that does not go is killed and swept."""
        session = next((s for s in self.sessions() if s.run == run and s.running), None)
        if session is None or session.pid is None or not send_term(session.pid, run):
            return False
        file, end = self._file(session.slot), time.monotonic() + STOP_PATIENCE
        while probe(file) and time.monotonic() < end:
            time.sleep(0.1)
        if probe(file):
            send_term(session.pid, run, final=True)
            time.sleep(0.2)
            self.sweep(session.slot)
        return True

    def logs(self, run: str) -> Iterator[bytes]:
        """What one run has printed so far, stage by stage."""
        folder = self.runs / run
        if not folder.is_dir():
            raise SpawnError(f"{run}: no such run on this host; `fleet status` lists them")
        for name in ("supervisor.log", "prepare.log", "agent.out", "agent.err", "check.log", "publish.log"):
            with contextlib.suppress(FileNotFoundError):
                yield from _chunks(folder / name)

    def check(self) -> Sequence[Problem]:
        """Can slots be locked and runs be written?"""
        probe_file = self.slots / "doctor.probe"
        try:
            lock = take(probe_file)
            if lock is not None:
                os.close(lock)
            probe_file.unlink(missing_ok=True)
        except OSError as error:
            where = error.filename or self.home
            return [
                Problem(step="spawn", message=f"{where}: {error.strerror}; set FLEET_HOME to a folder you can write")
            ]
        return []

    def _file(self, slot: str) -> Path:
        return self.slots / f"{slot}.lock"

    def _mark(self, slot: str) -> str:
        return f"{self.slots}/{slot}"

    def _slot(self, mark: str) -> str:
        return mark.rsplit("/", 1)[1]


def _session(slot: str, *, running: bool, record: Mapping[str, Any]) -> Session:
    return Session(
        slot=slot,
        role=slot.rsplit("-", 1)[0],
        run=str(record.get("run", "")),
        running=running,
        started_at=_moment(record.get("started_at")),
        until=_moment(record.get("until")),
        pid=record.get("pid"),
        stage=str(record.get("stage", "")) if running else "",
        item=str(record.get("item", "")),
        outcome="" if running else str(record.get("outcome", "lost")),
        reason="" if running else str(record.get("reason", "")),
    )


def _moment(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, (int, float)) else None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(65536):
            yield chunk
