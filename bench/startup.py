"""How long does a whole `fleet` process take, beside Python itself and beside the bare import of its packages?

Two questions: `fleet --help`, which a person waits for, and a quiet `reconcile --dry-run` with all 38 slots live
against a simulated GitHub, which cron starts every five minutes.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import held
import pairs
from fleet import ledger
from fleet.models import Entry
from fleet.sim.stage import Stage
from fleet.site import Site
from fleet.spawners.local import LocalSpawner

ROUNDS = 21
FLEET = str(Path(sys.executable).with_name("fleet"))
SIX = ("typer", "pydantic", "github", "httpx", "structlog", "yaml")
IMPORTS = [sys.executable, "-c", f"import {', '.join(SIX)}"]
SLOW = ("github", "httpx", "structlog", "rich", "pydantic")
MOST_MODULES = 200


def modules(argv: Sequence[str], env: dict[str, str]) -> list[str]:
    """The modules a Python process imports, from start to end."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *argv], env=env, capture_output=True, text=True, check=True
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return [line.rsplit("|", 1)[1].strip() for line in lines[1:]]


def run(argv: Sequence[str], env: dict[str, str]) -> None:
    """One whole process; whatever it prints is thrown away."""
    subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def help_text() -> None:
    """`fleet --help`, which should load neither PyGithub nor pydantic."""
    env = pairs.child_env()
    bare = [sys.executable, "-c", "pass"]
    times = pairs.paired(lambda: run([FLEET, "--help"], env), lambda: run(bare, env), ROUNDS)
    mine, theirs = modules(["-m", "fleet", "--help"], env), modules(["-c", "pass"], env)
    slow = [name for name in SLOW if name in mine]
    rows = [
        times.row("`fleet --help`, whole process", 10),
        (
            "modules loaded", str(len(mine)), str(len(theirs)), f"{len(mine) / len(theirs):.1f}x",
            f"at most {MOST_MODULES}", pairs.verdict(ok=len(mine) <= MOST_MODULES),
        ),
        (f"of {', '.join(SLOW)}", ", ".join(slow) or "none", "none", "", "none", pairs.verdict(ok=not slow)),
    ]  # fmt: skip
    pairs.show(f"`fleet --help`, beside `python -c pass` ({ROUNDS} paired rounds)", rows)


def remember(site: Site, slots: Sequence[str]) -> None:
    """Give the fleet a ledger: every slot has run once."""
    mirror, now = site.mirror("coordinator"), datetime.now(UTC)
    ledger.read(mirror, site.roster.fleet)
    entries = [
        (ledger.look_ref("demo", slot), Entry(at=now, fleet="demo", slot=slot, state="done", outcome="nothing"))
        for slot in slots
    ]
    ledger.swap(mirror, entries)


def quiet_pass() -> None:
    """A dry run that finds every slot held."""
    with tempfile.TemporaryDirectory() as name, Stage(Path(name), 38, os.environ) as stage:
        site = stage.site
        slots = [f"{key}-{n}" for key, role in site.roster.roles.items() for n in range(role.count)]
        github = {"GITHUB_API_URL": site.urls.api, "GITHUB_SERVER_URL": site.urls.server}
        env = pairs.child_env() | dict(site.env) | github | {"FLEET_HOME": str(site.home.parent)}
        argv = [FLEET, "reconcile", "--dry-run", str(site.roster_path)]
        remember(site, slots)
        with held.holding(held.write(site.home / "slots", slots)):
            run([argument for argument in argv if argument != "--dry-run"], env)  # who the identities are is kept
            live = sum(session.running for session in LocalSpawner(site.home).sessions())
            asked = len(stage.hub.requests)
            run(argv, env)
            paths = [request.path for request in stage.hub.requests[asked:]]
            times = pairs.paired(lambda: run(argv, env), lambda: run(IMPORTS, env), ROUNDS)
    graphql = paths.count("/graphql")
    what = f"dry run, {live} live slots, {graphql} GraphQL request, {len(paths) - graphql} of git"
    title = f"`fleet reconcile --dry-run`, beside `import {', '.join(SIX)}` ({ROUNDS} paired rounds)"
    pairs.show(title, [times.row(what, 1.5)])


if __name__ == "__main__":
    pairs.machine()
    help_text()
    quiet_pass()
