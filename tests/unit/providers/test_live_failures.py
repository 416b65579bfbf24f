"""Live providers that refuse, hang, die or talk nonsense."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from loquent.domain.errors import (
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from loquent.ports import LiveTranscriber
from loquent.providers.limits import UpstreamLimits
from loquent.providers.live_session import RemoteLiveSession
from loquent.realtime.outbox import MAX_WAITING
from tests.unit.providers.live_talk import WIRES, Wire, asked, calling, talked, transcriber
from tests.vendors.assemblyai_live_vendor import AssemblyAiLiveVendor
from tests.vendors.deepgram_live_vendor import DeepgramLiveVendor
from tests.vendors.live_hearing import Death, LiveVendor, pcm16, speech
from tests.vendors.openai_live_vendor import OpenAiLiveVendor
from tests.vendors.server import serving

TALK = pcm16(speech("alpha bravo charlie delta | echo"))
QUICK = UpstreamLimits(connect_timeout_s=1.0, idle_timeout_s=0.3)


@pytest.fixture(params=sorted(WIRES))
def wire(request: pytest.FixtureRequest) -> Wire:
    return WIRES[request.param]


@pytest.fixture
def vendor(wire: Wire) -> LiveVendor:
    return wire.vendor()


async def test_a_refused_key_is_told_without_the_key(wire: Wire, vendor: LiveVendor) -> None:
    wrong = "sk-wrong-0123456789"
    async with serving(vendor.app) as url:
        with pytest.raises(UpstreamKeyError) as caught:
            await _opened(transcriber(wire, url, key=wrong))
    assert wrong not in str(caught.value)
    assert wire.key not in str(caught.value)
    assert "operator" in caught.value.message


async def test_nobody_there_is_told_without_the_address(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UpstreamUnavailableError) as caught:
        await _opened(transcriber(wire, f"http://127.0.0.1:{port}"))
    assert str(port) not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, UpstreamKeyError),
        (404, UpstreamRejectedError),
        (429, UpstreamThrottledError),
        (503, UpstreamUnavailableError),
        (504, UpstreamTimeoutError),
        (200, UpstreamError),
    ],
)
async def test_a_refused_handshake_is_told_by_its_status(
    wire: Wire, status: int, error: type[UpstreamError]
) -> None:
    async def refuse(websocket: WebSocket) -> None:
        headers = {"retry-after": "7"}
        await websocket.send_denial_response(Response("no", status, headers))

    async with serving(_anywhere(refuse)) as url:
        with pytest.raises(error) as caught:
            await _opened(transcriber(wire, url))
    if error is UpstreamThrottledError:
        assert caught.value.retry_after_s == 7.0


async def test_no_redirect_is_followed(wire: Wire, vendor: LiveVendor) -> None:
    async with serving(vendor.app) as other:

        async def redirect(websocket: WebSocket) -> None:
            place = other.replace("http", "ws") + websocket.url.path
            await websocket.send_denial_response(RedirectResponse(place))

        async with serving(_anywhere(redirect)) as url:
            with pytest.raises(UpstreamError):
                await _opened(transcriber(wire, url))
    assert vendor.sessions == []


async def test_a_provider_that_accepts_and_says_nothing_is_given_up() -> None:
    async def wait(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive()
        await websocket.receive()

    async with serving(_anywhere(wait)) as url:
        with pytest.raises(UpstreamTimeoutError):
            await _opened(transcriber(WIRES["openai"], url, limits=QUICK))


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("abruptly", UpstreamUnavailableError),
        (1000, UpstreamUnavailableError),
        (1001, UpstreamUnavailableError),
        (1011, UpstreamUnavailableError),
        (1013, UpstreamThrottledError),
        (3000, UpstreamKeyError),
        (4999, UpstreamUnavailableError),
    ],
)
async def test_a_session_that_dies_is_told_to_who_reads_and_to_who_speaks(
    wire: Wire, vendor: LiveVendor, how: Any, error: type[UpstreamError]
) -> None:
    vendor.deaths = [Death(1.2, how)]
    async with calling(wire, vendor) as session:
        with pytest.raises(error):
            await talked(session, TALK)
        with pytest.raises(error):
            await session.hear(b"\0\0")
        with pytest.raises(error):
            await session.finish()


async def test_who_speaks_is_told_the_reason_of_the_close(wire: Wire, vendor: LiveVendor) -> None:
    vendor.deaths = [Death(1.2, 1003)]
    async with calling(wire, vendor) as session:
        with pytest.raises(UpstreamRejectedError, match="scripted end"):
            await _speak_until_it_fails(session)


async def test_a_provider_that_owes_text_and_falls_silent_is_given_up(
    wire: Wire, vendor: LiveVendor
) -> None:
    vendor.deaths = [Death(1.2, "silently")]
    async with (
        serving(vendor.app) as url,
        transcriber(wire, url, limits=QUICK).open(asked()) as session,
    ):
        with pytest.raises(UpstreamTimeoutError):
            await talked(session, TALK)


_NAN = "a time that is no number"
_NANS: dict[Any, str] = {
    OpenAiLiveVendor: (
        '{"type": "input_audio_buffer.speech_started", "item_id": "a", "audio_start_ms": NaN}'
    ),
    DeepgramLiveVendor: '{"type": "Results", "start": NaN, "duration": 1}',
    AssemblyAiLiveVendor: '{"type": "Turn", "words": [], "turn_order": NaN}',
}


@pytest.mark.parametrize(
    "frame",
    [
        "this is no JSON",
        "[" * 100_000,
        "[1, 2]",
        "null",
        '{"type": 5}',
        b"\x00\x01",
        _NAN,
        "x" * (5 * 1024 * 1024),
    ],
    ids=["junk", "nested", "list", "null", "number", "bytes", "nan", "huge"],
)
async def test_an_odd_frame_ends_the_session(
    wire: Wire, vendor: LiveVendor, frame: str | bytes
) -> None:
    vendor.frames = [_NANS[wire.vendor] if frame is _NAN else frame]
    async with calling(wire, vendor) as session:
        with pytest.raises(UpstreamError, match="cannot be read"):
            await talked(session, TALK)


async def test_a_provider_that_takes_no_sound_makes_the_speaker_wait() -> None:
    is_over = asyncio.Event()

    async def stall(websocket: WebSocket) -> None:
        await websocket.accept()
        await is_over.wait()

    async with (
        serving(_anywhere(stall)) as url,
        transcriber(WIRES["deepgram"], url).open(asked()) as session,
    ):
        hearing = asyncio.create_task(session.hear(bytes(64 * 1024 * 1024)))
        done, _ = await asyncio.wait({hearing}, timeout=1.0)
        assert not done
        assert isinstance(session, RemoteLiveSession)
        assert session._sound.sent_s < 32 * 1024 * 1024 / 32_000
        hearing.cancel()
        is_over.set()


async def test_updates_that_nobody_reads_make_the_speaker_wait(
    wire: Wire, vendor: LiveVendor
) -> None:
    sound = pcm16(speech(" | ".join(["alpha"] * 300)))
    async with calling(wire, vendor) as session:
        speaking = asyncio.create_task(session.hear(sound))
        assert isinstance(session, RemoteLiveSession)
        waiting = session._outbox._updates
        while len(waiting) < MAX_WAITING and not speaking.done():
            await asyncio.wait({speaking}, timeout=0.01)
        done, _ = await asyncio.wait({speaking}, timeout=0.2)
        assert not done
        assert len(waiting) < MAX_WAITING + 16
        speaking.cancel()


async def _opened(live: LiveTranscriber) -> None:
    async with live.open(asked()):
        pass


async def _speak_until_it_fails(session: Any) -> None:
    for begin in range(0, len(TALK) * 100, 3_200):
        await session.hear(TALK[begin % len(TALK) :][:3_200])
        await asyncio.sleep(0)


def _anywhere(serve: Any) -> Starlette:
    return Starlette(routes=[WebSocketRoute("/{path:path}", serve)])
