"""Measure recordings by their samples: what a header says may be wrong, and is never billed."""

from __future__ import annotations

from contextlib import aclosing

from loquent.domain.audio import AudioSource, duration_s
from loquent.ports import AudioDecoder


async def counted_length_s(decoder: AudioDecoder, source: AudioSource) -> float:
    """Return how long a recording lasts, which takes about a thousandth of that time.

    Raises: InvalidAudioError, AudioTooLongError.
    """
    counted_s = 0.0
    async with aclosing(decoder.decode(source)) as windows:
        async for window in windows:
            counted_s += duration_s(window)
    return counted_s
