"""Texts spoken by Deepgram's Aura: what is sent, what comes back, and what becomes of refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from loquent.domain.endpoints import Detail, Endpoint, ProviderAccess
from loquent.domain.errors import (
    InvalidRequestError,
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
)
from loquent.domain.model import Capability, Gender, Voice
from loquent.domain.speech import SpeechChunk, SpeechPlan, SpeechRequest
from loquent.providers.deepgram.provider import KIND, DeepgramProvider
from loquent.providers.limits import UpstreamLimits
from tests.vendors.deepgram_vendor import KEY, MAX_SPOKEN_CHARACTERS, DeepgramVendor
from tests.vendors.deepgram_vendor import refusal as refused
from tests.vendors.server import serving

ENDPOINT = Endpoint(
    provider="deepgram",
    model="aura-2",
    upstream_model="aura-2",
    capabilities=frozenset({Capability.SPEECH}),
    details=KIND.powers[Capability.SPEECH],
    voices=(
        Voice("thalia", "en-US", Gender.FEMALE),
        Voice("celeste", "es-CO", Gender.FEMALE),
        Voice("julius", "de", Gender.MALE),
    ),
)
REQUEST = SpeechRequest(model="aura-2", text="Hello.", voice="thalia")


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


async def spoken(
    vendor: DeepgramVendor, request: SpeechRequest = REQUEST, endpoint: Endpoint = ENDPOINT
) -> tuple[SpeechPlan, list[float]]:
    """Return the plan and all samples."""
    async with connected(vendor) as provider:
        plan, *chunks = [u async for u in provider.speaker(endpoint).speak(request)]
    assert isinstance(plan, SpeechPlan)
    samples = [s for c in chunks if isinstance(c, SpeechChunk) for s in c.samples.tolist()]
    return plan, samples


async def test_a_text_is_sent_with_its_voice_and_kept_out_of_training() -> None:
    vendor = DeepgramVendor()
    await spoken(vendor)
    asked = vendor.log.last
    assert (asked.method, asked.path) == ("POST", "/v1/speak")
    assert asked.query == [
        ("model", "aura-2-thalia-en"),
        ("encoding", "linear16"),
        ("sample_rate", "24000"),
        ("container", "none"),
        ("mip_opt_out", "true"),
    ]
    assert asked.headers["authorization"] == f"Token {KEY}"
    assert asked.headers["content-type"] == "application/json"
    assert asked.json() == {"text": "Hello."}


async def test_sound_cut_within_a_sample_arrives_whole() -> None:
    vendor = DeepgramVendor()
    vendor.sound = (b"\x00", b"\x40\x00", b"\xc0\x00\x00")
    plan, samples = await spoken(vendor)
    assert samples == [0.5, -0.5, 0.0]
    assert (plan.sample_rate_hz, plan.n_pieces, plan.n_characters) == (24_000, 0, 6)
    assert plan.casting.model == "aura-2"


@pytest.mark.parametrize(
    ("voice", "language", "model", "cast", "cast_language"),
    [
        ("celeste", None, "aura-2-celeste-es", "celeste", "es"),
        ("", None, "aura-2-thalia-en", "thalia", "en"),
        ("", "de-AT", "aura-2-julius-de", "julius", "de"),
        ("", "sv", "aura-2-thalia-en", "thalia", "en"),
        ("nestor", "es", "aura-2-nestor-es", "nestor", "es"),
        ("apollo", None, "aura-2-apollo-en", "apollo", "en"),
        ("aura-2-ama-ja", None, "aura-2-ama-ja", "aura-2-ama-ja", "ja"),
    ],
)
async def test_each_voice_is_a_model_of_its_own(
    voice: str, language: str | None, model: str, cast: str, cast_language: str
) -> None:
    vendor = DeepgramVendor()
    plan, _ = await spoken(vendor, replace(REQUEST, voice=voice, language=language))
    assert dict(vendor.log.last.query)["model"] == model
    assert plan.casting.voices == ((cast, 1.0),)
    assert plan.casting.language == cast_language


@pytest.mark.parametrize("voice", ["", "zeus", "aura-2-zeus-en"])
async def test_catalogs_may_name_voices_as_deepgram_does(voice: str) -> None:
    vendor = DeepgramVendor()
    named = replace(ENDPOINT, voices=(Voice("aura-2-zeus-en", "en-US", Gender.MALE),))
    plan, _ = await spoken(vendor, replace(REQUEST, voice=voice), named)
    assert dict(vendor.log.last.query)["model"] == "aura-2-zeus-en"
    assert plan.casting.voices == (("aura-2-zeus-en", 1.0),)


async def test_without_any_voice_the_caller_is_asked_for_one() -> None:
    with pytest.raises(InvalidRequestError) as raised:
        await spoken(DeepgramVendor(), replace(REQUEST, voice=""), replace(ENDPOINT, voices=()))
    assert raised.value.param == "voice"


async def test_the_pace_is_asked_for_where_the_model_has_one() -> None:
    vendor = DeepgramVendor()
    slow = replace(REQUEST, speed=0.8)
    await spoken(vendor, slow)
    assert ("speed", "0.8") in vendor.log.last.query
    await spoken(vendor, slow, replace(ENDPOINT, details=ENDPOINT.details - {Detail.SPEED}))
    assert "speed" not in dict(vendor.log.last.query)


async def test_long_texts_are_spoken_in_parts_that_end_with_sentences() -> None:
    vendor = DeepgramVendor()
    vendor.sound = (b"\x00\x40\x01",)
    text = "This sentence is spoken as a whole. " * 150
    _, samples = await spoken(vendor, replace(REQUEST, text=text.strip()))
    parts = [asked.json()["text"] for asked in vendor.log.asked]
    assert len(parts) == 3
    assert " ".join(parts) == text.strip()
    assert all(len(part) <= MAX_SPOKEN_CHARACTERS and part.endswith(".") for part in parts)
    # Half a sample at the end of a part must not shift the samples of the next.
    assert samples == [0.5, 0.5, 0.5]


async def test_nothing_to_say_is_refused_here() -> None:
    vendor = DeepgramVendor()
    with pytest.raises(InvalidRequestError) as raised:
        await spoken(vendor, replace(REQUEST, text=" \n"))
    assert raised.value.param == "input"
    assert vendor.log.asked == []


async def test_a_refusal_comes_before_any_plan() -> None:
    vendor = DeepgramVendor()
    vendor.refuses_with = refused(400, "Bad Request", "No such model: aura-2-nobody-en.")
    async with connected(vendor) as provider:
        with pytest.raises(UpstreamRejectedError, match="No such model"):
            await anext(provider.speaker(ENDPOINT).speak(REQUEST))


async def test_an_answer_without_sound_is_an_error() -> None:
    vendor = DeepgramVendor()
    vendor.sound = ()
    with pytest.raises(UpstreamError, match="no sound"):
        await spoken(vendor)


async def test_a_wrong_key_is_told_without_the_key() -> None:
    wrong = "dg-wrong-fedcba9876543210"
    async with connected(DeepgramVendor(), key=wrong) as provider:
        with pytest.raises(UpstreamKeyError) as raised:
            await anext(provider.speaker(ENDPOINT).speak(REQUEST))
    assert wrong not in raised.value.message
