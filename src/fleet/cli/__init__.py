"""The ``fleet`` command: parse, call one function, print. The only place that reads clock, environment and terminal.

Each command imports what it needs when it runs: `fleet --help` loads neither PyGithub nor httpx, rich or pydantic.
"""

import typer

from fleet.cli import demo, doctor, explain, init, passes, roster, sessions

app = typer.Typer(
    name="fleet",
    help="Keep a roster of AI coding agents at work on a GitHub repository.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("reconcile")(passes.reconcile)
app.command("status")(sessions.status)
app.command("logs")(sessions.logs)
app.command("stop")(sessions.stop)
app.command("explain")(explain.explain)
app.add_typer(roster.app, name="roster")
app.command("init")(init.init)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
