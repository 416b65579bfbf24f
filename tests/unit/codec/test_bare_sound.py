"""Bare bytes become samples, whatever their encoding and however they are cut."""

from __future__ import annotations

import math
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.codec.bare_sound import BareSound
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.domain.live import (
    MAX_SAMPLE_RATE_HZ,
    MIN_SAMPLE_RATE_HZ,
    SoundEncoding,
    SoundFormat,
)
from tests.unit.codec.recordings import tone

N_BYTES = {
    SoundEncoding.PCM_S16LE: 2,
    SoundEncoding.PCM_F32LE: 4,
    SoundEncoding.PCM_MULAW: 1,
    SoundEncoding.PCM_ALAW: 1,
}

RATES_HZ = st.one_of(
    st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]),
    st.integers(MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ),
)

ENCODINGS = st.sampled_from(SoundEncoding)


def heard(sound: SoundFormat, *parts: bytes) -> Samples:
    """Return all samples of a stream that came in these parts."""
    stream = BareSound(sound)
    return np.concatenate([*(stream.push(part) for part in parts), stream.finish()])


def at_16_khz(encoding: SoundEncoding, content: bytes) -> Samples:
    return heard(SoundFormat(SAMPLE_RATE_HZ, encoding), content)


def test_every_encoding_is_read() -> None:
    assert set(N_BYTES) == set(SoundEncoding)


@settings(max_examples=100, deadline=None)
@given(RATES_HZ, ENCODINGS, st.binary(max_size=4_000), st.lists(st.integers(0, 4_000), max_size=8))
def test_how_a_stream_is_cut_changes_no_sample(
    rate_hz: int, encoding: SoundEncoding, content: bytes, cuts: list[int]
) -> None:
    parts = [content[a:b] for a, b in pairwise([0, *sorted(cuts), len(content)])]
    sound = SoundFormat(rate_hz, encoding)
    whole = heard(sound, content)
    np.testing.assert_array_equal(heard(sound, *parts), whole)
    n_samples = len(content) // N_BYTES[encoding]
    assert len(whole) == math.floor(n_samples * SAMPLE_RATE_HZ / rate_hz + 0.5)
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    assert np.abs(whole).max(initial=0.0) <= 1.0


@given(st.binary(max_size=50))
def test_bytes_one_by_one_are_the_same_stream(content: bytes) -> None:
    for encoding in SoundEncoding:
        sound = SoundFormat(SAMPLE_RATE_HZ, encoding)
        one_by_one = heard(sound, *(bytes([value]) for value in content))
        np.testing.assert_array_equal(one_by_one, heard(sound, content))


@pytest.mark.parametrize("encoding", SoundEncoding)
def test_bytes_that_fill_no_sample_are_dropped(encoding: SoundEncoding) -> None:
    n_bytes = N_BYTES[encoding]
    whole = at_16_khz(encoding, bytes(10 * n_bytes))
    assert len(whole) == 10
    assert len(at_16_khz(encoding, bytes(11 * n_bytes - 1))) == 10
    assert len(at_16_khz(encoding, b"")) == 0


def test_integers_come_to_the_range_of_samples() -> None:
    values = np.array([-32768, -16384, -1, 0, 1, 32767], dtype="<i2")
    samples = at_16_khz(SoundEncoding.PCM_S16LE, values.tobytes())
    assert samples.tolist() == (values / 32768).tolist()


def test_floats_are_taken_as_they_are_but_for_those_that_are_no_sound() -> None:
    values = [0.25, -1.0, 2.0, -7e30, math.nan, math.inf, -math.inf, 1e-40]
    samples = at_16_khz(SoundEncoding.PCM_F32LE, np.array(values, dtype="<f4").tobytes())
    assert samples[:-1].tolist() == [0.25, -1.0, 1.0, -1.0, 0.0, 0.0, 0.0]
    assert samples[-1] == pytest.approx(0.0, abs=1e-39)


@pytest.mark.parametrize("encoding", [SoundEncoding.PCM_MULAW, SoundEncoding.PCM_ALAW])
def test_codes_of_telephones_mean_what_ffmpeg_takes_them_for(encoding: SoundEncoding) -> None:
    decoder = av.CodecContext.create(encoding.value, "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate = SAMPLE_RATE_HZ
    decoder.layout = "mono"
    codes = bytes(range(256))
    (frame,) = decoder.decode(av.Packet(codes))
    expected = frame.to_ndarray().reshape(-1) / 32768
    np.testing.assert_array_equal(at_16_khz(encoding, codes), expected)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_a_tone_keeps_its_pitch_and_loudness_at_any_rate(rate_hz: int) -> None:
    content = (tone(1.0, rate_hz) * 32767).astype("<i2").tobytes()
    packets = [content[at : at + 641] for at in range(0, len(content), 641)]
    samples = heard(SoundFormat(rate_hz), *packets)
    middle = slice(2_000, 14_000)
    assert len(samples) == SAMPLE_RATE_HZ
    assert np.abs(samples[middle] - tone(1.0)[middle]).max() < 0.01


def test_samples_come_soon() -> None:
    stream = BareSound(SoundFormat(48_000))
    n_heard = sum(len(stream.push(bytes(2 * 960))) for _ in range(50))
    assert n_heard >= 0.9 * SAMPLE_RATE_HZ
