"""`fleet status`, `fleet logs`, `fleet stop`: the sessions of this host."""

import json as encoder
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli.boundary import boundary
from fleet.cli.options import RosterOption, load_site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleet.models import Session
    from fleet.spawners import Spawner


def status(
    roster: RosterOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show what runs in each slot, and how the last run of the others ended. Asks nobody but this host."""
    with boundary():
        spawner, rules = _spawner(roster)
        sessions = spawner.sessions()
        strays = spawner.strays()
        if json:
            typer.echo(encoder.dumps({"fleet": rules, "sessions": [_row(s) for s in sessions], "strays": list(strays)}))
            return
        running = sum(s.running for s in sessions)
        typer.echo(f"{rules}: {running} sessions running")
        for s in sessions:
            since = f"since {s.started_at:%H:%M:%S} UTC" if s.started_at else ""
            what = (
                f"{s.stage} {s.item} {since}".strip()
                if s.running
                else f"ended: {s.outcome}{': ' + s.reason if s.reason else ''}"
            )
            typer.echo(f"{'*' if s.running else ' '} {s.slot:26} {s.run:28} {what}")
        for slot in strays:
            typer.echo(f"! {slot}: processes of a dead session are left; the next pass ends them")


def logs(
    name: Annotated[str, typer.Argument(help="A slot, for its newest run, or a run.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    roster: RosterOption = None,
) -> None:
    """Print what a session has printed."""
    with boundary():
        spawner, _ = _spawner(roster)
        run = next((s.run for s in spawner.sessions() if s.slot == name), name)
        shown = 0
        while True:
            alive = any(s.run == run and s.running for s in spawner.sessions())
            text = b"".join(spawner.logs(run))
            sys.stdout.buffer.write(text[shown:])
            sys.stdout.buffer.flush()
            shown = len(text)
            if not (follow and alive):
                ended = next((s for s in spawner.sessions() if s.run == run and not s.running), None)
                if ended:
                    typer.echo(f"-- ended: {ended.outcome}{': ' + ended.reason if ended.reason else ''}")
                return
            time.sleep(0.5)


def stop(
    slot: Annotated[str | None, typer.Argument(help="The slot to stop.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every session of this fleet on this host.")] = False,
    roster: RosterOption = None,
) -> None:
    """Stop sessions. The next pass may start them again: to keep a role off, set `paused` or scale it to 0."""
    with boundary():
        spawner, _ = _spawner(roster)
        running = [s for s in spawner.sessions() if s.running and (everything or s.slot == slot)]
        if not (slot or everything):
            raise typer.BadParameter("name a slot, or --all")
        if not running and slot:
            typer.echo(f"{slot} does not run")
            raise typer.Exit(1)
        for line in _stop_all(spawner, running):
            typer.echo(line)


def _stop_all(spawner: "Spawner", running: "Sequence[Session]") -> list[str]:
    """Side by side: each may take a while to write down what happened."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=max(1, len(running))) as pool:
        stopped = pool.map(lambda s: spawner.stop(s.run), running)
        return [f"{s.slot}: {'stopped' if ok else 'had ended'}" for s, ok in zip(running, stopped, strict=True)]


def _spawner(roster: RosterOption) -> "tuple[Spawner, str]":
    from fleet.spawners import SPAWNERS

    site = load_site(roster)
    return SPAWNERS["local"](site.home), site.roster.fleet


def _row(session: "Session") -> dict[str, object]:
    return {
        "slot": session.slot,
        "role": session.role,
        "run": session.run,
        "running": session.running,
        "stage": session.stage or None,
        "item": session.item or None,
        "pid": session.pid if session.running else None,
        "started_at": session.started_at.isoformat() if session.started_at else None,
        "until": session.until.isoformat() if session.until else None,
        "outcome": session.outcome or None,
        "reason": session.reason or None,
    }
