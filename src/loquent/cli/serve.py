"""`loquent serve`: the HTTP server."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from loquent.cli.console import tell
from loquent.cli.departing import DepartingServer, Farewells
from loquent.cli.logs import log_to_stderr
from loquent.settings import Settings, load_settings
from loquent.wiring import Entry, build_app, prepare_accounts, prepare_ledger, sample_recording

PONG_S = 60.0
"""How long a silent live client may leave a ping unanswered; while we take in no sound, we read no
answer either."""

KEEP_ALIVE_S = 75
"""How long an idle connection is kept: longer than proxies keep theirs, most of them for 60 s, else
one is closed just when it is used again. Source: the defaults of nginx and of AWS."""

BACKLOG = 2048
"""Connections that may wait to be accepted. Source: uvicorn."""


def serve(  # noqa: PLR0913, PLR0917 - a command line has as many options as it has
    host: Annotated[
        str | None, typer.Option(help="Address to listen on (default 127.0.0.1).")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (default 8000).")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where models live.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.")] = None,
    engine: Annotated[
        str | None, typer.Option(help="Who runs models: local (default), or ray.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="Host and port of the Ray cluster (default 127.0.0.1:6379).")
    ] = None,
) -> None:
    """Serve the OpenAI audio API; /readyz answers 200 once the default model serves.

    Beyond this machine (--host) a key is needed: LOQUENT_API_KEY, or one of `loquent keys`.
    """
    settings = load_settings(
        host=host,
        port=port,
        data_dir=data_dir,
        tls_cert=tls_cert,
        tls_key=tls_key,
        engine=engine,
        ray_address=ray_address,
    )
    log_to_stderr(settings)
    listening = _listen(settings)
    app = build_app(settings)
    prepare_ledger(settings)
    entry = prepare_accounts(settings)
    if entry.first_key:
        tell(_handing_over(entry.first_key))
    server = DepartingServer(
        uvicorn.Config(
            app,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            ws="websockets-sansio",
            ws_per_message_deflate=False,  # sound does not compress, and each socket would pay
            ws_ping_timeout=PONG_S,
        ),
        Farewells(app.state.departure, app.state.drain, settings.drain_delay_s, settings.drain_s),
        lambda port: tell(_greeting(settings, entry, port)),
    )
    server.run(sockets=[listening])
    if not server.started:
        raise typer.Exit(1)
    if server.force_exit:
        raise KeyboardInterrupt


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
