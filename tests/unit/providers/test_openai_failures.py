"""How refusals and breakdowns of an OpenAI-compatible server are told to whoever called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.responses import JSONResponse

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import ProviderAccess
from loquent.domain.errors import (
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speech import SpeechRequest
from loquent.providers.openai.provider import OpenAiProvider
from tests.unit.providers.openai_calls import (
    GPT,
    WHISPER,
    endpoint,
    heard,
    recording,
    spoken,
)
from tests.vendors.openai_vendor import KEY, OpenAiVendor, error_body
from tests.vendors.server import serving

ASKED = TranscriptionRequest(model="anything")


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    return recording(tmp_path)


@pytest.mark.parametrize(
    ("status", "kind", "code", "expected"),
    [
        (400, "invalid_request_error", "unsupported_value", UpstreamRejectedError),
        (401, "invalid_request_error", "invalid_api_key", UpstreamKeyError),
        (403, "invalid_request_error", "unsupported_country", UpstreamKeyError),
        (404, "invalid_request_error", "model_not_found", UpstreamRejectedError),
        (408, "server_error", None, UpstreamTimeoutError),
        (413, "server_error", None, UpstreamRejectedError),
        (429, "requests", "rate_limit_exceeded", UpstreamThrottledError),
        (500, "server_error", None, UpstreamUnavailableError),
        (503, "server_error", None, UpstreamUnavailableError),
        (504, "server_error", None, UpstreamTimeoutError),
    ],
)
async def test_each_status_is_its_own_error_without_key_and_address(
    source: AudioSource, status: int, kind: str, code: str | None, expected: type[UpstreamError]
) -> None:
    message = f"It failed for {KEY}; see https://platform.openai.com/docs."
    body = error_body(message, code=code, kind=kind)
    vendor = OpenAiVendor(reply=JSONResponse(body, status))
    with pytest.raises(UpstreamError) as told:
        await heard(vendor, GPT, ASKED, source)
    assert type(told.value) is expected
    assert "acme" in told.value.message
    assert KEY not in told.value.message
    assert "http" not in told.value.message


@pytest.mark.parametrize(
    ("headers", "retry_after_s"),
    [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "1500"}, 1.5), ({}, None)],
)
async def test_a_throttle_says_when_to_return(
    source: AudioSource, headers: Mapping[str, str], retry_after_s: float | None
) -> None:
    body = error_body("Rate limit reached.", code="rate_limit_exceeded", kind="requests")
    vendor = OpenAiVendor(reply=JSONResponse(body, 429, headers))
    with pytest.raises(UpstreamThrottledError) as told:
        await heard(vendor, GPT, ASKED, source)
    assert told.value.retry_after_s == retry_after_s


async def test_a_wrong_key_is_the_operators_to_see_to(source: AudioSource) -> None:
    async with serving(OpenAiVendor().app) as url:
        access = ProviderAccess("acme", "openai", f"{url}/v1", api_key="sk-wrong-key-123456")
        provider = OpenAiProvider(access)
        with pytest.raises(UpstreamKeyError, match="operator") as told:
            await anext(provider.transcriber(GPT).transcribe(ASKED, source))
        await provider.close()
    assert "sk-" not in told.value.message


async def test_what_the_real_one_says_of_formats_reaches_the_caller(source: AudioSource) -> None:
    place = replace(WHISPER, upstream_model="gpt-4o-transcribe")
    with pytest.raises(UpstreamRejectedError, match="'verbose_json' is not compatible with model"):
        await heard(OpenAiVendor(), place, ASKED, source)


async def test_an_unknown_model_is_a_rejection(source: AudioSource) -> None:
    with pytest.raises(UpstreamRejectedError, match="The model 'whisper-9' does not exist"):
        await heard(OpenAiVendor(), endpoint("whisper-9"), ASKED, source)


async def test_an_unknown_voice_is_a_rejection() -> None:
    request = SpeechRequest(model="anything", text="Hello", voice="nobody")
    with pytest.raises(UpstreamRejectedError, match="Invalid value: 'nobody'"):
        await spoken(OpenAiVendor(), request)


async def test_nobody_there_is_unavailable(source: AudioSource) -> None:
    provider = OpenAiProvider(ProviderAccess("acme", "openai", "http://127.0.0.1:9", KEY))
    with pytest.raises(UpstreamUnavailableError) as told:
        await anext(provider.transcriber(GPT).transcribe(ASKED, source))
    await provider.close()
    assert "127.0.0.1" not in told.value.message
