"""What ElevenLabs is asked to speak, and what becomes of its sound and its times."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import (
    UnsupportedOptionError,
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
)
from loquent.domain.model import Capability, Gender, Voice
from loquent.domain.speech import SpeechChunk, SpeechPlan, SpeechRequest, SpokenWord
from loquent.providers.elevenlabs.provider import KIND, ElevenLabsProvider
from loquent.providers.elevenlabs.reading import SpokenSpan, SpokenWords, read_span
from loquent.providers.limits import UpstreamLimits
from tests.vendors.elevenlabs_vendor import KEY, ElevenLabsVendor, line, refusal
from tests.vendors.server import serving

VOICE = "21m00Tcm4TlvDq8ikWAM"
OTHER_VOICE = "JBFqnCBsd6RMkjVDRZzb"
ENDPOINT = Endpoint(
    provider="elevenlabs",
    model="eleven-flash",
    upstream_model="eleven_flash_v2_5",
    capabilities=frozenset({Capability.SPEECH}),
    details=KIND.powers[Capability.SPEECH],
    extensions=KIND.extensions[Capability.SPEECH],
    voices=(
        Voice(VOICE, "en-US", Gender.FEMALE),
        Voice(OTHER_VOICE, "en-GB", Gender.MALE),
    ),
)
REQUEST = SpeechRequest(model="eleven-flash", text="Hello, world.")
ACCESS = ProviderAccess("elevenlabs", "elevenlabs", "https://api.elevenlabs.io")
SOUND = bytes(range(40))


@asynccontextmanager
async def connected(
    vendor: ElevenLabsVendor, limits: UpstreamLimits | None = None
) -> AsyncIterator[ElevenLabsProvider]:
    async with serving(vendor.app) as url:
        provider = ElevenLabsProvider(
            ProviderAccess("elevenlabs", "elevenlabs", url, api_key=KEY), limits
        )
        try:
            yield provider
        finally:
            await provider.close()


async def spoken(
    vendor: ElevenLabsVendor,
    request: SpeechRequest = REQUEST,
    endpoint: Endpoint = ENDPOINT,
    limits: UpstreamLimits | None = None,
) -> tuple[SpeechPlan, list[SpeechChunk]]:
    async with connected(vendor, limits) as provider:
        plan, *chunks = [u async for u in provider.speaker(endpoint).speak(request)]
    assert isinstance(plan, SpeechPlan)
    return plan, [chunk for chunk in chunks if isinstance(chunk, SpeechChunk)]


def sound_of(chunks: Sequence[SpeechChunk]) -> bytes:
    samples = np.concatenate([chunk.samples for chunk in chunks])
    return (samples * 32768).astype("<i2").tobytes()


def words_of(chunks: Sequence[SpeechChunk]) -> list[tuple[str, float, float]]:
    return [
        (word.text, round(word.start_s, 3), round(word.end_s, 3))
        for chunk in chunks
        for word in chunk.words
    ]


async def test_a_text_is_sent_as_the_reference_shows() -> None:
    vendor = ElevenLabsVendor()
    plan, chunks = await spoken(vendor)
    asked = vendor.log.last
    assert (asked.method, asked.path) == ("POST", f"/v1/text-to-speech/{VOICE}/stream")
    assert asked.query == [("output_format", "pcm_24000")]
    assert asked.headers["xi-api-key"] == KEY
    assert asked.json() == {"text": "Hello, world.", "model_id": "eleven_flash_v2_5"}
    assert (plan.sample_rate_hz, plan.n_characters, plan.n_pieces) == (24_000, 13, 0)
    assert (plan.casting.model, plan.casting.voices) == ("eleven-flash", ((VOICE, 1.0),))
    assert plan.casting.language == "en-US"
    assert [chunk.samples.tolist() for chunk in chunks] == [[0.5]]


async def test_all_that_a_caller_wants_is_asked_for() -> None:
    vendor = ElevenLabsVendor()
    request = replace(
        REQUEST,
        voice=OTHER_VOICE.lower(),
        speed=1.1,
        language="de-AT",
        settings={"stability": 0.4, "lilt": 2.0},
        extras={"previous_text": "Before.", "seed": "1"},
    )
    plan, _ = await spoken(vendor, request)
    assert vendor.log.last.path == f"/v1/text-to-speech/{OTHER_VOICE}/stream"
    assert vendor.log.last.json() == {
        "text": "Hello, world.",
        "model_id": "eleven_flash_v2_5",
        "voice_settings": {"stability": 0.4, "speed": 1.1},
        "language_code": "de",
        "previous_text": "Before.",
    }
    assert plan.casting.voices == ((OTHER_VOICE, 1.0),)
    assert plan.casting.language == "de-AT"
    assert (plan.casting.settings, plan.casting.ignored) == ({"stability": 0.4}, ("lilt",))


async def test_an_endpoint_without_details_is_asked_for_the_sound_alone() -> None:
    vendor = ElevenLabsVendor()
    bare = replace(ENDPOINT, details=frozenset(), extensions=frozenset())
    request = replace(
        REQUEST, speed=3.0, language="de", settings={"style": 1.0}, word_times=True,
        extras={"next_text": "After."},
    )  # fmt: skip
    await spoken(vendor, request, bare)
    assert vendor.log.last.path.endswith("/stream")
    assert vendor.log.last.json() == {"text": "Hello, world.", "model_id": "eleven_flash_v2_5"}


async def test_voices_of_the_account_that_are_not_listed_are_handed_on() -> None:
    vendor = ElevenLabsVendor()
    plan, _ = await spoken(vendor, replace(REQUEST, voice="MyOwnVoice123"))
    assert vendor.log.last.path == "/v1/text-to-speech/MyOwnVoice123/stream"
    assert plan.casting.language == "und"


@pytest.mark.parametrize("voice", ["../models", "a/b", "a?b=c", "a\n", "<x>", "é", "a" * 101])
async def test_a_voice_that_could_lead_elsewhere_is_refused(voice: str) -> None:
    vendor = ElevenLabsVendor()
    with pytest.raises(UnsupportedOptionError) as caught:
        await spoken(vendor, replace(REQUEST, voice=f"{voice}-"))
    assert caught.value.param == "voice"
    assert vendor.log.asked == []


async def test_no_voice_at_all_is_refused() -> None:
    with pytest.raises(UnsupportedOptionError, match="is not the id of a voice"):
        await spoken(ElevenLabsVendor(), REQUEST, replace(ENDPOINT, voices=()))


@pytest.mark.parametrize("speed", [0.69, 1.21])
async def test_a_pace_that_would_be_changed_silently_is_refused(speed: float) -> None:
    with pytest.raises(UnsupportedOptionError, match=r"0\.7 to 1\.2") as caught:
        await spoken(ElevenLabsVendor(), replace(REQUEST, speed=speed))
    assert caught.value.param == "speed"


async def test_halves_of_characters_are_no_trouble() -> None:
    vendor = ElevenLabsVendor()
    await spoken(vendor, replace(REQUEST, text="a\ud800b"))
    assert vendor.log.last.json()["text"] == "a?b"


async def test_sound_that_is_cut_amid_samples_is_whole() -> None:
    vendor = ElevenLabsVendor()
    vendor.sound = [SOUND[:1], SOUND[1:4], SOUND[4:9], SOUND[9:39], SOUND[39:]]
    _, chunks = await spoken(vendor)
    assert sound_of(chunks) == SOUND


async def test_words_carry_their_times() -> None:
    vendor = ElevenLabsVendor()
    vendor.lines = [
        line(SOUND[:15], "Hi yo", [0.0, 0.1, 0.2, 0.3, 0.4]),
        line(SOUND[15:32], "u, all", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        line(SOUND[32:]),
    ]
    _, chunks = await spoken(vendor, replace(REQUEST, word_times=True))
    assert vendor.log.last.path == f"/v1/text-to-speech/{VOICE}/stream/with-timestamps"
    assert vendor.log.last.query == [("output_format", "pcm_24000")]
    assert sound_of(chunks) == SOUND
    assert words_of(chunks) == [("Hi", 0.0, 0.2), ("you,", 0.3, 0.7), ("all", 0.8, 1.1)]


async def test_times_that_count_from_each_piece_of_sound_are_moved() -> None:
    vendor = ElevenLabsVendor()
    second = bytes(2 * 24_000)
    vendor.lines = [line(second, "One ", [0.0, 0.3, 0.6, 0.8]), line(second, "two", [0, 0.3, 0.6])]
    _, chunks = await spoken(vendor, replace(REQUEST, word_times=True))
    assert words_of(chunks) == [("One", 0.0, 0.7), ("two", 1.0, 1.7)]


async def test_lines_may_be_cut_anywhere() -> None:
    vendor = ElevenLabsVendor()
    stream = line(SOUND[:21], "Hi ", [0.0, 0.1, 0.2]) + line(SOUND[21:], "yo", [0.3, 0.4])
    cuts = [0, 1, 2, 50, 51, 120, len(stream) - 2, len(stream)]
    vendor.lines = [stream[start:end] for start, end in pairwise(cuts)]
    _, chunks = await spoken(vendor, replace(REQUEST, word_times=True))
    assert sound_of(chunks) == SOUND
    assert [word for word, _, _ in words_of(chunks)] == ["Hi", "yo"]


async def test_a_line_that_does_not_end_is_not_kept_forever() -> None:
    vendor = ElevenLabsVendor()
    vendor.lines = [b"x" * 600] * 4
    with pytest.raises(UpstreamError, match="does not end"):
        await spoken(
            vendor, replace(REQUEST, word_times=True), limits=UpstreamLimits(max_event_bytes=1000)
        )


async def test_no_plan_is_told_before_there_is_sound() -> None:
    vendor = ElevenLabsVendor()
    vendor.sound = [b"\x00"]
    with pytest.raises(UpstreamError, match="no sound"):
        await spoken(vendor)


async def test_refusals_become_our_errors() -> None:
    vendor = ElevenLabsVendor()
    vendor.refusal = refusal(400, "voice_not_found", "A voice was not found.")
    with pytest.raises(UpstreamRejectedError, match="A voice was not found"):
        await spoken(vendor)
    vendor.refusal = refusal(401, "quota_exceeded", f"{KEY} has no credits.")
    with pytest.raises(UpstreamKeyError) as caught:
        await spoken(vendor)
    assert KEY not in caught.value.message


async def test_a_caller_who_hangs_up_ends_the_stream() -> None:
    vendor = ElevenLabsVendor()
    vendor.sound = [bytes(1000)] * 50
    async with connected(vendor) as provider:
        updates = provider.speaker(ENDPOINT).speak(REQUEST)
        assert isinstance(await anext(updates), SpeechPlan)
        await updates.aclose()
        again = [u async for u in provider.speaker(ENDPOINT).speak(REQUEST)]
    assert len(sound_of([u for u in again if isinstance(u, SpeechChunk)])) == 50_000


@pytest.mark.parametrize(
    "told",
    [
        b"{",
        b"[]",
        b'{"audio_base64": 3}',
        b'{"audio_base64": "%%%"}',
        '{"audio_base64": "é"}'.encode(),
        b'{"audio_base64": "", "alignment": 3}',
        b'{"alignment": {"characters": ["a"]}}',
        b'{"alignment": {"characters": {"a": 1}}}',
        line(b"", "a", [math.nan]),
        b"[" * 100_000,
    ],
)
def test_a_damaged_line_is_an_upstream_error(told: bytes) -> None:
    with pytest.raises(UpstreamError):
        read_span(ACCESS, told)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=8,
    )
)
def test_any_alignment_is_read_or_an_upstream_error(alignment: Any) -> None:
    told = {
        "audio_base64": "",
        "alignment": {
            "characters": alignment,
            "character_start_times_seconds": alignment,
            "character_end_times_seconds": alignment,
        },
    }
    try:
        span = read_span(ACCESS, json.dumps(told).encode())
    except UpstreamError:
        return
    assert span.sound == b""


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("ab \n"), st.floats(0, 1e6), st.floats(0, 1e6)), max_size=6
        ),
        max_size=5,
    )
)
def test_words_never_overlap_and_lose_no_character(
    spans: list[list[tuple[str, float, float]]],
) -> None:
    words = SpokenWords()
    found: list[SpokenWord] = []
    for number, characters in enumerate(spans):
        found += words.heard(SpokenSpan(b"", tuple(characters)), float(number))
    found += words.rest()
    signs = "".join(sign for characters in spans for sign, _, _ in characters)
    assert [word.text for word in found] == signs.split()
    for word in found:
        assert word.start_s <= word.end_s
    for word, following in pairwise(found):
        assert word.end_s <= following.start_s
