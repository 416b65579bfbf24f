"""What every `Provider` promises, asked of each adapter there is, over HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from starlette.types import ASGIApp, Receive, Scope, Send

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import DataProtection, Detail, Endpoint, ProviderAccess, RoutingLimits
from loquent.domain.errors import (
    PermissionDeniedError,
    UnsupportedOptionError,
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamUnavailableError,
)
from loquent.domain.model import Capability
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import SpeakerSearch
from loquent.domain.speech import SpeechChunk, SpeechPlan, SpeechRequest
from loquent.domain.transcript import Segment, Transcript, Word
from loquent.ports import Provider
from loquent.providers.door import GuardedProvider
from loquent.providers.kinds import KINDS
from tests.unit.codec.recordings import saved
from tests.vendors.server import serving
from tests.wire.providers import (
    DURATION_S,
    HEARING,
    RECORDING,
    SPEAKING,
    STAND_INS,
    TABLES,
    TEXT,
    TURNS,
    Running,
    configured,
    connected,
    endpoint_of,
    running,
)

PLAIN = TranscriptionRequest("whatever the caller wrote")
WITH_WORDS = replace(PLAIN, word_timestamps=True, needs=frozenset({Detail.WORDS}))
WITH_SPEAKERS = replace(PLAIN, speakers=SpeakerSearch())
TO_SPEAK = SpeechRequest("whatever the caller wrote", "Good evening.")

TELLS_NO_LENGTH = {"openai/gpt-4o-transcribe"}
WRONG_KEY = "wrong-0123456789abcdef"
RETRY_AFTER_S = 7.0
FORBIDDING = [
    RoutingLimits(allowed_providers=frozenset({"somebody-else"})),
    RoutingLimits(eu_native=True),
    RoutingLimits(allow_quantization=False),
]
GARBAGE = [
    b"",
    b"{",
    b"{}",
    b"[]",
    b"null",
    b"7",
    b'{"text": 7}',
    b"<html>down</html>",
    b"\xff\xfe",
]

pytestmark = pytest.mark.asyncio(loop_scope="module")

each_place = pytest.mark.parametrize("place", HEARING)
each_speaker = pytest.mark.parametrize("place", SPEAKING)
each_path = pytest.mark.parametrize("place", [*HEARING, *SPEAKING])


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    return saved(tmp_path / "talk", RECORDING)


class Front:
    """A server that answers whatever a test wants.

    Attributes:
        app: answers the next requests.
    """

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None, "nobody was to ask"
        await self.app(scope, receive, send)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def providers() -> AsyncIterator[Mapping[str, Running]]:
    """Run every stand-in for all tests of this file."""
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(running(name)) for name in STAND_INS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_front() -> AsyncIterator[Front]:
    front = Front()
    async with serving(front) as front.url:
        yield front


@pytest.fixture
def front(shared_front: Front) -> Iterator[Front]:
    """Return a server that answers nobody yet."""
    yield shared_front
    shared_front.app = None


@pytest.fixture
def there(providers: Mapping[str, Running], place: str) -> Running:
    """Return the provider of an endpoint, which was asked for nothing yet."""
    found = providers[provider_of(place)]
    found.log.asked.clear()
    return found


@pytest.fixture
def endpoint(there: Running, place: str) -> Endpoint:
    return endpoint_of(place, there.endpoints)


@asynccontextmanager
async def reached(place: str, url: str) -> AsyncIterator[tuple[Provider, Endpoint, ProviderAccess]]:
    """Connect the adapter for an endpoint to any address."""
    found = configured(provider_of(place), url)
    provider = connected(found.access)
    try:
        yield provider, endpoint_of(place, found.endpoints), found.access
    finally:
        await provider.close()


def provider_of(place: str) -> str:
    return place.partition("/")[0]


def work(
    provider: Provider,
    endpoint: Endpoint,
    source: AudioSource,
    limits: RoutingLimits | None = None,
) -> AsyncGenerator[Segment | Transcript | SpeechPlan | SpeechChunk]:
    """Have the endpoint do what it can: hear the recording, or speak."""
    allowed = limits or RoutingLimits()
    if Capability.TRANSCRIPTION in endpoint.capabilities:
        return _heard(provider, endpoint, replace(PLAIN, limits=allowed), source)
    return _spoken(provider, endpoint, replace(TO_SPEAK, limits=allowed))


async def _heard(
    provider: Provider, endpoint: Endpoint, request: TranscriptionRequest, source: AudioSource
) -> AsyncGenerator[Segment | Transcript | SpeechPlan | SpeechChunk]:
    async with aclosing(provider.transcriber(endpoint).transcribe(request, source)) as updates:
        async for update in updates:
            yield update


async def _spoken(
    provider: Provider, endpoint: Endpoint, request: SpeechRequest
) -> AsyncGenerator[Segment | Transcript | SpeechPlan | SpeechChunk]:
    async with aclosing(provider.speaker(endpoint).speak(request)) as updates:
        async for update in updates:
            yield update


async def transcript_of(
    there: Running, endpoint: Endpoint, source: AudioSource, request: TranscriptionRequest = PLAIN
) -> Transcript:
    """Return what is understood at an endpoint, its parts checked."""
    updates = there.provider.transcriber(endpoint).transcribe(request, source)
    *segments, transcript = [update async for update in updates]
    assert isinstance(transcript, Transcript)
    assert all(isinstance(segment, Segment) for segment in segments)
    if transcript.segments:
        assert transcript.segments == tuple(segments)
    return transcript


async def drained(updates: AsyncGenerator[Any]) -> None:
    async for _ in updates:
        pass


def assert_discreet(error: UpstreamError, access: ProviderAccess) -> None:
    """Nothing in an error tells how the provider is reached."""
    assert access.id in error.message
    for secret in (access.api_key, "://", "127.0.0.1"):
        assert secret not in f"{error} {error.message}"


async def test_every_kind_is_asked() -> None:
    kinds = {configured(name, "http://127.0.0.1:1").access.kind for name in STAND_INS}
    assert kinds == set(KINDS)


@each_place
async def test_segments_come_first_and_then_one_transcript(
    there: Running, endpoint: Endpoint, source: AudioSource, place: str
) -> None:
    transcript = await transcript_of(there, endpoint, source)
    assert transcript.text == TEXT
    assert transcript.provider == there.access.id
    assert f"{transcript.provider}/{transcript.model}" == place


@each_place
async def test_the_length_is_what_was_told_or_nothing(
    there: Running, endpoint: Endpoint, source: AudioSource, place: str
) -> None:
    transcript = await transcript_of(there, endpoint, source)
    if place in TELLS_NO_LENGTH:
        assert transcript.duration_s == 0.0
    else:
        assert transcript.duration_s == pytest.approx(DURATION_S, abs=1.0)
    ends_s = [segment.end_s for segment in transcript.segments]
    assert max(ends_s, default=0.0) <= transcript.duration_s


@each_place
async def test_times_rise(there: Running, endpoint: Endpoint, source: AudioSource) -> None:
    transcript = await transcript_of(there, endpoint, source, WITH_WORDS)
    everything: list[Sequence[Segment | Word]] = [transcript.segments, transcript.words]
    for spans in everything:
        times_s = [(span.start_s, span.end_s) for span in spans]
        assert all(left[1] <= right[0] for left, right in pairwise(times_s)), times_s


@each_place
async def test_words_are_there_exactly_if_they_are_asked_for_and_promised(
    there: Running, endpoint: Endpoint, source: AudioSource
) -> None:
    plain = await transcript_of(there, endpoint, source)
    detailed = await transcript_of(there, endpoint, source, WITH_WORDS)
    is_promised = Detail.WORDS in endpoint.details
    assert plain.words == ()
    assert len(detailed.words) == (len(TEXT.split()) if is_promised else 0)


@each_place
async def test_speakers_are_there_exactly_if_they_are_asked_for_and_promised(
    there: Running, endpoint: Endpoint, source: AudioSource
) -> None:
    plain = await transcript_of(there, endpoint, source)
    detailed = await transcript_of(there, endpoint, source, WITH_SPEAKERS)
    is_promised = Detail.SPEAKERS in endpoint.details
    assert {segment.speaker for segment in plain.segments} <= {None}
    told = [segment.speaker for segment in detailed.segments if segment.speaker]
    assert told == ([speaker for *_, speaker in TURNS] if is_promised else [])


@each_speaker
async def test_a_plan_comes_first_and_then_the_sound(
    there: Running, endpoint: Endpoint, source: AudioSource
) -> None:
    plan, *chunks = [update async for update in work(there.provider, endpoint, source)]
    assert isinstance(plan, SpeechPlan)
    assert plan.casting.model == endpoint.model
    assert plan.casting.voices
    assert plan.sample_rate_hz > 0
    assert plan.n_characters == len(TO_SPEAK.text)
    sounds = [chunk.samples for chunk in chunks if isinstance(chunk, SpeechChunk)]
    assert len(sounds) == len(chunks) > 0
    whole = np.concatenate(sounds)
    assert whole.dtype == np.float32
    assert len(whole) > 0
    assert np.abs(whole).max() <= 1


@pytest.mark.parametrize("place", ["assemblyai/universal-2"])
async def test_who_does_not_speak_says_so(there: Running, endpoint: Endpoint) -> None:
    with pytest.raises(UnsupportedOptionError):
        there.provider.speaker(endpoint)
    assert there.log.asked == []


@each_path
async def test_what_a_caller_forbids_never_leaves(
    there: Running, endpoint: Endpoint, source: AudioSource
) -> None:
    unknown = replace(endpoint, eu_native=False, is_quantized=None)
    guarded = GuardedProvider(there.provider, require_gdpr=False)
    for limits in FORBIDDING:
        with pytest.raises(PermissionDeniedError):
            await drained(work(guarded, unknown, source, limits))
    assert there.log.asked == []
    allowed = RoutingLimits(allowed_providers=frozenset({endpoint.provider}))
    await drained(work(guarded, unknown, source, allowed))
    assert there.log.asked


@each_path
async def test_what_the_operator_forbids_never_leaves(
    there: Running, endpoint: Endpoint, source: AudioSource
) -> None:
    silent = replace(endpoint, gdpr=DataProtection.UNKNOWN)
    guarded = GuardedProvider(there.provider, require_gdpr=True)
    with pytest.raises(PermissionDeniedError):
        await drained(work(guarded, silent, source))
    assert there.log.asked == []


@each_path
async def test_a_wrong_key_is_told_from_other_failures(
    there: Running, endpoint: Endpoint, source: AudioSource
) -> None:
    access = replace(there.access, api_key=WRONG_KEY)
    async with AsyncExitStack() as stack:
        provider = connected(access)
        stack.push_async_callback(provider.close)
        with pytest.raises(UpstreamKeyError) as caught:
            await drained(work(provider, endpoint, source))
    assert_discreet(caught.value, access)


@each_path
async def test_a_server_that_is_not_there_is_unavailable(place: str, source: AudioSource) -> None:
    with socket.socket() as bound:  # a port of its own at which nobody listens
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        async with reached(place, url) as (provider, endpoint, access):
            with pytest.raises(UpstreamUnavailableError) as caught:
                await drained(work(provider, endpoint, source))
    assert_discreet(caught.value, access)


async def failure(place: str, source: AudioSource, front: Front, app: ASGIApp) -> UpstreamError:
    """Return what becomes of a provider that answers like this, whatever it is asked."""
    front.app = app
    async with reached(place, front.url) as (provider, endpoint, access):
        with pytest.raises(UpstreamError) as caught:
            await drained(work(provider, endpoint, source))
    assert_discreet(caught.value, access)
    return caught.value


def answering(status: int, body: bytes, **headers: str) -> ASGIApp:
    """Answer every request alike, once it has arrived; `_` stands for a hyphen in headers."""
    head = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})

    return answer


@each_path
async def test_a_provider_that_wants_fewer_requests_says_until_when(
    place: str, source: AudioSource, front: Front
) -> None:
    app = answering(429, b"{}", retry_after=f"{RETRY_AFTER_S:g}")
    error = await failure(place, source, front, app)
    assert isinstance(error, UpstreamThrottledError)
    assert error.retry_after_s == RETRY_AFTER_S


@each_path
async def test_a_provider_that_is_down_is_unavailable(
    place: str, source: AudioSource, front: Front
) -> None:
    error = await failure(place, source, front, answering(503, b"down"))
    assert isinstance(error, UpstreamUnavailableError)


@each_path
async def test_what_a_refusal_repeats_of_our_request_is_not_told(
    place: str, source: AudioSource, front: Front
) -> None:
    key = TABLES[provider_of(place)]["api_key"]
    told = f'{{"error": {{"message": "key {key} at {front.url}/v1 is bad"}}}}'
    error = await failure(place, source, front, answering(400, told.encode()))
    assert isinstance(error, UpstreamRejectedError)
    assert "is bad" in error.message


@each_place
async def test_an_answer_that_means_nothing_is_a_failure_of_the_provider(
    place: str, source: AudioSource, front: Front
) -> None:
    for body in GARBAGE:
        error = await failure(place, source, front, answering(200, body))
        assert type(error) is UpstreamError, body


class Silent:
    """A server that takes a request and never answers.

    Attributes:
        asked: a request has arrived as a whole.
        left: who asked has hung up.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        self.asked.set()
        assert (await receive())["type"] == "http.disconnect"
        self.left.set()


@each_path
async def test_who_is_cancelled_hangs_up_and_leaves_nothing_running(
    place: str, source: AudioSource, front: Front
) -> None:
    silent = front.app = Silent()
    before = asyncio.all_tasks()
    async with reached(place, front.url) as (provider, endpoint, _access):
        working = asyncio.create_task(drained(work(provider, endpoint, source)))
        await silent.asked.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        async with asyncio.timeout(5):
            await silent.left.wait()
    left_over = asyncio.all_tasks() - before
    if left_over:
        _done, still_running = await asyncio.wait(left_over, timeout=5)
        assert not still_running


@each_path
async def test_who_stops_listening_may_ask_again(
    there: Running, endpoint: Endpoint, source: AudioSource
) -> None:
    async with aclosing(work(there.provider, endpoint, source)) as updates:
        first = await anext(updates)
    assert isinstance(first, Segment | Transcript | SpeechPlan)
    await drained(work(there.provider, endpoint, source))
