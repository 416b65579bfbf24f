"""What Azure is asked to speak, and what becomes of its sound."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import (
    UnsupportedOptionError,
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
)
from loquent.domain.model import Capability, Gender, Voice
from loquent.domain.speech import SpeechChunk, SpeechPlan, SpeechRequest
from loquent.providers.azure.provider import KIND, AzureProvider
from loquent.providers.azure.ssml import ssml
from tests.vendors.azure_vendor import KEY, NAMESPACE, AzureVendor
from tests.vendors.server import serving

AVA = "en-US-AvaMultilingualNeural"
SONIA = "en-GB-SoniaNeural"
ENDPOINT = Endpoint(
    provider="azure",
    model="azure-neural",
    upstream_model="azure-neural",
    capabilities=frozenset({Capability.SPEECH}),
    details=KIND.powers[Capability.SPEECH],
    voices=(Voice(AVA, "en-US", Gender.FEMALE), Voice(SONIA, "en-GB", Gender.FEMALE)),
)
REQUEST = SpeechRequest(model="azure-neural", text="Hello, world.")
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@asynccontextmanager
async def connected(vendor: AzureVendor, key: str = KEY) -> AsyncIterator[AzureProvider]:
    async with serving(vendor.app) as url:
        access = ProviderAccess(
            "azure", "azure", "http://127.0.0.1:1", api_key=key, quirks={"speech_url": f"{url}/"}
        )
        provider = AzureProvider(access)
        try:
            yield provider
        finally:
            await provider.close()


async def spoken(
    vendor: AzureVendor, request: SpeechRequest = REQUEST, endpoint: Endpoint = ENDPOINT
) -> tuple[SpeechPlan, list[SpeechChunk]]:
    async with connected(vendor) as provider:
        plan, *chunks = [u async for u in provider.speaker(endpoint).speak(request)]
    assert isinstance(plan, SpeechPlan)
    return plan, [chunk for chunk in chunks if isinstance(chunk, SpeechChunk)]


async def test_a_text_is_sent_as_the_reference_shows() -> None:
    vendor = AzureVendor()
    plan, chunks = await spoken(vendor)
    asked = vendor.log.last
    assert (asked.method, asked.path, asked.query) == ("POST", "/cognitiveservices/v1", [])
    assert asked.headers["ocp-apim-subscription-key"] == KEY
    assert asked.headers["x-microsoft-outputformat"] == "raw-24khz-16bit-mono-pcm"
    assert asked.headers["content-type"] == "application/ssml+xml"
    assert asked.headers["user-agent"] == "loquent"
    assert asked.body == (
        b'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">'
        b'<voice name="en-US-AvaMultilingualNeural">Hello, world.</voice></speak>'
    )
    assert (plan.sample_rate_hz, plan.n_characters, plan.n_pieces) == (24_000, 13, 0)
    assert (plan.casting.model, plan.casting.voices) == ("azure-neural", ((AVA, 1.0),))
    assert plan.casting.language == "en-US"
    assert [chunk.samples.tolist() for chunk in chunks] == [[0.5]]


async def test_pace_and_language_are_marked_up() -> None:
    vendor = AzureVendor()
    request = replace(REQUEST, language="de", speed=1.25, settings={"lilt": 1.0})
    plan, _ = await spoken(vendor, request)
    assert vendor.log.last.body.endswith(
        b'<lang xml:lang="de-DE"><prosody rate="1.25">Hello, world.</prosody></lang>'
        b"</voice></speak>"
    )
    assert (plan.casting.language, plan.casting.ignored) == ("de-DE", ("lilt",))


async def test_a_voice_keeps_its_own_kind_of_the_language_that_is_asked_for() -> None:
    vendor = AzureVendor()
    plan, _ = await spoken(vendor, replace(REQUEST, voice=SONIA.lower(), language="en"))
    assert plan.casting.voices == ((SONIA, 1.0),)
    assert plan.casting.language == "en-GB"
    assert b"<lang" not in vendor.log.last.body


async def test_an_endpoint_without_details_is_asked_for_the_sound_alone() -> None:
    vendor = AzureVendor()
    bare = replace(ENDPOINT, details=frozenset())
    await spoken(vendor, replace(REQUEST, language="de", speed=3.0), bare)
    assert vendor.log.last.body.endswith(b'Neural">Hello, world.</voice></speak>')


async def test_voices_that_are_not_listed_are_handed_on() -> None:
    vendor = AzureVendor()
    plan, _ = await spoken(vendor, replace(REQUEST, voice="zh-CN-Xiaochen:DragonHDLatestNeural"))
    assert b'name="zh-CN-Xiaochen:DragonHDLatestNeural"' in vendor.log.last.body
    assert plan.casting.language == "zh-CN"


@pytest.mark.parametrize("voice", ['a"b', "a<b", "a&b", "]]>", "a'b", "a\x00b", "a b"])
async def test_a_voice_that_is_no_name_is_refused(voice: str) -> None:
    vendor = AzureVendor()
    with pytest.raises(UnsupportedOptionError) as caught:
        await spoken(vendor, replace(REQUEST, voice=voice))
    assert caught.value.param == "voice"
    assert vendor.log.asked == []


async def test_no_voice_at_all_is_refused() -> None:
    with pytest.raises(UnsupportedOptionError, match="is not the name of a voice"):
        await spoken(AzureVendor(), REQUEST, replace(ENDPOINT, voices=()))


@pytest.mark.parametrize("speed", [0.49, 2.01])
async def test_a_pace_that_would_be_changed_silently_is_refused(speed: float) -> None:
    with pytest.raises(UnsupportedOptionError, match=r"0\.5 to 2 times") as caught:
        await spoken(AzureVendor(), replace(REQUEST, speed=speed))
    assert caught.value.param == "speed"


async def test_a_text_cannot_break_out_of_its_document() -> None:
    vendor = AzureVendor()
    evil = "</voice><voice name='x'>&amp; <!-- ]]> \"' \x00\x08\ufffe\ud800 <break/>"
    await spoken(vendor, replace(REQUEST, text=evil))
    voice = ET.fromstring(vendor.log.last.body).find(f"{NAMESPACE}voice")
    assert voice is not None
    assert list(voice) == []
    assert voice.text == "</voice><voice name='x'>&amp; <!-- ]]> \"'  <break/>"


@given(text=st.text(), voice=st.text(), language=st.text(), speed=st.floats(0.5, 2.0))
def test_any_text_voice_and_language_stay_what_they_are(
    text: str, voice: str, language: str, speed: float
) -> None:
    document = ET.fromstring(ssml(text, voice, language, is_foreign=True, speed=speed))
    assert [element.tag.removeprefix(NAMESPACE) for element in document.iter()][:3] == [
        "speak", "voice", "lang",
    ]  # fmt: skip
    assert len(list(document.iter())) <= 4
    allowed = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
    heard = "".join(document.itertext())
    assert heard == re.sub("\r\n?", "\n", allowed.sub("", text))
    assert document[0].get("name") == allowed.sub("", voice)
    assert document.get(LANG) == document[0][0].get(LANG) == allowed.sub("", language)


async def test_sound_that_is_cut_amid_samples_is_whole() -> None:
    vendor = AzureVendor()
    sound = bytes(range(40))
    vendor.sound = [sound[:1], sound[1:4], sound[4:9], sound[9:39], sound[39:]]
    _, chunks = await spoken(vendor)
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert (samples * 32768).astype("<i2").tobytes() == sound


async def test_sound_that_azure_cuts_off_is_not_taken_for_whole() -> None:
    vendor = AzureVendor()
    vendor.sound = [bytes(2 * 24_000 * 60)] * 10
    with pytest.raises(UpstreamRejectedError, match="10 minutes") as caught:
        await spoken(vendor)
    assert caught.value.param == "input"


async def test_no_plan_is_told_before_there_is_sound() -> None:
    vendor = AzureVendor()
    vendor.sound = []
    with pytest.raises(UpstreamError, match="no sound"):
        await spoken(vendor)


async def test_without_an_address_for_speech_the_operator_is_told() -> None:
    provider = AzureProvider(ProviderAccess("azure", "azure", "http://127.0.0.1:1"))
    with pytest.raises(UpstreamRejectedError, match="speech_url"):
        await anext(provider.speaker(ENDPOINT).speak(REQUEST))
    await provider.close()


async def test_refusals_become_our_errors() -> None:
    vendor = AzureVendor()
    vendor.refusal = Response(status_code=400)
    with pytest.raises(UpstreamRejectedError):
        await spoken(vendor)
    vendor.refusal = Response(status_code=429, headers={"retry-after": "7"})
    with pytest.raises(UpstreamThrottledError) as throttled:
        await spoken(vendor)
    assert throttled.value.retry_after_s == 7
    async with connected(AzureVendor(), key="wrong-9876543210") as provider:
        with pytest.raises(UpstreamKeyError) as refused:
            await anext(provider.speaker(ENDPOINT).speak(REQUEST))
    assert "9876543210" not in refused.value.message
