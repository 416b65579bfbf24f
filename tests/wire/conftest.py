"""A real server on a free port, over fakes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai
import pytest
import uvicorn

from loquent.api.app import ApiOptions, create_app
from tests.fakes.fake_diarizer import FakeDiarizer
from tests.fakes.fake_directory import FakeDirectory
from tests.fakes.fake_ledger import FakeLedger
from tests.fakes.fake_speaker import FakeSpeaker
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.fakes.services import fake_services

KEY = "lq_test_key"


@dataclass
class LiveServer:
    """A running server and the fakes behind it."""

    port: int
    transcriber: FakeTranscriber = field(default_factory=FakeTranscriber)
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    speaker: FakeSpeaker = field(default_factory=FakeSpeaker)
    diarizer: FakeDiarizer = field(default_factory=FakeDiarizer)
    clients: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, prefix: str = "/v1", api_key: str = KEY) -> openai.OpenAI:
        client = openai.OpenAI(base_url=self.url + prefix, api_key=api_key, max_retries=0)
        return self.clients.enter_context(client)


Serve = Callable[..., LiveServer]


@contextmanager
def running(
    options: ApiOptions,
    transcriber: FakeTranscriber,
    directory: FakeDirectory,
    speaker: FakeSpeaker | None = None,
    diarizer: FakeDiarizer | None = None,
    ledger: FakeLedger | None = None,
) -> Iterator[LiveServer]:
    speaker = speaker or FakeSpeaker()
    diarizer = diarizer or FakeDiarizer()
    services = fake_services(transcriber, directory, speaker, diarizer=diarizer, ledger=ledger)
    app = create_app(services, options)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(app, log_config=None, access_log=False, loop="asyncio", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    live = LiveServer(listening.getsockname()[1], transcriber, directory, speaker, diarizer)
    try:
        with live.clients:
            yield live
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """One server for all tests of a file that need nothing special."""
    with running(ApiOptions(api_key=KEY), FakeTranscriber(), FakeDirectory()) as live:
        yield live


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server with the options and the transcriber of a test."""
    with ExitStack() as running_servers:

        def start(
            transcriber: FakeTranscriber | None = None,
            options: ApiOptions | None = None,
            diarizer: FakeDiarizer | None = None,
        ) -> LiveServer:
            return running_servers.enter_context(
                running(
                    options or ApiOptions(api_key=KEY),
                    transcriber or FakeTranscriber(),
                    FakeDirectory(),
                    diarizer=diarizer,
                )
            )

        yield start


@pytest.fixture
def speak() -> Iterator[Serve]:
    """Start a server with the speaker and the options of a test."""
    with ExitStack() as servers:

        def start(speaker: FakeSpeaker, **options: Any) -> LiveServer:
            chosen = ApiOptions(api_key=KEY, **options)
            return servers.enter_context(
                running(chosen, FakeTranscriber(), FakeDirectory(), speaker)
            )

        yield start


@pytest.fixture(scope="module")
def http(server: LiveServer) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=server.url, headers=headers) as client:
        yield client
