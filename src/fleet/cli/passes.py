"""`fleet reconcile`: one pass over each roster."""

import os
import signal
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fleet.cli.boundary import boundary
from fleet.cli.options import load_site, roster_path, secrets

if TYPE_CHECKING:
    from fleet.reconcile import Pass
    from fleet.report import Document
    from fleet.site import Site

GRACE = 30.0
"""Seconds past its deadline after which a pass is ended."""


def reconcile(
    rosters: Annotated[
        list[Path] | None, typer.Argument(help="Rosters; default: FLEET_ROSTER, else ./roster.yaml.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and decide; change nothing, anywhere.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document a roster, on one line.")] = False,
    log_format: Annotated[str | None, typer.Option(help="Events on stderr: json or console.")] = None,
) -> None:
    """Run one pass: inventory, spawn, merge, health check, report. Made for cron, every five minutes.

    Exit code: 0 all well, 1 something failed and the next pass tries again, 2 a person must mend something.
    """
    with boundary():
        if log_format not in (None, "json", "console"):
            raise typer.BadParameter("json or console", param_hint="--log-format")
        codes = [
            _one(path, dry_run=dry_run, json=json, log_format=log_format) for path in rosters or [roster_path(None)]
        ]
        raise typer.Exit(max(codes))


def _one(path: Path, *, dry_run: bool, json: bool, log_format: str | None) -> int:
    from fleet import report
    from fleet.errors import FleetError

    now = datetime.now(UTC)
    try:
        site = load_site(path)
    except FleetError as error:
        typer.echo(f"fleet: {error}", err=True)
        if json:
            show(report.refusal("", "", now.isoformat(), str(error), dry_run=dry_run), json=True)
        return 2
    start = time.monotonic()
    _watchdog()
    done = run_pass(site, now=now, dry_run=dry_run)
    if log_format:
        from fleet import log

        log.set_up(log_format, secrets(site))
        log.tell(done)
    show(report.document(done, duration_s=time.monotonic() - start), json=json)
    return done.exit_code


def _watchdog() -> None:
    """End a pass that a server keeps alive byte by byte; it may be ended at any instant, and cron starts the next."""
    from fleet.reconcile import DEADLINE

    def end(*_: object) -> None:
        sys.stderr.write(
            f"fleet: the pass took longer than {DEADLINE + GRACE:.0f} s and was ended; the next one goes on\n"
        )
        sys.stderr.flush()
        os._exit(1)

    signal.signal(signal.SIGALRM, end)
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # at once, also while a thread waits for a server
    signal.setitimer(signal.ITIMER_REAL, DEADLINE + GRACE)


def run_pass(site: "Site", *, now: datetime, dry_run: bool) -> "Pass":
    """One pass over the real world."""
    from fleet import act, ledger, orders, reconcile, sources
    from fleet.github.writer import Writer
    from fleet.spawners import SPAWNERS

    deadline = time.monotonic() + reconcile.DEADLINE
    spawner = SPAWNERS["local"](site.home)
    eyes = sources.sources(site, spawner, deadline=deadline, dry_run=dry_run)
    hands = act.Hands(
        spawner=spawner,
        order=lambda world, start: orders.order(site, world, start),
        merger=lambda: Writer(site.door("coordinator", deadline), site.roster.repo),
        again=eyes.again,
        prune=lambda claims: ledger.forget_claims(site.mirror("coordinator"), claims),
    )
    return reconcile.run(site.roster, eyes, hands, now=now, host=socket.gethostname(), dry_run=dry_run)


def show(document: "Document", *, json: bool) -> None:
    """Print a report: JSON, tables on a terminal, or plain lines in a pipe."""
    from fleet import report_text

    if json:
        import json as encoder

        typer.echo(encoder.dumps(document))
    elif sys.stdout.isatty():
        from rich.console import Console

        console = Console(no_color="NO_COLOR" in os.environ)
        for part in report_text.tables(document):
            console.print(part)
    else:
        for line in report_text.lines(document):
            typer.echo(line)
