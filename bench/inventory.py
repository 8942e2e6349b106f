"""What does it cost to see what runs? `LocalSpawner.sessions()`, beside a loop that does nothing but probe the locks.

Half of the slots are held by another process. A probe of each file is what cannot be saved. A second loop also reads
each note, which whoever wants to show more than a number must do; making facts of them and sorting is ours.
"""

import fcntl
import json
import math
import os
import statistics
import tempfile
from pathlib import Path

import held
import pairs
from fleet.spawners.local import LocalSpawner

SIZES = (38, 500, 5000)
ROUNDS = {38: 41, 500: 25, 5000: 15}
MOST, STEEPEST = 3, 1.15


def bare(folder: str) -> int:
    """Open, try the lock, close: how many are held."""
    taken = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            handle = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                taken += 1
            finally:
                os.close(handle)
    return taken


def informed(folder: str) -> list[tuple[bool, dict]]:
    """The same, and what each file says."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            handle = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
            taken = False
            try:
                note = json.loads(os.read(handle, 4096))
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                taken = True
            finally:
                os.close(handle)
            found.append((taken, note))
    return found


def main() -> None:
    pairs.machine()
    rows, medians = [], {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            home = Path(name)
            files = held.write(home / "slots", [f"coder-{n}" for n in range(size)])
            spawner = LocalSpawner(home)
            with held.holding(files[::2]):
                found = spawner.sessions()
                assert len(found) == size
                assert sum(session.running for session in found) == bare(str(home / "slots")) == len(files[::2])
                times = pairs.paired(spawner.sessions, lambda: bare(f"{name}/slots"), ROUNDS[size])
                noted = pairs.paired(spawner.sessions, lambda: informed(f"{name}/slots"), ROUNDS[size])
        rows.append(times.row(f"{size} slots, half of them held", MOST))
        rows.append((*noted.row("  beside probes and notes", 0)[:4], "", ""))
        medians[size] = (statistics.median(times.ours), statistics.median(times.other))
    steep = [math.log(medians[5000][n] / medians[500][n], 10) for n in (0, 1)]
    goal = (f"at most {STEEPEST}", pairs.verdict(ok=steep[0] <= STEEPEST))
    rows.append(("exponent, 500 to 5,000 slots", f"{steep[0]:.2f}", f"{steep[1]:.2f}", "", *goal))
    pairs.show("What runs: `LocalSpawner.sessions()`, beside a bare loop of flock probes (paired rounds)", rows)


if __name__ == "__main__":
    main()
