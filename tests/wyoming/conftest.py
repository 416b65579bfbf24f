"""A Wyoming service in front of a real Loquent server, over fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest

from loquent.api.app import ApiOptions
from tests.fakes.fake_directory import FakeDirectory
from tests.fakes.fake_speaker import FakeSpeaker
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.wire.conftest import KEY, running

LONG_S = 30.0

Home: TypeAlias = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture
def transcriber() -> FakeTranscriber:
    return FakeTranscriber()


@pytest.fixture
def speaker() -> FakeSpeaker:
    return FakeSpeaker()


@pytest.fixture
def home(transcriber: FakeTranscriber, speaker: FakeSpeaker) -> Home:
    """Connect to a service in front of a server with these fakes."""
    from wyoming.client import AsyncClient

    from loquent.wyoming.backend import Backend, Defaults
    from loquent.wyoming.serving import Reception, receiving

    @asynccontextmanager
    async def connect(**choices: Any) -> AsyncIterator[AsyncClient]:
        options = ApiOptions(api_key=KEY)
        with running(options, transcriber, FakeDirectory(), speaker) as server:
            address = choices.pop("address", server.url)
            key = choices.pop("key", KEY)
            grace_s = choices.pop("grace_s", LONG_S)
            async with Backend(address, key, Defaults(**choices)) as backend:
                reception = Reception(backend, "Kitchen", grace_s)
                async with receiving(reception, "127.0.0.1", 0) as port:
                    client = AsyncClient.from_uri(f"tcp://127.0.0.1:{port}", read_timeout=LONG_S)
                    async with client:
                        yield client

    return connect
