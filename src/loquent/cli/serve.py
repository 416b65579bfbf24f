"""`loquent serve`: the HTTP server."""

from __future__ import annotations

import asyncio
import shlex
import socket
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn

from loquent.cli.console import tell
from loquent.cli.logs import log_to_stderr
from loquent.settings import Settings, load_settings
from loquent.wiring import Entry, build_app, prepare_accounts, prepare_ledger, sample_recording

DRAIN_S = 30
"""How long running requests may take to end after the first Ctrl-C."""

FORCE_POLL_S = 0.1
"""How soon a second Ctrl-C is noticed while live sessions end."""

PONG_S = 60.0
"""How long a silent live client may leave a ping unanswered; while we take in no sound, we read no
answer either."""

BACKLOG = 2048
"""Connections that may wait to be accepted. Source: uvicorn."""


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (default 127.0.0.1).")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (default 8000).")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where models live.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
) -> None:
    """Serve the OpenAI audio API; /readyz answers 200 once the default model serves.

    Beyond this machine (--host) a key is needed: LOQUENT_API_KEY, or one of `loquent keys`.
    """
    settings = load_settings(
        host=host, port=port, data_dir=data_dir, tls_cert=tls_cert, tls_key=tls_key
    )
    log_to_stderr(settings)
    listening = _listen(settings)
    app = build_app(settings)
    prepare_ledger(settings)
    entry = prepare_accounts(settings)
    if entry.first_key:
        tell(_handing_over(entry.first_key))
    server = _AnnouncingServer(
        uvicorn.Config(
            app,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_S,
            ws="websockets-sansio",
            ws_per_message_deflate=False,  # sound does not compress, and each socket would pay
            ws_ping_timeout=PONG_S,
        ),
        settings,
        entry,
        app.state.drain,
    )
    server.run(sockets=[listening])
    if not server.started:
        raise typer.Exit(1)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = (settings.host, settings.port)
    try:
        listening = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as exc:
        tell(
            f"error: cannot listen on {settings.host} port {settings.port}: {exc.strerror}; "
            "choose others with --host and --port"
        )
        raise typer.Exit(1) from exc
    # Else the body of an answer waits until its head has been acknowledged.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class _AnnouncingServer(uvicorn.Server):
    """Says where it listens, once it does."""

    def __init__(
        self,
        config: uvicorn.Config,
        settings: Settings,
        entry: Entry,
        drain: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        super().__init__(config)
        self._settings = settings
        self._entry = entry
        self._drain = drain

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            tell(_greeting(self._settings, self._entry, port))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Give live sessions their final text first: uvicorn would cut them off."""
        for server in self.servers:
            server.close()
        draining = asyncio.create_task(self._drain())
        deadline_s = time.monotonic() + DRAIN_S
        while not (draining.done() or self.force_exit or time.monotonic() > deadline_s):
            await asyncio.wait([draining], timeout=FORCE_POLL_S)
        draining.cancel()
        await super().shutdown(sockets)


def _handing_over(key: str) -> str:
    """Show the first key; nothing else ever does."""
    return (
        "Others can reach this server, so callers need a key. This one may do everything. It is"
        " shown only now, so keep it:\n\n"
        f"  export LOQUENT_API_KEY={key}\n\n"
        "Callers send theirs as 'Authorization: Bearer <key>'. Make one for each of them with"
        " `loquent keys create`.\n"
    )


def _greeting(settings: Settings, entry: Entry, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    base_url = f"{'https' if settings.tls_cert else 'http'}://{host}:{port}"
    key = ' -H "Authorization: Bearer $LOQUENT_API_KEY"' if entry.needs_key else ""
    recording = shlex.quote(f"file=@{sample_recording(settings) or 'talk.mp3'}")
    return (
        f"Loquent listens on {base_url}. Try:\n"
        f"  curl{key} -F {recording} -F model={settings.default_model} "
        f"{base_url}/v1/audio/transcriptions"
    )
