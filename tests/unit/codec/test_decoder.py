"""Decoding one open file to windows, format by format."""

from __future__ import annotations

import io

import numpy as np
import pytest

from loquent.codec.decoder import decode_windows
from loquent.codec.limits import WINDOW_SAMPLES
from loquent.codec.recording import Recording
from loquent.codec.sniff import sniff
from loquent.domain.audio import Samples, duration_s
from loquent.domain.errors import AudioTooLongError, InvalidAudioError, UnsupportedFormatError
from tests.unit.codec.recordings import FORMATS, Format, encoded, float_wav, tone, wav, wav_header

ADTS, FLAC, MP3 = (
    next(known for known in FORMATS if known.container == name) for name in ("adts", "flac", "mp3")
)


def decode(content: bytes, max_audio_s: float = 0.0, channel: int | None = None) -> Samples:
    file = io.BytesIO(content)
    windows = decode_windows(file, sniff(file), max_audio_s=max_audio_s, channel=channel)
    return np.concatenate(list(windows))


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


@pytest.mark.parametrize("recorded", FORMATS, ids=str)
def test_every_format_decodes_to_the_tone_that_went_in(recorded: Format) -> None:
    samples = decode(encoded(recorded, 2.0))
    assert samples.dtype == np.float32
    assert duration_s(samples) == pytest.approx(2.0, abs=0.15)
    assert loudness(samples[8_000:24_000]) == pytest.approx(0.5 / np.sqrt(2), rel=0.2)


def test_windows_are_whole_but_for_the_last() -> None:
    file = io.BytesIO(encoded(FLAC, 12.0))
    lengths = [len(window) for window in decode_windows(file, "flac", max_audio_s=0)]
    assert lengths == [WINDOW_SAMPLES, WINDOW_SAMPLES, 12 * 16_000 - 2 * WINDOW_SAMPLES]


def test_opposite_channels_cancel() -> None:
    left = (tone(0.5) * 32_767).astype(np.int16)
    assert np.abs(decode(wav(np.stack([left, -left], axis=1), n_channels=2))).max() < 1e-4


def test_each_channel_is_decoded_by_itself() -> None:
    left, right = ((tone(0.5) * height).astype(np.int16) for height in (32_767, 8_192))
    stereo = wav(np.stack([left, right], axis=1), n_channels=2)
    assert np.array_equal(decode(stereo, channel=0), left.astype(np.float32) / 32_768)
    assert np.array_equal(decode(stereo, channel=1), right.astype(np.float32) / 32_768)
    assert np.array_equal(decode(wav(left), channel=0), decode(wav(left)))


@pytest.mark.parametrize("recorded", [f for f in FORMATS if f.n_channels == 2], ids=str)
def test_a_channel_of_any_format_is_found(recorded: Format) -> None:
    content = encoded(recorded, 1.0)
    both = decode(content)
    for channel in (0, 1):
        alone = decode(content, channel=channel)
        assert len(alone) == len(both)
        assert loudness(alone) == pytest.approx(loudness(both), rel=0.2)


@pytest.mark.parametrize(
    ("n_channels", "channel", "message"),
    [(1, 1, "has one channel; there is no channel 2"), (2, 5, "has 2 channels; .* channel 6")],
)
def test_a_channel_that_is_not_there_is_told_with_how_many_there_are(
    n_channels: int, channel: int, message: str
) -> None:
    content = wav(np.zeros((800, n_channels), np.int16), n_channels=n_channels)
    with pytest.raises(InvalidAudioError, match=message):
        decode(content, channel=channel)


def test_hostile_floats_become_silence_or_full_scale() -> None:
    hostile = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 0.25], dtype=np.float32)
    assert decode(float_wav(hostile)).tolist() == [0.0, 0.0, 0.0, 1.0, -1.0, 0.25]


def test_damage_in_the_middle_is_left_out() -> None:
    content = bytearray(encoded(MP3, 4.0))
    content[7_000:7_800] = b"\xa5" * 800
    assert 3.0 < duration_s(decode(bytes(content))) < 4.1


def test_a_recording_cut_off_in_the_middle_decodes_up_to_there() -> None:
    content = encoded(FLAC, 4.0)
    assert 1.0 < duration_s(decode(content[: len(content) // 2])) < 3.0


def test_garbage_before_an_mp3_is_skipped() -> None:
    assert duration_s(decode(bytes(3_000) + encoded(MP3, 2.0))) == pytest.approx(2.0, abs=0.1)


def test_the_sample_rate_may_change_in_the_middle() -> None:
    joined = encoded(MP3, 2.0) + encoded(Format("mp3", "libmp3lame", "mp3", 44_100, 2), 2.0)
    assert duration_s(decode(joined)) == pytest.approx(4.0, abs=0.2)


@pytest.mark.parametrize(
    "content",
    [
        wav(np.empty(0, dtype=np.int16)),
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"fLaC",
        b"OggS",
        b"\x1aE\xdf\xa3",
        b"\0\0\0\x14ftypM4A \0\0\0\0M4A ",
        b"#!AMR\n",
        b"\0\0\x01\xba" + bytes(100),
    ],
)
def test_a_header_without_sound_is_invalid(content: bytes) -> None:
    with pytest.raises(InvalidAudioError) as caught:
        decode(content)
    assert len(caught.value.message) > 20


def test_a_codec_off_the_list_is_named() -> None:
    with pytest.raises(UnsupportedFormatError, match="wavpack"):
        decode(encoded(Format("matroska", "wavpack", "matroska", 44_100, 2), 0.5))


def test_a_container_without_audio_is_told_so() -> None:
    with pytest.raises(InvalidAudioError, match="no audio track"):
        decode(b"\0\0\0\x14ftypisom\0\0\0\0isom\0\0\0\x08moov")


def test_a_declared_excess_is_refused_before_the_first_window() -> None:
    file = io.BytesIO(encoded(FLAC, 30.0))
    with pytest.raises(AudioTooLongError, match="10 seconds"):
        next(decode_windows(file, "flac", max_audio_s=10.0))


def test_an_undeclared_excess_is_refused_where_it_begins() -> None:
    live = Format("webm", "libopus", "matroska", 48_000)
    file = io.BytesIO(encoded(live, 30.0, {"live": "1"}))
    assert Recording(file, "matroska").declared_s == 0.0
    decoding = decode_windows(file, "matroska", max_audio_s=10.0)
    assert duration_s(next(decoding)) == 5.0
    with pytest.raises(AudioTooLongError):
        list(decoding)


def test_a_header_that_claims_too_much_refuses_no_good_file() -> None:
    body = bytes(2 * 16_000)
    lying = wav_header(0x7FFF_FFFF, 16_000) + body
    assert Recording(io.BytesIO(lying), "wav").declared_s > 0
    assert duration_s(decode(lying, max_audio_s=10.0)) == pytest.approx(1.0)


def test_a_length_guessed_from_the_bit_rate_refuses_no_good_file() -> None:
    content = encoded(ADTS, 1.0) + encoded(ADTS, 8.0)
    length_s = duration_s(decode(content))
    assert duration_s(decode(content, max_audio_s=length_s + 0.1)) == length_s


def test_exactly_the_limit_is_accepted() -> None:
    assert duration_s(decode(encoded(FLAC, 6.0), max_audio_s=6.0)) == 6.0
