"""Measure recordings by their samples: what a header says may be wrong, and is never billed."""

from __future__ import annotations

from contextlib import aclosing

from loquent.codec.pcm_wav import pcm_length_s
from loquent.domain.audio import AudioSource, duration_s
from loquent.ports import AudioDecoder


async def counted_length_s(decoder: AudioDecoder, source: AudioSource) -> float:
    """Return how long a recording lasts, which takes about a thousandth of that time.

    Plain samples need not be decoded to be counted.

    Raises: InvalidAudioError, AudioTooLongError.
    """
    counted_s = pcm_length_s(source.path) or 0.0
    if counted_s:
        return counted_s
    async with aclosing(decoder.decode(source)) as windows:
        async for window in windows:
            counted_s += duration_s(window)
    return counted_s
