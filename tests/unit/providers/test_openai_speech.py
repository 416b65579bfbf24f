"""Texts spoken by an OpenAI-compatible server: what is asked, and what becomes of the sound."""

from __future__ import annotations

import asyncio
import io
import struct
import wave
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.codec.encoding.wav import WavCoding, wav_header
from loquent.domain.endpoints import ProviderAccess
from loquent.domain.errors import UpstreamError
from loquent.domain.model import Gender, Voice
from loquent.domain.speech import Casting, SpeechPlan, SpeechRequest
from loquent.providers.openai.sounds import bare_stream, regrouped
from tests.unit.providers.openai_calls import VOICE, endpoint, spoken
from tests.vendors.openai_vendor import KEY, OpenAiVendor

HELLO = SpeechRequest(model="anything", text="Hello")
ACCESS = ProviderAccess("acme", "openai", "http://127.0.0.1:9")
PCM = np.arange(-3000, 3000, dtype="<i2").tobytes()


def wav(pcm: bytes, rate_hz: int = 22_050, n_channels: int = 1, width: int = 2) -> bytes:
    """Return a whole wav file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(n_channels)
        writer.setsampwidth(width)
        writer.setframerate(rate_hz)
        writer.writeframes(pcm)
    return file.getvalue()


def streamed_wav(pcm: bytes) -> bytes:
    """Return a wav file whose writer did not know its length."""
    return wav_header(WavCoding.LINEAR, 22_050) + pcm


async def each(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def cut(sound: bytes, n_bytes: Sequence[int]) -> list[bytes]:
    """Cut `sound` into pieces of these lengths, and the rest."""
    pieces = []
    for length in n_bytes:
        pieces.append(sound[:length])
        sound = sound[length:]
    return [*pieces, sound]


async def bare(pieces: Sequence[bytes]) -> tuple[int, bytes]:
    """Return the rate and all samples."""
    stream = await bare_stream(ACCESS, each(pieces))
    return stream.sample_rate_hz, b"".join([piece async for piece in stream.pieces])


async def test_a_plain_request_is_exactly_this() -> None:
    vendor = OpenAiVendor()
    plan, _ = await spoken(vendor, HELLO)
    asked = vendor.log.last
    assert (asked.method, asked.path) == ("POST", "/v1/audio/speech")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["content-type"] == "application/json"
    assert asked.json() == {
        "model": "gpt-4o-mini-tts",
        "input": "Hello",
        "voice": "alloy",
        "response_format": "pcm",
    }
    assert plan == SpeechPlan(
        casting=Casting(model="our-gpt-4o-mini-tts", voices=(("alloy", 1.0),), language=""),
        sample_rate_hz=24_000,
        n_characters=5,
        n_pieces=0,
    )


async def test_everything_a_voice_heeds_is_sent() -> None:
    vendor = OpenAiVendor()
    place = replace(VOICE, extensions=frozenset({"stream_format", "input"}))
    request = replace(
        HELLO,
        voice="nova",
        speed=1.5,
        instructions="Softly.",
        language="de",
        extras={"stream_format": "audio", "input": "other", "unknown": "x"},
    )
    plan, _ = await spoken(vendor, request, place)
    assert vendor.log.last.json() == {
        "model": "gpt-4o-mini-tts",
        "input": "Hello",
        "voice": "nova",
        "response_format": "pcm",
        "speed": 1.5,
        "instructions": "Softly.",
        "stream_format": "audio",
    }
    assert plan.casting.voices == (("nova", 1.0),)
    assert plan.casting.language == "de"


async def test_a_speed_stays_here_where_nobody_heeds_it() -> None:
    vendor = OpenAiVendor()
    await spoken(vendor, replace(HELLO, speed=1.5), endpoint("tts-1"))
    assert "speed" not in vendor.log.last.json()


async def test_the_endpoints_first_voice_speaks_where_none_is_named() -> None:
    vendor = OpenAiVendor()
    voices = (Voice("sage", "en-US", Gender.FEMALE), Voice("ash", "en-US", Gender.MALE))
    await spoken(vendor, HELLO, replace(VOICE, voices=voices))
    assert vendor.log.last.json()["voice"] == "sage"


async def test_samples_are_whole_however_the_bytes_are_cut() -> None:
    vendor = OpenAiVendor(pieces=cut(PCM, [1, 1, 3, 4095, 1001]))
    _, chunks = await spoken(vendor, HELLO)
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert samples.dtype == np.float32
    assert (samples * 32768).astype("<i2").tobytes() == PCM


async def test_half_a_sample_at_the_end_is_dropped() -> None:
    vendor = OpenAiVendor(pieces=[b"\x00\x40" * 8 + b"\x01"])
    _, chunks = await spoken(vendor, HELLO)
    assert np.concatenate([chunk.samples for chunk in chunks]).tolist() == [0.5] * 8


async def test_chunks_last_between_a_tenth_and_half_a_second() -> None:
    vendor = OpenAiVendor(pieces=[b"\x01\x00" * 100_001, *[b"\x02\x00" * 100] * 30])
    _, chunks = await spoken(vendor, HELLO)
    lengths_s = [len(chunk.samples) / 24_000 for chunk in chunks]
    assert sum(lengths_s) == pytest.approx(103_001 / 24_000)
    assert max(lengths_s) <= 0.5
    assert min(lengths_s[:-1]) >= 0.1


async def test_a_wav_file_is_asked_for_and_read_where_bare_sound_is_unknown() -> None:
    vendor = OpenAiVendor(pieces=cut(wav(PCM), [7, 30, 11]))
    plan, chunks = await spoken(vendor, HELLO, quirks={"speech_format": "wav"})
    assert vendor.log.last.json()["response_format"] == "wav"
    assert plan.sample_rate_hz == 22_050
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert (samples * 32768).astype("<i2").tobytes() == PCM


async def test_a_wav_file_that_nobody_asked_for_is_read() -> None:
    plan, chunks = await spoken(OpenAiVendor(pieces=[wav(PCM)]), HELLO)
    assert plan.sample_rate_hz == 22_050
    assert sum(len(chunk.samples) for chunk in chunks) == 6000


@given(st.lists(st.integers(0, 60), max_size=12), st.sampled_from([wav, streamed_wav]))
def test_wav_files_are_read_however_they_are_cut(lengths: list[int], make: object) -> None:
    assert callable(make)
    rate_hz, samples = asyncio.run(bare(cut(make(PCM), lengths)))
    assert (rate_hz, samples) == (22_050, PCM)


@given(st.lists(st.integers(0, 60), max_size=12))
def test_bare_sound_is_itself_however_it_is_cut(lengths: list[int]) -> None:
    assert asyncio.run(bare(cut(PCM, lengths))) == (24_000, PCM)


@given(st.lists(st.binary(max_size=30), max_size=8), st.integers(1, 10), st.integers(0, 10))
def test_regrouped_bytes_are_the_same_bytes(pieces: list[bytes], n_least: int, n_more: int) -> None:
    async def all_of() -> list[bytes]:
        return [piece async for piece in regrouped(each(pieces), n_least, n_least + n_more)]

    found = asyncio.run(all_of())
    assert b"".join(found) == b"".join(pieces)
    assert all(n_least <= len(piece) <= n_least + n_more for piece in found[:-1])


async def test_what_follows_the_samples_of_a_wav_file_is_no_sound() -> None:
    assert await bare([wav(PCM) + b"LIST\x04\x00\x00\x00INFO"]) == (22_050, PCM)


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF])
async def test_a_wav_file_of_unknown_length_is_read_to_its_end(length: int) -> None:
    head = streamed_wav(b"")[:-4] + struct.pack("<I", length)
    assert await bare([head + PCM]) == (22_050, PCM)


async def test_chunks_before_the_samples_are_passed_over() -> None:
    file = wav(PCM)
    odd = struct.pack("<4sI", b"LIST", 5) + b"INFO!\x00"
    assert await bare(cut(file[:36] + odd + file[36:], [40, 3])) == (22_050, PCM)


@pytest.mark.parametrize(
    "sound",
    [
        b"",
        b"ID3\x04" + bytes(64),
        b"OggS" + bytes(64),
        b"fLaC" + bytes(64),
        wav(PCM)[:40],
        wav(PCM, n_channels=2),
        wav(PCM, width=1),
        wav(PCM, rate_hz=1),
        b"RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x00" + PCM,
        b"RIFF\x00\x00\x00\x00WAVEjunk\xff\xff\xff\x7f" + bytes(100_000),
    ],
)
async def test_what_is_no_sound_fails_before_anything_is_promised(sound: bytes) -> None:
    with pytest.raises(UpstreamError, match="cannot be read"):
        await spoken(OpenAiVendor(pieces=[sound]), HELLO)
