"""`loquent ray`: this machine as a Ray cluster, or in one, for `loquent serve --engine ray`."""

from __future__ import annotations

import signal
import threading
from typing import Annotated, Final

import typer

from loquent.cli.console import EXIT_FAILURE, tell
from loquent.settings import Settings, load_settings
from loquent.wiring.ray import (
    NodeChoice,
    has_ray_token,
    is_ray_up,
    listeners_beyond,
    running_ray,
    start_ray,
    stop_ray,
)

_LOOK_EVERY_S: Final = 1.0

ray_app = typer.Typer(
    no_args_is_help=True, help="Run models on a Ray cluster; start it here, look at it, end it."
)


@ray_app.command("up")
def up(
    host: Annotated[
        str,
        typer.Option(help="Interface to listen on, by its address."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the cluster, if this is its head.")] = 6379,
    join: Annotated[
        str, typer.Option(help="Host and port of the head elsewhere, whose cluster to join.")
    ] = "",
    cpus: Annotated[
        int | None,
        typer.Option(min=0, help="Cores for models (default all); 0 if it only serves HTTP."),
    ] = None,
    gpus: Annotated[int | None, typer.Option(min=0, help="GPUs for models (default all).")] = None,
    *,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay until told to end, as in a container.")
    ] = False,
) -> None:
    """Start Ray on this machine, with its token asked for and without its dashboard.

    It goes on until `loquent ray down`. Where others can reach it, LOQUENT_RAY_TOKEN must be set.
    """
    settings = load_settings()
    choice = NodeChoice(host, port, join, cpus, gpus)
    token_file = start_ray(settings, choice)
    token = f"Its token is in {token_file}, for you alone." if token_file else ""
    tell(f"Ray runs at {choice.address}. {token}".strip())
    tell(f"Serve with it: loquent serve --engine ray --ray-address {choice.address}")
    if foreground:
        _stay(settings)


def _stay(settings: Settings) -> None:
    """Wait until we are told to end, or Ray ends; then end all of it."""
    told_to_end = threading.Event()
    for request in (signal.SIGTERM, signal.SIGINT):
        signal.signal(request, lambda *_: told_to_end.set())
    while running_ray(settings) is not None and not told_to_end.wait(_LOOK_EVERY_S):
        pass
    stop_ray(settings)
    if not told_to_end.is_set():
        tell("error: Ray has ended; its log is beside the token")
        raise typer.Exit(EXIT_FAILURE)


@ray_app.command("down")
def down() -> None:
    """End what `loquent ray up` started on this machine."""
    if not stop_ray(load_settings()):
        tell("Ray was not started from here.")


@ray_app.command("status")
def status() -> None:
    """Say whether the cluster answers, and which of its ports others can reach.

    Exit code 1 says that it does not answer.
    """
    settings = load_settings()
    is_up = is_ray_up(settings)
    state = "answers" if is_up else "does not answer"
    typer.echo(f"cluster   {settings.ray_address} {state}")
    typer.echo(f"token     {'there' if has_ray_token(settings) else 'none'}")
    typer.echo(f"started   {'by loquent ray up' if running_ray(settings) else 'not from here'}")
    for each in listeners_beyond(settings):
        typer.echo(f"open      {each.host} port {each.port} ({each.program})")
    if not is_up:
        raise typer.Exit(EXIT_FAILURE)
