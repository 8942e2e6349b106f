"""`fleet roster`: show, check and edit roster.yaml in place."""

from typing import Annotated

import typer

from fleet.cli.boundary import boundary
from fleet.cli.options import RosterOption, roster_path

app = typer.Typer(help="Show, check and edit the roster.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def show(roster: RosterOption = None) -> None:
    """List the roles."""
    with boundary():
        from fleet import roster as rosters

        rules = rosters.load(roster_path(roster))
        typer.echo(f"{rules.fleet} on {rules.repo}")
        for key, role in rules.roles.items():
            labels = f" takes {', '.join(role.labels)}" if role.labels else ""
            paused = " (paused)" if role.paused else ""
            typer.echo(f"{role.count:3} {key:24} {role.mode:14} {role.department:15} {role.title}{labels}{paused}")
        typer.echo(f"{sum(r.count for r in rules.roles.values()):3} sessions in {len(rules.roles)} roles")


@app.command()
def check(roster: RosterOption = None) -> None:
    """Check the roster and its briefs; exit code 2 when something is wrong."""
    with boundary():
        from fleet import roster as rosters

        path = roster_path(roster)
        rules = rosters.load(path)
        missing = rosters.missing_briefs(rules, path.absolute().parent)
        for key, complaint in missing.items():
            typer.echo(f"{key}: {complaint}", err=True)
        if missing:
            raise typer.Exit(2)
        sessions = sum(role.count for role in rules.roles.values())
        typer.echo(f"{path}: well-formed; {len(rules.roles)} roles, {sessions} sessions, all briefs there")


@app.command()
def scale(
    changes: Annotated[list[str], typer.Argument(help="role=N, role=+N or role=-N; a short name will do.")],
    roster: RosterOption = None,
) -> None:
    """Change how many sessions of a role to keep: `fleet roster scale reviewer=6`. All changes or none."""
    with boundary():
        from fleet import roster_edit

        _tell(roster_edit.scale(roster_path(roster), changes))


@app.command()
def add(
    key: Annotated[str, typer.Argument(help="The role's key, such as game_tester.")],
    brief: Annotated[str, typer.Option(help="One or two sentences: what the role is for.")],
    mode: Annotated[str, typer.Option(help="thinker, task_driven, self_directed or reviewer.")] = "self_directed",
    count: Annotated[int, typer.Option(help="How many sessions of it to keep.")] = 1,
    title: Annotated[str | None, typer.Option(help="Default: the key in words.")] = None,
    department: Annotated[str, typer.Option(help="The group it is listed under.")] = "Engineering",
    label: Annotated[
        list[str] | None, typer.Option(help="An issue label it takes (task_driven); may be repeated.")
    ] = None,
    roster: RosterOption = None,
) -> None:
    """Add a role and write its brief; the next pass starts it."""
    with boundary():
        from fleet import roster_edit
        from fleet.errors import RosterError

        if not brief.strip():
            raise RosterError("a role needs a brief: one or two sentences that say what it is for")
        fields: dict[str, object] = {
            "title": title or key.replace("_", " ").title(),
            "department": department,
            "mode": mode,
            "count": count,
        }
        if label:
            fields["labels"] = list(label)
        _tell(roster_edit.add(roster_path(roster), key, fields, brief))


@app.command()
def remove(
    key: Annotated[str, typer.Argument(help="The role; a short name will do.")], roster: RosterOption = None
) -> None:
    """Take a role out; its running sessions finish."""
    with boundary():
        from fleet import roster_edit

        _tell(roster_edit.remove(roster_path(roster), key))


def _tell(changes: list[str]) -> None:
    for change in changes:
        typer.echo(change)
