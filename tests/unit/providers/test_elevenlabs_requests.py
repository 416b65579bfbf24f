"""What is sent to ElevenLabs for a recording, and what becomes of its refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.responses import Response

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import (
    InvalidRequestError,
    UnsupportedOptionError,
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamUnavailableError,
)
from loquent.domain.model import Capability
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, SpeakerSearch
from loquent.domain.transcript import Segment, Task, Transcript
from loquent.providers.elevenlabs.provider import KIND, ElevenLabsProvider
from loquent.providers.elevenlabs.transcribing import key_terms
from tests.vendors.elevenlabs_vendor import KEY, ElevenLabsVendor, refusal
from tests.vendors.server import serving

RECORDING = b"RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + bytes(range(200))
REQUEST = TranscriptionRequest(model="scribe_v2")
ENDPOINT = Endpoint(
    provider="elevenlabs",
    model="scribe_v2",
    upstream_model="scribe_v2",
    capabilities=frozenset({Capability.TRANSCRIPTION}),
    details=KIND.powers[Capability.TRANSCRIPTION],
    extensions=KIND.extensions[Capability.TRANSCRIPTION],
)
ALWAYS = [
    ("model_id", "scribe_v2"),
    ("tag_audio_events", "false"),
    ("timestamps_granularity", "word"),
]


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    path = tmp_path / "recording"
    path.write_bytes(RECORDING)
    return AudioSource(path, len(RECORDING))


@asynccontextmanager
async def connected(
    vendor: ElevenLabsVendor, key: str = KEY, **quirks: str
) -> AsyncIterator[ElevenLabsProvider]:
    async with serving(vendor.app) as url:
        provider = ElevenLabsProvider(
            ProviderAccess("elevenlabs", "elevenlabs", url, api_key=key, quirks=quirks)
        )
        try:
            yield provider
        finally:
            await provider.close()


async def transcribed(
    provider: ElevenLabsProvider,
    source: AudioSource,
    request: TranscriptionRequest = REQUEST,
    endpoint: Endpoint = ENDPOINT,
) -> list[Segment | Transcript]:
    return [u async for u in provider.transcriber(endpoint).transcribe(request, source)]


async def fields_of(
    source: AudioSource, request: TranscriptionRequest, endpoint: Endpoint = ENDPOINT
) -> list[tuple[str, str]]:
    vendor = ElevenLabsVendor()
    vendor.answer = {"transcripts": [vendor.answer, vendor.answer]}
    async with connected(vendor) as provider:
        await transcribed(provider, source, request, endpoint)
    return vendor.log.last.fields()


async def test_a_recording_is_sent_as_the_reference_shows(source: AudioSource) -> None:
    vendor = ElevenLabsVendor()
    async with connected(vendor) as provider:
        await transcribed(provider, source)
    asked = vendor.log.last
    assert (asked.method, asked.path, asked.query) == ("POST", "/v1/speech-to-text", [])
    assert asked.headers["xi-api-key"] == KEY
    assert "authorization" not in asked.headers
    assert asked.fields() == ALWAYS
    file = asked.file()
    assert (file.file_name, file.media_type) == ("audio.wav", "audio/wav")
    assert file.content == RECORDING


async def test_segments_come_before_the_transcript_that_holds_them(source: AudioSource) -> None:
    async with connected(ElevenLabsVendor()) as provider:
        *segments, transcript = await transcribed(provider, source)
    assert isinstance(transcript, Transcript)
    assert tuple(segments) == transcript.segments
    assert [segment.text for segment in transcript.segments] == [" Hello world!"]


async def test_all_that_a_caller_wants_is_asked_for(source: AudioSource) -> None:
    request = replace(
        REQUEST,
        language="jw",
        temperature=0.5,
        hotwords="Loquent, Scribe; Loquent",
        speakers=SpeakerSearch(n_speakers=3),
        extras={"seed": "7", "webhook": "true"},
    )
    assert await fields_of(source, request) == [
        *ALWAYS,
        ("language_code", "jv"),
        ("diarize", "true"),
        ("num_speakers", "3"),
        ("temperature", "0.5"),
        ("keyterms", "Loquent"),
        ("keyterms", "Scribe"),
        ("seed", "7"),
    ]


async def test_an_endpoint_without_details_is_asked_for_the_text_alone(
    source: AudioSource,
) -> None:
    bare = replace(ENDPOINT, details=frozenset(), extensions=frozenset())
    request = replace(
        REQUEST,
        language="de",
        temperature=0.5,
        hotwords="Loquent",
        speakers=SpeakerSearch(),
        extras={"seed": "7"},
    )
    assert await fields_of(source, request, bare) == [
        ("model_id", "scribe_v2"),
        ("tag_audio_events", "false"),
        ("timestamps_granularity", "none"),
    ]


async def test_channels_rule_out_telling_voices_apart(source: AudioSource) -> None:
    search = SpeakerSearch(n_speakers=2, channels=Channels.SEPARATE)
    fields = await fields_of(source, replace(REQUEST, speakers=search))
    assert fields == [*ALWAYS, ("use_multi_channel", "true")]


async def test_no_more_speakers_are_asked_for_than_scribe_knows(source: AudioSource) -> None:
    fields = await fields_of(source, replace(REQUEST, speakers=SpeakerSearch(max_speakers=99)))
    assert ("num_speakers", "32") in fields


async def test_logging_is_off_only_where_the_operator_says_so(source: AudioSource) -> None:
    vendor = ElevenLabsVendor()
    async with connected(vendor, logging="off") as provider:
        await transcribed(provider, source)
    assert vendor.log.last.query == [("enable_logging", "false")]


def test_terms_that_scribe_refuses_are_left_out_or_cleaned() -> None:
    terms = f"[Ada] <Lovelace>, {'x' * 51}, one two three four five six, \\, a b c d e"
    assert key_terms(terms) == ("Ada Lovelace", "a b c d e")
    assert len(key_terms(", ".join(f"term {n}" for n in range(1500)))) == 1000


async def test_translating_is_refused_before_anything_is_sent(source: AudioSource) -> None:
    vendor = ElevenLabsVendor()
    async with connected(vendor) as provider:
        with pytest.raises(UnsupportedOptionError, match="does not translate"):
            await transcribed(provider, source, replace(REQUEST, task=Task.TRANSLATE))
    assert vendor.log.asked == []


async def test_separate_channels_of_one_channel_are_refused(source: AudioSource) -> None:
    search = SpeakerSearch(channels=Channels.SEPARATE)
    async with connected(ElevenLabsVendor()) as provider:
        with pytest.raises(InvalidRequestError, match="one channel"):
            await transcribed(provider, source, replace(REQUEST, speakers=search))


async def test_live_streams_are_refused() -> None:
    async with connected(ElevenLabsVendor()) as provider:
        with pytest.raises(UnsupportedOptionError, match="no live streams"):
            provider.live(ENDPOINT)
    assert Capability.REALTIME not in KIND.powers


async def test_a_wrong_key_is_the_operators_trouble_and_never_shown(source: AudioSource) -> None:
    async with connected(ElevenLabsVendor(), key="xi-wrong-9876543210") as provider:
        with pytest.raises(UpstreamKeyError) as caught:
            await transcribed(provider, source)
    assert "9876543210" not in caught.value.message
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (
            refusal(400, "max_character_limit_exceeded", f"Too long for {KEY}."),
            UpstreamRejectedError,
            "Too long for ***.",
        ),
        (refusal(422, "invalid_parameters", "No file."), UpstreamRejectedError, "No file."),
        (
            refusal(429, "too_many_concurrent_requests", "Slow down."),
            UpstreamThrottledError,
            "Slow down.",
        ),
        (refusal(500, "internal", "Sorry."), UpstreamUnavailableError, "Sorry."),
        (Response("{", 200), UpstreamError, "cannot be read"),
        (Response(status_code=302), UpstreamError, "answered 302"),
    ],
)
async def test_refusals_become_our_errors(
    source: AudioSource, answer: Response, error: type[UpstreamError], told: str
) -> None:
    vendor = ElevenLabsVendor()
    vendor.refusal = answer
    async with connected(vendor) as provider:
        with pytest.raises(error) as caught:
            await transcribed(provider, source)
    assert type(caught.value) is error
    assert told in caught.value.message
    assert KEY not in caught.value.message
