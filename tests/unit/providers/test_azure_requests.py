"""What is sent to Azure for a recording, and what becomes of its refusals."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from loquent.providers.azure.provider import KIND, AzureProvider
from loquent.providers.azure.transcribing import definition
from tests.vendors.azure_vendor import KEY, AzureVendor, refusal
from tests.vendors.server import serving

RECORDING = b"fLaC" + bytes(range(200))
REQUEST = TranscriptionRequest(model="azure-fast-transcription")
ENDPOINT = Endpoint(
    provider="azure",
    model="azure-fast-transcription",
    upstream_model="fast-transcription",
    capabilities=frozenset({Capability.TRANSCRIPTION}),
    details=KIND.powers[Capability.TRANSCRIPTION],
    extensions=KIND.extensions[Capability.TRANSCRIPTION],
)
ALWAYS = {"locales": [], "profanityFilterMode": "None"}


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    path = tmp_path / "recording"
    path.write_bytes(RECORDING)
    return AudioSource(path, len(RECORDING))


@asynccontextmanager
async def connected(vendor: AzureVendor, key: str = KEY) -> AsyncIterator[AzureProvider]:
    async with serving(vendor.app) as url:
        provider = AzureProvider(ProviderAccess("azure", "azure", url, api_key=key))
        try:
            yield provider
        finally:
            await provider.close()


async def transcribed(
    provider: AzureProvider, source: AudioSource, request: TranscriptionRequest = REQUEST
) -> list[Segment | Transcript]:
    return [u async for u in provider.transcriber(ENDPOINT).transcribe(request, source)]


async def test_a_recording_is_sent_as_the_guide_shows(source: AudioSource) -> None:
    vendor = AzureVendor()
    async with connected(vendor) as provider:
        await transcribed(provider, source)
    asked = vendor.log.last
    assert (asked.method, asked.path) == ("POST", "/speechtotext/transcriptions:transcribe")
    assert asked.query == [("api-version", "2025-10-15")]
    assert asked.headers["ocp-apim-subscription-key"] == KEY
    assert "authorization" not in asked.headers
    ((name, told),) = asked.fields()
    assert (name, json.loads(told)) == ("definition", ALWAYS)
    file = asked.file("audio")
    assert (file.file_name, file.media_type) == ("audio.flac", "audio/flac")
    assert file.content == RECORDING


async def test_segments_come_before_the_transcript_that_holds_them(source: AudioSource) -> None:
    async with connected(AzureVendor()) as provider:
        *segments, transcript = await transcribed(provider, source)
    assert isinstance(transcript, Transcript)
    assert tuple(segments) == transcript.segments
    assert [s.text for s in transcript.segments] == [" Good afternoon.", " This is Sam."]


async def test_what_is_asked_for_is_understood_there(source: AudioSource) -> None:
    vendor = AzureVendor()
    request = replace(REQUEST, language="de", hotwords="Ada", speakers=SpeakerSearch(n_speakers=99))
    async with connected(vendor) as provider:
        await transcribed(provider, source, request)
    assert json.loads(dict(vendor.log.last.fields())["definition"]) == {
        "locales": ["de-DE"],
        "profanityFilterMode": "None",
        "diarization": {"enabled": True, "maxSpeakers": 35},
        "phraseList": {"phrases": ["Ada"]},
    }


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"language": "no"}, {"locales": ["nb-NO"]}),
        ({"language": "tl"}, {"locales": ["fil-PH"]}),
        ({"language": "de", "extras": {"locale": "de-AT"}}, {"locales": ["de-AT"]}),
        ({"speakers": SpeakerSearch()}, {"diarization": {"enabled": True}}),
        (
            {"speakers": SpeakerSearch(n_speakers=1)},
            {"diarization": {"enabled": True, "maxSpeakers": 2}},
        ),
        (
            {"speakers": SpeakerSearch(max_speakers=4)},
            {"diarization": {"enabled": True, "maxSpeakers": 4}},
        ),
        (
            {"speakers": SpeakerSearch(n_speakers=2, channels=Channels.SEPARATE)},
            {"channels": (0, 1)},
        ),
        ({"hotwords": "Ada, Bob; Ada"}, {"phraseList": {"phrases": ["Ada", "Bob"]}}),
    ],
)
def test_each_wish_has_its_field(wish: dict[str, Any], told: dict[str, Any]) -> None:
    assert definition(ENDPOINT, replace(REQUEST, **wish)) == ALWAYS | told


def test_an_endpoint_without_details_is_asked_for_the_text_alone() -> None:
    bare = replace(ENDPOINT, details=frozenset(), extensions=frozenset())
    request = replace(
        REQUEST,
        language="de",
        hotwords="Ada",
        speakers=SpeakerSearch(n_speakers=2),
        extras={"locale": "de-AT"},
    )
    assert definition(bare, request) == ALWAYS


async def test_a_language_without_a_locale_is_refused(source: AudioSource) -> None:
    vendor = AzureVendor()
    async with connected(vendor) as provider:
        with pytest.raises(UnsupportedOptionError, match="Latin") as caught:
            await transcribed(provider, source, replace(REQUEST, language="la"))
    assert caught.value.param == "language"
    assert vendor.log.asked == []


async def test_translating_is_refused_before_anything_is_sent(source: AudioSource) -> None:
    vendor = AzureVendor()
    async with connected(vendor) as provider:
        with pytest.raises(UnsupportedOptionError, match="does not translate"):
            await transcribed(provider, source, replace(REQUEST, task=Task.TRANSLATE))
    assert vendor.log.asked == []


async def test_separate_channels_of_one_channel_are_refused(source: AudioSource) -> None:
    search = SpeakerSearch(channels=Channels.SEPARATE)
    async with connected(AzureVendor()) as provider:
        with pytest.raises(InvalidRequestError, match="one channel"):
            await transcribed(provider, source, replace(REQUEST, speakers=search))


async def test_live_streams_are_refused() -> None:
    async with connected(AzureVendor()) as provider:
        with pytest.raises(UnsupportedOptionError, match="no live streams"):
            provider.live(ENDPOINT)
    assert Capability.REALTIME not in KIND.powers


async def test_a_wrong_key_is_the_operators_trouble_and_never_shown(source: AudioSource) -> None:
    async with connected(AzureVendor(), key="wrong-9876543210") as provider:
        with pytest.raises(UpstreamKeyError) as caught:
            await transcribed(provider, source)
    assert "9876543210" not in caught.value.message
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (
            refusal(400, "InvalidRequest", f"No such locale for {KEY}."),
            UpstreamRejectedError,
            "No such locale for ***.",
        ),
        (refusal(422, "InvalidAudio", "Cannot decode."), UpstreamRejectedError, "Cannot decode."),
        (refusal(429, "TooManyRequests", "Slow down."), UpstreamThrottledError, "Slow down."),
        (refusal(503, "Unavailable", "Sorry."), UpstreamUnavailableError, "Sorry."),
        (Response("[", 200), UpstreamError, "cannot be read"),
        (Response(status_code=307), UpstreamError, "answered 307"),
    ],
)
async def test_refusals_become_our_errors(
    source: AudioSource, answer: Response, error: type[UpstreamError], told: str
) -> None:
    vendor = AzureVendor()
    vendor.refusal = answer
    async with connected(vendor) as provider:
        with pytest.raises(error) as caught:
            await transcribed(provider, source)
    assert type(caught.value) is error
    assert told in caught.value.message
    assert KEY not in caught.value.message
