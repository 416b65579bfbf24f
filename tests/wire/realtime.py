"""A server for transcription sessions, and a socket that trusts none of its events."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from loquent.api.app import ApiOptions, create_app
from loquent.api.live.issued_secrets import IssuedSecrets
from loquent.ports import Ledger
from tests.fakes.scripted_live import ScriptedTranscriber
from tests.fakes.services import fake_services
from tests.realtime_events import checked
from tests.wire.conftest import KEY

TIMEOUT_S = 10.0
RATE_HZ = 24_000
ADDRESS = "/v1/realtime?intent=transcription"

Event = dict[str, Any]


def sound(duration_s: float, bytes_per_s: int = 2 * RATE_HZ) -> str:
    """Return silence as it is sent."""
    return b64encode(bytes(2 * int(duration_s * bytes_per_s / 2))).decode()


@dataclass
class Socket:
    """A caller; every event that it gets is checked against the official types."""

    connection: ClientConnection
    ids: set[str] = field(default_factory=set)

    def send(self, kind: str, **fields: Any) -> None:
        self.connection.send(json.dumps({"type": kind, **fields}))

    def send_raw(self, message: str | bytes) -> None:
        self.connection.send(message)

    def append(self, duration_s: float = 0.5) -> None:
        self.send("input_audio_buffer.append", audio=sound(duration_s))

    def commit(self) -> None:
        self.send("input_audio_buffer.commit")

    def receive(self) -> Event:
        """Return the next event, without its id."""
        frame = self.connection.recv(timeout=TIMEOUT_S)
        assert isinstance(frame, str)
        event = checked(json.loads(frame))
        event_id = event.pop("event_id")
        assert event_id.startswith("event_")
        assert event_id not in self.ids
        self.ids.add(event_id)
        return event

    def expect(self, kind: str) -> Event:
        event = self.receive()
        assert event["type"] == kind, event
        return event

    def until(self, kind: str) -> list[Event]:
        """Return all events up to the first one of `kind`."""
        events = [self.receive()]
        while events[-1]["type"] != kind:
            events.append(self.receive())
        return events

    def error(self) -> Event:
        """Return what the next event complains about."""
        return dict(self.expect("error")["error"])

    def update(self, **session: Any) -> Event:
        """Change the session; return all of it."""
        self.send("session.update", session={"type": "transcription", **session})
        return dict(self.expect("session.updated")["session"])

    def update_input(self, **fields: Any) -> Event:
        """Change what is heard and how; return all of that."""
        return dict(self.update(audio={"input": fields})["audio"]["input"])

    def closing(self) -> tuple[int, str]:
        """Return how the server closes; no more events may come before."""
        with pytest.raises(ConnectionClosed) as closed:
            self.connection.recv(timeout=TIMEOUT_S)
        assert closed.value.rcvd is not None
        return closed.value.rcvd.code, closed.value.rcvd.reason


@dataclass
class RealtimeServer:
    """A running server and the fakes behind it."""

    port: int
    live: ScriptedTranscriber
    app: FastAPI
    loop: asyncio.AbstractEventLoop

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @contextmanager
    def knock(self, path: str = ADDRESS, key: str | None = KEY, **options: Any) -> Iterator[Socket]:
        """Connect, whatever is answered."""
        headers = options.pop("headers", {"Authorization": f"Bearer {key}"} if key else {})
        url = f"ws://127.0.0.1:{self.port}{path}"
        with connect(url, additional_headers=headers, proxy=None, **options) as connection:
            yield Socket(connection)

    @contextmanager
    def open(self, path: str = ADDRESS, **options: Any) -> Iterator[Socket]:
        """Connect, and be greeted."""
        with self.knock(path, **options) as caller:
            caller.expect("session.created")
            yield caller

    def drain(self) -> None:
        """Do what the server does before it ends."""
        asyncio.run_coroutine_threadsafe(self.app.state.drain(), self.loop).result(TIMEOUT_S)


@contextmanager
def realtime_server(
    live: ScriptedTranscriber,
    options: ApiOptions,
    secrets: IssuedSecrets | None = None,
    ledger: Ledger | None = None,
) -> Iterator[RealtimeServer]:
    loops: list[asyncio.AbstractEventLoop] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        loops.append(asyncio.get_running_loop())
        yield

    services = replace(fake_services(live=live, ledger=ledger), secrets=secrets or IssuedSecrets())
    app = create_app(services, options, lifespan)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(app, log_config=None, ws="websockets-sansio", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        with connect_when_ready(listening.getsockname()[1]):
            pass
        yield RealtimeServer(listening.getsockname()[1], live, app, loops[0])
    finally:
        server.should_exit = True
        thread.join()


def connect_when_ready(port: int) -> socket.socket:
    """Connect as soon as the server takes connections: its backlog does already."""
    waiting = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
    waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
    assert waiting.recv(64)
    return waiting
