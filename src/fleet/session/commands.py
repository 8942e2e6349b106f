"""The operator's own commands in a clone, ``setup`` and ``check``: run only where the roster trusts its agents."""

import os
import subprocess
from pathlib import Path

from fleet.spawners.processes import MARK

LAST_LINES = 20


def run(command: str, clone: Path, seconds: float) -> str | None:
    """Run a shell command of the roster in the clone, in an environment made from nothing; None when it succeeded.

    Otherwise what it printed last. What it starts carries the session's mark, so that nothing of it can stay behind.
    """
    work = clone.parent
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(work / "home"), "TMPDIR": str(work / "tmp")}
    env |= {"LANG": "C.UTF-8"} | {name: os.environ[name] for name in (MARK, "FLEET_RUN") if name in os.environ}
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=clone, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"`{command}` did not end within {seconds:.0f} s"
    if done.returncode == 0:
        return None
    lines = done.stdout.decode(errors="replace").strip().splitlines()[-LAST_LINES:]
    return f"`{command}` ended with exit code {done.returncode}: " + "\n".join(lines)
