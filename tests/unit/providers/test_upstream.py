"""What goes to a provider arrives whole, and what comes back is taken within limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import ProviderAccess
from loquent.domain.errors import UpstreamError, UpstreamKeyError
from loquent.providers.files import CHUNK_BYTES
from loquent.providers.limits import UpstreamLimits
from loquent.providers.upstream import Call, UpstreamClient
from tests.vendors.faults import Fault, FaultyFront
from tests.vendors.server import Asked, Log, serving

LIMITS = UpstreamLimits(max_answer_bytes=1_000_000)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[UpstreamClient]:
    client = UpstreamClient(ProviderAccess("far", "openai", f"{url}/v1"), {}, LIMITS)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def listening(log: Log) -> AsyncIterator[UpstreamClient]:
    async def keep(request: Request) -> Response:
        log.asked.append(await Asked.of(request))
        return JSONResponse({})

    app = Starlette(routes=[Route("/v1/hear", keep, methods=["POST"])])
    async with serving(app) as url, connected(url) as client:
        yield client


@pytest.mark.parametrize("n_bytes", [0, 1, CHUNK_BYTES - 1, 3 * CHUNK_BYTES + 17])
async def test_a_recording_arrives_whole_in_a_form(n_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "sound"
    path.write_bytes(bytes(i % 251 for i in range(n_bytes)))
    log = Log()
    form = (("model", "m"), ("list[]", "a"), ("list[]", "b"))
    async with listening(log) as client:
        await client.answer(Call("/hear", form=form, file=AudioSource(path, n_bytes)))
    assert log.last.file().content == path.read_bytes()
    assert log.last.fields() == list(form)
    assert log.last.headers["content-length"] == str(len(log.last.body))


async def test_a_form_without_a_recording_arrives() -> None:
    log = Log()
    async with listening(log) as client:
        await client.answer(Call("/hear", form=(("url", "there"),)))
    assert b"there" in log.last.body


async def test_a_compressed_answer_is_not_unfolded() -> None:
    async with (
        FaultyFront(Fault.COMPRESSION_BOMB).running() as front,
        connected(front.url) as client,
    ):
        with pytest.raises(UpstreamError, match="compressed"):
            await client.answer(Call("/hear", json={}))


@pytest.mark.parametrize(
    "refusal",
    [
        Response(b"\x1f\x8b", 401, {"content-encoding": "gzip"}),
        Response(bytes(100_000), 401),
        Response(b"cut", 401, {"content-length": "10"}),
    ],
    ids=["compressed", "huge", "cut"],
)
async def test_an_error_whose_body_cannot_be_read_is_known_by_its_status(refusal: Response) -> None:
    app = Starlette(routes=[Mount("/", refusal)])
    async with serving(app) as url, connected(url) as client:
        with pytest.raises(UpstreamKeyError):
            await client.answer(Call("/hear", json={}))


async def test_an_answer_that_does_not_end_is_cut_off() -> None:
    async with (
        FaultyFront(Fault.ENDLESS_BODY).running() as front,
        connected(front.url) as client,
    ):
        with pytest.raises(UpstreamError, match="larger than 1000000 bytes"):
            await client.answer(Call("/hear", json={}))


async def test_the_connection_of_a_good_answer_serves_again() -> None:
    async with FaultyFront(Fault.NONE).running() as front, connected(front.url) as client:
        for _ in range(3):
            await client.answer(Call("/hear", json={}))
        assert (front.n_connections, front.n_requests) == (1, 3)
