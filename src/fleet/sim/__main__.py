"""`python -m fleet.sim`: the simulated GitHub as a process of its own. Rule: one JSON line, then silence."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
from pathlib import Path

from fleet.sim.seed import FLEET, seed, token_of
from fleet.sim.server import Simulator


def main() -> int:
    """Serve a seeded world until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m fleet.sim", description="A simulated GitHub on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--root", type=Path, help="where the repositories go; a temporary folder if not given")
    parser.add_argument("--requests", type=Path, help="write each request to this file, as a line of JSON")
    options = parser.parse_args()
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    with tempfile.TemporaryDirectory(prefix="fleet-sim-") as folder:
        log = options.requests.open("a", encoding="utf-8") if options.requests else None
        with Simulator(options.root or Path(folder), port=options.port, log=log) as hub:
            repo = seed(hub.world)
            tokens = {login: token_of(login) for login in ("ana", *FLEET)}
            sys.stdout.write(json.dumps({"url": hub.url, "repo": repo.full_name, "tokens": tokens}) + "\n")
            sys.stdout.flush()
            done.wait()
        if log:
            log.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
