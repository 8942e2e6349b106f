"""Slots that look alive: their files, and one small process that holds the locks of as many as it is told to."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HOLDER = """
import fcntl, os, resource, sys
paths = sys.stdin.read().split("\\n")
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
for path in filter(None, paths):
    fcntl.flock(os.open(path, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
print("held", flush=True)
os.read(int(sys.argv[1]), 1)
"""


def write(folder: Path, slots: Sequence[str]) -> list[Path]:
    """A file a slot, with the note that a supervisor keeps in it."""
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time()
    for n, slot in enumerate(slots):
        note = {
            "run": f"20250101-000000-{n:08x}", "role": slot.rsplit("-", 1)[0], "started_at": now, "until": now + 3600,
            "stage": "agent", "pid": 2**22 + n, "item": f"issue-{n}",
        }  # fmt: skip
        (folder / f"{slot}.lock").write_text(json.dumps(note))
    return [folder / f"{slot}.lock" for slot in slots]


@contextlib.contextmanager
def holding(files: Sequence[Path]) -> Iterator[None]:
    """Hold the locks of these files in another process."""
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", HOLDER, str(reading)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=(reading,),
    )  # fmt: skip
    os.close(reading)
    try:
        assert child.stdin
        assert child.stdout
        child.stdin.write("\n".join(map(str, files)))
        child.stdin.close()
        assert child.stdout.readline() == "held\n"
        yield
    finally:
        os.close(writing)
        child.wait()
        child.stdout.close()
