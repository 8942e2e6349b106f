"""`fleet init`: a first roster for your repository, and the crontab line."""

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.boundary import boundary
from fleet.cli.options import load_site


def init(
    folder: Annotated[Path, typer.Argument(help="Where roster.yaml and briefs/ go.")] = Path(),
    repo: Annotated[str | None, typer.Option(help="owner/name; default: from the git remote of this folder.")] = None,
    full: Annotated[bool, typer.Option("--full", help="All 25 roles and 38 sessions instead of five.")] = False,
    cron: Annotated[bool, typer.Option("--cron", help="For a roster that is there: print its crontab line.")] = False,
) -> None:
    """Write a first roster, or with --cron the environment file and the crontab line for it."""
    with boundary():
        if cron:
            _cron(folder)
            return
        from fleet import newcomer, roster

        name = repo or newcomer.repo_of(_remote())
        shipped = (roster.shipped() / "roster.yaml").read_text(encoding="utf-8")
        text = newcomer.first_roster(shipped, repo=name, full=full)
        for path in newcomer.write(folder, text):
            typer.echo(f"wrote {path}")
        rules = roster.parse(text)
        sessions = sum(role.count for role in rules.roles.values())
        typer.echo(f"fleet {rules.fleet}: {sessions} sessions for {name}; it merges only its own pull requests")
        missing = [v for v in newcomer.variables(rules) if not os.environ.get(v)]
        if missing:
            typer.echo(f"set {' and '.join(missing)}, then `fleet doctor`")
        else:
            typer.echo("next: `fleet doctor`, then `fleet reconcile --dry-run`")


def _cron(folder: Path) -> None:
    from fleet import newcomer
    from fleet.site import state_folder

    site = load_site(folder / "roster.yaml")
    env_file = Path.home() / ".config" / "fleet" / f"{site.roster.fleet}.env"
    written = newcomer.environment_file(env_file, site.roster, os.environ)
    log = state_folder(os.environ) / f"{site.roster.fleet}.log"
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # the shell opens the log before fleet runs
    program = Path(shutil.which("fleet") or sys.argv[0]).absolute()
    typer.echo(f"# {env_file}: {'written, mode 600; fill in the values' if written else 'was there, kept'}", err=True)
    typer.echo("# add this line with `crontab -e`:", err=True)
    typer.echo(newcomer.crontab_line(program=program, roster_path=site.roster_path, env_file=env_file, log=log))


def _remote() -> str:
    from fleet.errors import ConfigError, GitError
    from fleet.git import Git

    try:
        return Git(env=os.environ).text("config", "--get", "remote.origin.url")
    except GitError as error:
        raise ConfigError("no git remote here; run it in your clone, or say `fleet init --repo owner/name`") from error
