"""Decodes one open file to windows of samples, in bounded memory; knows no process and no pool."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import av

from loquent.codec.limits import WINDOW_SAMPLES
from loquent.codec.recording import Recording
from loquent.codec.sound import Block, gathered, resampled, windows
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.domain.errors import AudioTooLongError, InvalidAudioError, MissingChannelError


def decode_windows(
    file: BinaryIO,
    container: str,
    *,
    max_audio_s: float,
    channel: int | None = None,
    window_samples: int = WINDOW_SAMPLES,
) -> Iterator[Samples]:
    """Decode the first audio track to consecutive windows of mono audio at 16 kHz.

    Damaged packets are left out and gaps are not filled, so the result may be shorter than the
    container says.

    Args:
        file: seekable.
        container: demuxer that reads it, as `sniff` names it.
        max_audio_s: length beyond which the file is refused, before the first window if the
            container tells; 0 for no limit.
        channel: which one is decoded, 0 for the first; None for the mean of all.
        window_samples: length of each window but the last.
    Raises: InvalidAudioError, UnsupportedFormatError, AudioTooLongError.
    """
    is_empty = True
    with _admitted(file, container, max_audio_s) as recording:
        blocks = (_heard(_block(frame), channel) for frame in recording.frames())
        chunks = _limited(resampled(gathered(blocks)), max_audio_s)
        for window in windows(chunks, window_samples):
            is_empty = False
            yield window
    if is_empty:
        raise InvalidAudioError(
            "No sound could be decoded from the file: it is empty behind its header, or damaged."
        )


def _block(frame: av.AudioFrame) -> Block:
    channels = frame.to_ndarray()
    if not frame.format.is_planar:
        channels = channels.reshape(-1, frame.layout.nb_channels).T
    return Block(frame.sample_rate, channels)


def _heard(block: Block, channel: int | None) -> Block:
    """Leave one channel of a block, or all.

    Raises: MissingChannelError: if there is no such channel.
    """
    if channel is None:
        return block
    n_channels = len(block.channels)
    if channel >= n_channels:
        raise MissingChannelError(
            f"The recording has {_counted(n_channels)}; there is no channel {channel + 1} in it."
        )
    return Block(block.sample_rate_hz, block.channels[channel : channel + 1])


def _counted(n_channels: int) -> str:
    return "one channel" if n_channels == 1 else f"{n_channels} channels"


def _admitted(file: BinaryIO, container: str, max_audio_s: float) -> Recording:
    """Open the recording unless its packets already show that it is too long.

    A declared length alone refuses nothing: in ADTS and bare mp3 it is a guess from the bit rate,
    and streamed wav files carry a placeholder.
    """
    recording = Recording(file, container)
    if not max_audio_s or recording.declared_s <= max_audio_s:
        return recording
    with recording:
        total_s = 0.0
        for length_s in recording.packet_lengths_s():
            total_s += length_s
            if total_s > max_audio_s + _PADDING_S:
                raise _too_long(max_audio_s)
    return Recording(file, container)


_PADDING_S = 1.0
"""More than codecs add before and after the sound, which packets count and samples do not."""


def _limited(chunks: Iterable[Samples], max_audio_s: float) -> Iterator[Samples]:
    n_samples = 0
    for chunk in chunks:
        n_samples += len(chunk)
        if 0 < max_audio_s < n_samples / SAMPLE_RATE_HZ:
            raise _too_long(max_audio_s)
        yield chunk


def _too_long(max_audio_s: float) -> AudioTooLongError:
    return AudioTooLongError(
        f"The recording is longer than {max_audio_s:g} seconds, the most that is accepted here. "
        "Split it into shorter parts."
    )
