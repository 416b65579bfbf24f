"""Put the subcommands together and turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from loquent import __version__
from loquent.cli.bench import bench
from loquent.cli.console import EXIT_FAILURE, tell
from loquent.cli.deployments import deployments_app
from loquent.cli.diarise import diarise
from loquent.cli.doctor import doctor
from loquent.cli.keys import keys_app
from loquent.cli.listen import listen
from loquent.cli.models import models_app
from loquent.cli.places import organisations_app, projects_app
from loquent.cli.ray import ray_app
from loquent.cli.route import route_app
from loquent.cli.serve import serve
from loquent.cli.speak import list_voices, speak
from loquent.cli.transcribe import transcribe, translate
from loquent.cli.usage import show_usage
from loquent.cli.wyoming import wyoming
from loquent.domain.errors import LoquentError
from loquent.settings import SettingsError, unknown_variables

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
"""What a shell reports for Ctrl-C."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(transcribe)
app.command()(translate)
app.command()(diarise)
app.command("diarize", hidden=True)(diarise)
app.command()(listen)
app.command()(speak)
app.command("voices")(list_voices)
app.command("usage")(show_usage)
app.command()(wyoming)
app.command()(doctor)
app.command()(bench)
app.add_typer(keys_app, name="keys")
app.add_typer(projects_app, name="projects")
app.add_typer(organisations_app, name="organisations")
app.add_typer(deployments_app, name="deployments")
app.add_typer(models_app, name="models")
app.add_typer(route_app, name="route")
app.add_typer(ray_app, name="ray")


def _show_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"loquent {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """A self-hosted speech platform with the OpenAI audio API.

    Settings come from LOQUENT_* variables and from loquent.toml (or the file that
    LOQUENT_CONFIG names).

    Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 130 interrupted.
    """
    del version
    for name in unknown_variables():
        tell(f"warning: {name} is not a setting of Loquent")


def main() -> None:
    """Run the command line."""
    try:
        app()
    except SettingsError as exc:
        _end(f"settings: {exc}", EXIT_USAGE)
    except LoquentError as exc:
        _end(f"error: {exc.message}", EXIT_FAILURE)
    except OSError as exc:
        where = f"{exc.filename}: " if exc.filename else ""
        _end(f"error: {where}{exc.strerror or exc}", EXIT_FAILURE)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def _end(message: str, code: int) -> NoReturn:
    tell(message)
    sys.exit(code)
