"""`fleet doctor`: is everything there that this fleet needs?"""

import typer

from fleet.cli.boundary import boundary
from fleet.cli.options import RosterOption, load_site


def doctor(roster: RosterOption = None) -> None:
    """Try roster, tokens, permissions, the ledger, the agent and cron's PATH. Exit code 2: something must be mended."""
    with boundary():
        from fleet import doctor as medicine
        from fleet.spawners import SPAWNERS

        site = load_site(roster)
        worst = 0
        for finding in medicine.examine(site, SPAWNERS["local"](site.home)):
            mark = {"ok": "ok  ", "note": "note", "mend": "MEND"}[finding.state]
            typer.echo(f"{mark}  {finding.what:12} {finding.text}")
            worst = max(worst, 2 if finding.state == "mend" else 0)
        typer.echo(
            "something must be mended" if worst else "ready: `fleet reconcile --dry-run` shows what a pass would do"
        )
        raise typer.Exit(worst)
