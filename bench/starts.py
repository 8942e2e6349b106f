"""What do 38 starts by `LocalSpawner` cost beside 38 bare `Popen(["sleep"])`, and what does a sleeping session weigh?

A start takes the slot's lock, writes the order down, starts a supervisor and hands it the order. The pass waits for no
more than that, so that is what is timed; then it is seen how long all 38 agents take to be up, and how much memory
the supervisors hold while their agents sleep.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pairs
from fleet.spawners import Order, Started
from fleet.spawners.local import LocalSpawner
from fleet.spawners.processes import send_term

SLOTS, ROUNDS = 38, 15
MOST, MOST_RSS = 6, 16.0
MIB = 1024  # kB, as /proc has them
SLEEP = ("sleep", "600")
WAIT = (sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()")
LEAVE_PLAN = 'cat >/dev/null; printf %s "$1" >"$2/plan.json"'
PATIENCE = 60.0


def order(home: Path, n: int) -> Order:
    """A session whose prepare leaves a plan, and whose agent sleeps."""
    run, now = f"20250101-000000-{n:08x}", datetime.now(UTC)
    env = {"PATH": os.environ.get("PATH", os.defpath)}
    plan = {"argv": SLEEP, "env": env, "prompt": os.devnull, "cwd": "/", "seconds": 600}
    prepare = ["sh", "-c", LEAVE_PLAN, "sh", json.dumps(plan), str(home / "runs" / run)]
    stage = {"argv": ["true"], "seconds": 60, "secrets": False}
    return Order(
        slot=f"coder-{n}", role="coder", run=run, seen_at=now, until=now + timedelta(hours=1),
        stages={"prepare": {**stage, "argv": prepare}, "check": stage, "publish": stage},
        job={"brief": "x" * 1000, "open_pulls": [f"#{i} Change thing {i}" for i in range(200)]},
        env=env, secrets={"KEY": "fake"},
    )  # fmt: skip


class Fleet:
    """Thirty-eight slots in a folder of their own."""

    def __init__(self, home: Path) -> None:
        self.spawner = LocalSpawner(home)
        self.orders = [order(home, n) for n in range(SLOTS)]
        self.pids: list[int] = []

    def start(self) -> None:
        for one in self.orders:
            answer = self.spawner.start(one)
            assert isinstance(answer, Started), answer

    def wait(self, stage: str) -> None:
        """Until every session is there; an empty stage is that of those that have ended."""
        end = time.monotonic() + PATIENCE
        found = self.spawner.sessions()
        while any(session.stage != stage for session in found):
            assert time.monotonic() < end, [session.stage for session in found]
            time.sleep(0.005)
            found = self.spawner.sessions()
        self.pids = [session.pid for session in found if session.pid]

    def stop(self) -> None:
        """Tell the supervisors, each by its run, and wait until every slot is free."""
        for session in self.spawner.sessions():
            if session.running and session.pid:
                send_term(session.pid, session.run)
        self.wait("")


@contextlib.contextmanager
def fleet() -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory() as name:
        one = Fleet(Path(name))
        try:
            yield one
        finally:
            one.stop()


def time_bare(argv: Sequence[str]) -> float:
    """Seconds of a loop that starts a plain command as often."""
    null = subprocess.DEVNULL
    start = time.perf_counter()
    children = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=null, stderr=null, start_new_session=True)
        for _ in range(SLOTS)
    ]
    took = time.perf_counter() - start
    for child in children:
        child.kill()
    for child in children:
        child.communicate()
    return took


def time_fleet() -> tuple[float, float, list[dict[str, int]]]:
    """Seconds of our loop and until our agents are up, and the memory of the supervisors."""
    with fleet() as ours:
        start = time.perf_counter()
        ours.start()
        took = time.perf_counter() - start
        ours.wait("agent")
        up = time.perf_counter() - start
        return took, up, [memory(pid) for pid in ours.pids]


def memory(pid: int) -> dict[str, int]:
    """kB of RSS, and of PSS where this account may know: supervisors close their memory to all but root."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    with contextlib.suppress(PermissionError):
        lines += Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    found = (line.split() for line in lines if line.startswith(("VmRSS:", "Pss:")))
    return {words[0].rstrip(":"): int(words[1]) for words in found}


def forks() -> int:
    """How many of the pass's own 38 starts ask for a preexec_fn, which forks."""
    asked = []

    class Watched(subprocess.Popen):
        def __init__(self, *args: object, **kwargs: object) -> None:
            asked.append(kwargs.get("preexec_fn") is not None)
            super().__init__(*args, **kwargs)

    usual, subprocess.Popen = subprocess.Popen, Watched
    try:
        with fleet() as ours:
            ours.start()
            ours.wait("agent")
    finally:
        subprocess.Popen = usual
    assert len(asked) == SLOTS
    return sum(asked)


def main() -> None:
    pairs.machine()
    if not Path("/proc").is_dir():
        print("memory and process ids are read from /proc, which is not here")
        return
    forked = forks()  # also the round that is thrown away
    loop, python, up = pairs.Pairs([], []), pairs.Pairs([], []), pairs.Pairs([], [])
    held: list[dict[str, int]] = []
    for n in range(ROUNDS):
        bare = (time_bare(SLEEP), time_bare(WAIT)) if n % 2 else ()
        took, until_up, held = time_fleet()
        bare = bare or (time_bare(SLEEP), time_bare(WAIT))
        for one, ours, other in ((loop, took, bare[0]), (python, took, bare[1]), (up, until_up, bare[0])):
            one.ours.append(ours)
            one.other.append(other)
    assert len(held) == SLOTS
    rows = [
        loop.row(f"{SLOTS} starts: the loop of the pass", MOST),
        (*python.row("  beside 38 bare Popen(python -I -S)", 0)[:4], "", ""),
        (*up.row("  until all agents are up (not awaited)", 0)[:4], "", ""),
        ("  starts with a preexec_fn", str(forked), "0", "", "0", pairs.verdict(ok=forked == 0)),
    ]
    pairs.show(f"{SLOTS} starts, beside {SLOTS} bare Popen(sleep) ({ROUNDS} paired rounds)", rows)
    head = ("what", "median", "largest", "sum", "goal", "")
    pairs.show(f"Memory of {SLOTS} supervisors while their agents sleep", weights(held), head=head)


def weights(held: list[dict[str, int]]) -> list[tuple[str, ...]]:
    """RSS, and PSS where it could be read."""
    rows = []
    for key, what in (("VmRSS", "RSS"), ("Pss", "PSS")):
        if sizes := [one[key] / MIB for one in held if key in one]:
            numbers = (statistics.median(sizes), max(sizes), sum(sizes))
            goal = (
                (f"at most {MOST_RSS:g} MiB", pairs.verdict(ok=numbers[0] <= MOST_RSS)) if what == "RSS" else ("", "")
            )
            rows.append((what, *(f"{number:.1f} MiB" for number in numbers), *goal))
        else:
            rows.append((what, "not told to this account", "", "", "", ""))
    return rows


if __name__ == "__main__":
    main()
