"""The one error boundary: what a person can mend is one line (exit code 1 or 2); only our bugs show a traceback (3)."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from fleet.errors import FleetError


@contextmanager
def boundary() -> Iterator[None]:
    """Around every command."""
    try:
        yield
    except FleetError as error:
        typer.echo(f"fleet: {error}", err=True)
        raise typer.Exit(2 if error.person else 1) from error
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has seen enough; Python would complain while it ends
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"fleet: {where}{error.strerror or error}", err=True)
        raise typer.Exit(2) from error
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise  # usage errors are told by the command line itself, with exit code 2
    except Exception as error:
        traceback.print_exc()
        typer.echo("fleet: this is a bug in fleet; please report it with the lines above", err=True)
        raise typer.Exit(3) from error
