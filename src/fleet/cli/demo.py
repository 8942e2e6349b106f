"""`fleet demo`: a whole fleet at work on a simulated GitHub, offline, without a token or a model. About a minute."""

import json as encoder
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet.cli.boundary import boundary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Group

    from fleet.sim.demo import Frame


def demo(
    json: Annotated[
        bool, typer.Option("--json", help="One JSON document at the end: the last report and a summary.")
    ] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep the demo's files in this new folder.")] = None,
) -> None:
    """Show the main job offline: issues filed, claimed, built, reviewed, merged; failures; production going down."""
    with boundary():
        _need_the_extra()
        if keep:
            keep.mkdir(parents=True)
            _run(keep.absolute(), json=json)
            return
        with tempfile.TemporaryDirectory(prefix="fleet-demo-", ignore_cleanup_errors=True) as folder:
            _run(Path(folder), json=json)


def _run(folder: Path, *, json: bool) -> None:
    from fleet.cli.passes import run_pass
    from fleet.sim import demo as show
    from fleet.sim.stage import Stage

    if not json:
        typer.echo(
            "A simulated GitHub, and scripted agents in place of a model, for about a minute. Some agents crash, hang\n"
            "or talk nonsense on purpose, two change the same line, and production goes down once.\n"
        )
    sessions = 2 + 2 * (os.cpu_count() or 2)
    with Stage(folder, sessions, os.environ) as stage:
        frames = show.play(stage, lambda site, now: run_pass(site, now=now, dry_run=False))
        last = _quietly(frames) if json else _live(frames) if sys.stdout.isatty() else _plainly(frames)
        summary = show.summary(stage, last.passes)
    if json:
        typer.echo(encoder.dumps({"report": last.document, "summary": summary}))
    else:
        _tell(last.document, summary)


def _quietly(frames: "Iterator[Frame]") -> "Frame":
    return list(frames)[-1]


def _plainly(frames: "Iterator[Frame]") -> "Frame":
    """One line an event, for a pipe."""
    last = None
    for last in frames:
        for event in last.events:
            typer.echo(f"{last.seconds:5.1f} s  {event}")
    assert last
    return last


def _live(frames: "Iterator[Frame]") -> "Frame":
    """A table that follows the sessions, and the events as they come, for a terminal."""
    from rich.console import Console
    from rich.live import Live

    console = Console(no_color="NO_COLOR" in os.environ)
    last = None
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        for last in frames:
            for event in last.events:
                live.console.print(f"{last.seconds:5.1f} s  {event}", markup=False, highlight=False)
            live.update(_picture(last))
    assert last
    return last


def _picture(frame: "Frame") -> "Group":
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from fleet.report_text import COLOURS, headline
    from fleet.sim.demo import LASTS

    table = Table(box=None, pad_edge=False)
    for column in ("session", "stage", "item"):
        table.add_column(column, min_width=14)
    for row in frame.running:
        table.add_row(*row)
    colour = COLOURS[frame.document["health"]["verdict"]] if frame.document else "dim"
    head = headline(frame.document) if frame.document else "setting the stage"
    bar = ProgressBar(total=LASTS, completed=frame.seconds, width=60)
    return Group(Text(), Text(head, style=f"bold {colour}"), bar, Text(), table)


def _tell(document: dict[str, Any], summary: dict[str, Any]) -> None:
    from fleet.cli.passes import show

    typer.echo("\nThe last pass reported:\n")
    show(document, json=False)
    ended = ", ".join(f"{n} {outcome}" for outcome, n in summary["outcomes"].items())
    conflicts = ", ".join(f"#{n}" for n in summary["pulls_in_conflict"]) or "none"
    typer.echo(f"""
What happened in {summary["passes"]} passes:
  sessions       {summary["sessions"]} ended: {ended}
  issues         {summary["issues_filed"]} filed by thinkers, {summary["issues_closed"]} closed by merges
  pull requests  {summary["pulls_opened"]} opened, {summary["pulls_merged"]} squash-merged, in conflict: {conflicts}
  reviews        {summary["approvals"]} approvals, {summary["changes_requested"]} requests for changes
  GitHub         {summary["github_requests"]} requests, git included; nothing left this machine

The failures were staged; `fleet demo --keep DIR` keeps the logs.
Next: your own repository, in five commands: see README.md.""")


def _need_the_extra() -> None:
    from importlib.util import find_spec

    from fleet.errors import ConfigError

    if find_spec("graphql") is None:
        raise ConfigError("the demo needs graphql-core; in a checkout of fleet: `make demo`, or pip install '.[demo]'")
