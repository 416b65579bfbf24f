"""What every `AudioDecoder` promises, asked of each one there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from loquent.codec.limits import DecodeLimits
from loquent.codec.pool import DecoderPool
from loquent.domain.audio import AudioSource, Samples, duration_s
from loquent.domain.errors import AudioTooLongError, InvalidAudioError, UnsupportedFormatError
from loquent.ports import AudioDecoder
from tests.unit.codec.recordings import FORMATS, Format, encoded, saved, tone, wav

MAX_AUDIO_S = 20.0


@pytest.fixture
async def decoder() -> AsyncIterator[AudioDecoder]:
    pool = DecoderPool(DecodeLimits(max_audio_s=MAX_AUDIO_S, n_warm=1))
    await pool.start()
    yield pool
    await pool.close()


def speech(path: Path, length_s: float) -> AudioSource:
    return saved(path, wav((tone(length_s) * 32_767).astype("i2")))


async def decoded(
    decoder: AudioDecoder, source: AudioSource, channel: int | None = None
) -> Samples:
    return np.concatenate([window async for window in decoder.decode(source, channel)])


def on_two_channels(path: Path, length_s: float) -> AudioSource:
    """Record a tone on the left that is four times as loud as the same on the right."""
    loud = tone(length_s) * 32_767
    return saved(path, wav(np.stack([loud, loud / 4], axis=1).astype("i2"), n_channels=2))


async def test_windows_follow_each_other_without_gap(decoder: AudioDecoder, tmp_path: Path) -> None:
    samples = await decoded(decoder, speech(tmp_path / "a", 12.5))
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert np.abs(samples - tone(12.5)).max() < 1e-3


@pytest.mark.parametrize("recorded", FORMATS[::4], ids=str)
async def test_any_container_comes_out_at_the_house_rate(
    decoder: AudioDecoder, tmp_path: Path, recorded: Format
) -> None:
    source = saved(tmp_path / "a", encoded(recorded, 1.0))
    assert duration_s(await decoded(decoder, source)) == pytest.approx(1.0, abs=0.15)


async def test_the_name_of_the_file_means_nothing(decoder: AudioDecoder, tmp_path: Path) -> None:
    assert duration_s(await decoded(decoder, speech(tmp_path / "wav.m3u8", 0.5))) == 0.5


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", InvalidAudioError),
        (wav(np.empty(0, dtype="i2")), InvalidAudioError),
        (b"#EXTM3U\n", UnsupportedFormatError),
        (b"\0" * 5_000, UnsupportedFormatError),
    ],
)
async def test_what_cannot_be_decoded_is_a_request_error(
    decoder: AudioDecoder, tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await decoded(decoder, saved(tmp_path / "a", content))


async def test_a_recording_beyond_the_limit_is_too_long(
    decoder: AudioDecoder, tmp_path: Path
) -> None:
    assert len(await decoded(decoder, speech(tmp_path / "a", MAX_AUDIO_S)))
    with pytest.raises(AudioTooLongError):
        await decoded(decoder, speech(tmp_path / "b", MAX_AUDIO_S + 1))


async def test_recordings_do_not_mix(decoder: AudioDecoder, tmp_path: Path) -> None:
    one, two = speech(tmp_path / "a", 11.0), speech(tmp_path / "b", 7.0)
    first, second = decoder.decode(one), decoder.decode(two)
    lengths = [duration_s(await anext(windows)) for windows in (first, second, first, second)]
    assert lengths == [5.0, 5.0, 5.0, 2.0]
    assert [duration_s(window) async for window in first] == [1.0]
    assert [window async for window in second] == []


@pytest.mark.parametrize(("channel", "share"), [(None, 5 / 8), (0, 1.0), (1, 1 / 4)])
async def test_one_channel_is_heard_alone_or_all_as_their_mean(
    decoder: AudioDecoder, tmp_path: Path, channel: int | None, share: float
) -> None:
    samples = await decoded(decoder, on_two_channels(tmp_path / "a", 6.0), channel)
    assert np.abs(samples - share * tone(6.0)).max() < 1e-3


@pytest.mark.parametrize("channel", [2, 1_000_000])
async def test_a_channel_that_is_not_there_is_a_request_error_that_tells_how_many_there_are(
    decoder: AudioDecoder, tmp_path: Path, channel: int
) -> None:
    with pytest.raises(InvalidAudioError, match="2 channels"):
        await decoded(decoder, on_two_channels(tmp_path / "a", 1.0), channel)
    assert len(await decoded(decoder, on_two_channels(tmp_path / "b", 1.0)))
