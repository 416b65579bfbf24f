"""What is sent to Deepgram for a recording, and what becomes of its refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail, Endpoint, ProviderAccess
from loquent.domain.errors import (
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from loquent.domain.model import Capability
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, SpeakerSearch
from loquent.domain.transcript import Segment, Transcript
from loquent.providers.deepgram.provider import KIND, DeepgramProvider
from loquent.providers.deepgram.transcribing import EXTENSIONS, parameters
from loquent.providers.limits import UpstreamLimits
from tests.vendors.deepgram_vendor import KEY, LISTEN_PARAMETERS, DeepgramVendor, heard, word
from tests.vendors.deepgram_vendor import refusal as refused
from tests.vendors.server import serving

RECORDING = b"RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + bytes(range(200))
REQUEST = TranscriptionRequest(model="nova-3")
ENDPOINT = Endpoint(
    provider="deepgram",
    model="nova-3",
    upstream_model="nova-3",
    capabilities=frozenset({Capability.TRANSCRIPTION}),
    details=KIND.powers[Capability.TRANSCRIPTION],
    extensions=KIND.extensions[Capability.TRANSCRIPTION],
)


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    path = tmp_path / "recording"
    path.write_bytes(RECORDING)
    return AudioSource(path, len(RECORDING))


@asynccontextmanager
async def connected(vendor: DeepgramVendor, key: str = KEY) -> AsyncIterator[DeepgramProvider]:
    async with serving(vendor.app) as url:
        provider = DeepgramProvider(
            ProviderAccess(id="deepgram", kind="deepgram", base_url=url, api_key=key),
            UpstreamLimits(),
        )
        try:
            yield provider
        finally:
            await provider.close()


async def transcribed(
    provider: DeepgramProvider, source: AudioSource, request: TranscriptionRequest = REQUEST
) -> list[Segment | Transcript]:
    return [u async for u in provider.transcriber(ENDPOINT).transcribe(request, source)]


async def test_a_recording_is_sent_as_it_is_and_kept_out_of_training(source: AudioSource) -> None:
    vendor = DeepgramVendor(RECORDING)
    async with connected(vendor) as provider:
        await transcribed(provider, source)
    asked = vendor.log.last
    assert (asked.method, asked.path) == ("POST", "/v1/listen")
    assert asked.query == [
        ("model", "nova-3"),
        ("detect_language", "true"),
        ("smart_format", "true"),
        ("punctuate", "true"),
        ("mip_opt_out", "true"),
    ]
    assert asked.headers["authorization"] == f"Token {KEY}"
    assert asked.headers["content-type"] == "audio/wav"
    assert asked.headers["content-length"] == str(len(RECORDING))
    assert asked.body == RECORDING


async def test_segments_come_before_the_transcript_that_holds_them(source: AudioSource) -> None:
    answer = heard([word("Yes.", 0.5, 0.9), word("Indeed.", 1.0, 1.6)])
    async with connected(DeepgramVendor(RECORDING, answer)) as provider:
        *segments, transcript = await transcribed(provider, source)
    assert isinstance(transcript, Transcript)
    assert list(transcript.segments) == segments
    assert transcript.text == "Yes. Indeed."


async def test_a_server_without_keys_is_sent_none(source: AudioSource) -> None:
    vendor = DeepgramVendor(RECORDING)
    async with connected(vendor, key="") as provider:
        with pytest.raises(UpstreamKeyError):
            await transcribed(provider, source)
    assert "authorization" not in vendor.log.last.headers


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (refused(400, "Bad Request", "corrupt or unsupported data"), UpstreamRejectedError),
        (refused(402, "ASR_PAYMENT_REQUIRED", "Project has no credits."), UpstreamKeyError),
        (refused(403, "INSUFFICIENT_PERMISSIONS", "No access to the model."), UpstreamKeyError),
        (refused(413, "PAYLOAD_TOO_LARGE", "Too large."), UpstreamRejectedError),
        (refused(429, "TOO_MANY_REQUESTS", "Please try again later"), UpstreamThrottledError),
        (refused(500, "INTERNAL", "Something went wrong."), UpstreamUnavailableError),
        (refused(504, "Gateway Timeout", "Too slow."), UpstreamTimeoutError),
        (Response("not json"), UpstreamError),
    ],
)
async def test_refusals_become_errors_of_ours(
    source: AudioSource, response: Response, error: type[UpstreamError]
) -> None:
    vendor = DeepgramVendor(RECORDING)
    vendor.refuses_with = response
    async with connected(vendor) as provider:
        with pytest.raises(UpstreamError) as raised:
            await transcribed(provider, source)
    assert type(raised.value) is error


async def test_a_refusal_says_why_but_not_the_key(source: AudioSource) -> None:
    vendor = DeepgramVendor(RECORDING)
    vendor.refuses_with = JSONResponse(
        {"err_code": "Bad Request", "err_msg": f"Model too old for {KEY}"}, status_code=400
    )
    async with connected(vendor) as provider:
        with pytest.raises(UpstreamRejectedError) as raised:
            await transcribed(provider, source)
    assert "Model too old" in raised.value.message
    assert KEY not in raised.value.message


async def test_a_wrong_key_is_told_without_the_key(source: AudioSource) -> None:
    wrong = "dg-wrong-fedcba9876543210"
    async with connected(DeepgramVendor(RECORDING), key=wrong) as provider:
        with pytest.raises(UpstreamKeyError) as raised:
            await transcribed(provider, source)
    assert wrong not in raised.value.message


def asked_of(request: TranscriptionRequest, endpoint: Endpoint = ENDPOINT) -> set[tuple[str, str]]:
    """Return the query beyond what every recording is sent with."""
    return set(parameters(endpoint, request)) - {
        ("model", endpoint.upstream_model),
        ("smart_format", "true"),
        ("punctuate", "true"),
        ("mip_opt_out", "true"),
    }


def test_the_language_of_the_caller_is_not_detected() -> None:
    assert asked_of(replace(REQUEST, language="de")) == {("language", "de")}


def test_a_model_of_one_language_is_not_asked_to_detect_it() -> None:
    medical = replace(ENDPOINT, upstream_model="nova-2-medical", languages=("en",))
    assert asked_of(REQUEST, medical) == {("language", "en")}


def test_speakers_are_told_apart_by_voice_where_the_model_can() -> None:
    request = replace(REQUEST, language="en", speakers=SpeakerSearch())
    blind = replace(ENDPOINT, details=ENDPOINT.details - {Detail.SPEAKERS})
    assert asked_of(request) == {("language", "en"), ("diarize", "true")}
    assert asked_of(request, blind) == {("language", "en")}


def test_separate_channels_are_heard_alone() -> None:
    search = SpeakerSearch(channels=Channels.SEPARATE)
    request = replace(REQUEST, language="en", speakers=search)
    assert asked_of(request) == {("language", "en"), ("multichannel", "true")}


def test_newer_models_expect_phrases_and_older_ones_words() -> None:
    request = replace(REQUEST, language="en", hotwords="Ada Lovelace, Enigma:5,, Ada Lovelace")
    old = replace(ENDPOINT, upstream_model="nova-2")
    deaf = replace(ENDPOINT, details=ENDPOINT.details - {Detail.HOTWORDS})
    language = {("language", "en")}
    assert asked_of(request) == language | {("keyterm", "Ada Lovelace"), ("keyterm", "Enigma:5")}
    assert asked_of(request, old) == language | {
        ("keywords", name) for name in ("Ada", "Lovelace", "Enigma", "5")
    }
    assert asked_of(request, deaf) == language


def test_no_more_terms_are_sent_than_deepgram_takes() -> None:
    request = replace(REQUEST, hotwords=",".join(f"term {n}" for n in range(150)))
    assert sum(name == "keyterm" for name, _ in parameters(ENDPOINT, request)) == 100


def test_only_fields_of_the_endpoint_are_handed_on() -> None:
    extras = {"numerals": "true", "redact": "pci, ssn", "callback": "https://evil.example"}
    request = replace(REQUEST, language="en", extras=extras)
    bare = replace(ENDPOINT, extensions=frozenset())
    assert asked_of(request) == {
        ("language", "en"),
        ("numerals", "true"),
        ("redact", "pci"),
        ("redact", "ssn"),
    }
    assert asked_of(request, bare) == {("language", "en")}


def test_every_field_that_is_handed_on_is_documented() -> None:
    assert EXTENSIONS <= LISTEN_PARAMETERS
