"""What several commands share: which roster, and the site it describes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fleet.site import Site

RosterOption = Annotated[
    Path | None, typer.Option("--roster", "-r", help="The roster; default: FLEET_ROSTER, else ./roster.yaml.")
]


def roster_path(given: Path | None) -> Path:
    """The roster that is meant."""
    return given or Path(os.environ.get("FLEET_ROSTER", "roster.yaml"))


def load_site(given: Path | None) -> "Site":
    """Read the roster and say where its fleet works. Raises RosterError, ConfigError."""
    from fleet import roster
    from fleet.site import Site, Urls, state_folder

    path = roster_path(given).absolute()
    rules = roster.load(path)
    return Site(
        roster=rules,
        roster_path=path,
        home=state_folder(os.environ) / rules.fleet,
        urls=Urls.of(os.environ),
        env=dict(os.environ),
    )


def secrets(site: "Site") -> tuple[str, ...]:
    """Every secret this site refers to, for masking them in logs."""
    from fleet.site import WHO

    names = {site.variable(who) for who in WHO}
    names |= {role.session.model_key.env for role in site.roster.roles.values()}
    return tuple(value for name in sorted(names) if (value := site.env.get(name, "").strip()))
