"""`loquent wyoming`: ears and a voice for Home Assistant, in front of a running server."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated

import typer

from loquent.cli.console import tell
from loquent.domain.errors import InvalidRequestError, LoquentError
from loquent.settings import Settings, load_settings

OPTIONAL_PACKAGES = ("wyoming", "zeroconf")


def wyoming(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    server: Annotated[
        str, typer.Option(help="The running server that listens and speaks.")
    ] = "http://127.0.0.1:8000",
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets the network in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 10300,
    name: Annotated[str, typer.Option(help="What Home Assistant shows.")] = "Loquent",
    model: Annotated[str, typer.Option(help="Listens unless a client names another.")] = (
        "whisper-1"
    ),
    voice: Annotated[
        str, typer.Option(help="Speaks unless a client names another; the model's first if unset.")
    ] = "",
    no_zeroconf: Annotated[
        bool, typer.Option("--no-zeroconf", help="Do not announce it on the network.")
    ] = False,
) -> None:
    """Serve the Wyoming protocol, by which Home Assistant transcribes and speaks.

    It hands everything on to a running server, with the key in LOQUENT_API_KEY. The protocol has
    no keys of its own: whoever can connect is served.
    """
    _require_packages()
    job = _Job(server, host, port, name, model, voice, is_announced=not no_zeroconf)
    asyncio.run(_until_terminated(job, load_settings()))


@dataclass(frozen=True)
class _Job:
    """What to serve, and where."""

    server: str
    host: str
    port: int
    name: str
    model: str
    voice: str
    is_announced: bool


def _require_packages() -> None:
    if not all(map(find_spec, OPTIONAL_PACKAGES)):
        raise InvalidRequestError(
            "the Wyoming protocol needs two more packages: pip install 'loquent[wyoming]'"
        )


async def _until_terminated(job: _Job, settings: Settings) -> None:
    """Serve until SIGTERM, then take the announcement back."""
    serving = asyncio.current_task()
    assert serving is not None
    is_terminated = False

    def terminate() -> None:
        nonlocal is_terminated
        is_terminated = True
        serving.cancel()

    with suppress(NotImplementedError):  # Windows has no such signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    try:
        await _serve(job, settings)
    except asyncio.CancelledError:
        if not is_terminated:
            raise


async def _serve(job: _Job, settings: Settings) -> None:
    from loquent.wyoming.announcing import announced  # noqa: PLC0415 - needs the packages
    from loquent.wyoming.backend import Backend, Defaults  # noqa: PLC0415 - as above
    from loquent.wyoming.serving import Reception, receiving  # noqa: PLC0415 - as above

    key = settings.api_key.get_secret_value() if settings.api_key else ""
    async with AsyncExitStack() as stack:
        backend = Backend(job.server, key, Defaults(job.model, job.voice))
        await stack.enter_async_context(backend)
        reception = Reception(backend, job.name)
        port = await stack.enter_async_context(receiving(reception, job.host, job.port))
        tell(f"Wyoming is spoken on {job.host} port {port}, for {job.server}.")
        try:
            await backend.models()
        except LoquentError as error:
            tell(f"warning: {error.message} It is asked again when somebody connects.")
        if job.is_announced:
            await stack.enter_async_context(announced(job.name, job.host, port))
        await asyncio.Event().wait()
