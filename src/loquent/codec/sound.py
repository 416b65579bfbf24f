"""Shapes decoded sound: mono, 16 kHz, whole windows; it never sees a file or a codec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import soxr

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.domain.errors import InvalidAudioError

MIN_RATE_HZ = 1_000
"""Far below any recording of speech; less would turn a small file into a huge amount of sound."""

MAX_RATE_HZ = 768_000
"""The highest rate that studio converters offer."""


Channels: TypeAlias = npt.NDArray[np.generic]
"""Sound as it was decoded: shape (n_channels, n_samples), integers over their whole range, unsigned
ones around its middle, or floats that should be in [-1, 1] but need not."""


class Block(NamedTuple):
    """A piece of decoded sound; rate, type and number of channels may change with the next one."""

    sample_rate_hz: int
    channels: Channels


def gathered(blocks: Iterable[Block], n_values: int = 16_384) -> Iterator[Block]:
    """Join short blocks of one kind until they have `n_values`, all channels counted.

    Codecs give 10 to 60 ms at a time; what follows costs less on longer arrays.
    """
    held: list[Block] = []
    n_held = 0
    for block in blocks:
        if held and (n_held >= n_values or _kind(block) != _kind(held[0])):
            yield _joined(held)
            held, n_held = [], 0
        held.append(block)
        n_held += block.channels.size
    if held:
        yield _joined(held)


def mono(channels: Channels) -> Samples:
    """Mix to the mean of the channels; floats beyond [-1, 1] are clipped, NaN and infinities 0."""
    mixed: Samples = _scaled(channels).mean(axis=0, dtype=np.float32)
    return mixed


def resampled(blocks: Iterable[Block]) -> Iterator[Samples]:
    """Mix blocks to mono and bring them to 16 kHz.

    Raises: InvalidAudioError: at a rate outside `MIN_RATE_HZ`..`MAX_RATE_HZ`.
    """
    for rate_hz, run in groupby(blocks, key=attrgetter("sample_rate_hz")):
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            raise InvalidAudioError(
                f"The file claims a sample rate of {rate_hz} Hz; "
                f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz are accepted."
            )
        samples = (mono(block.channels) for block in run)
        yield from samples if rate_hz == SAMPLE_RATE_HZ else _converted(samples, rate_hz)


def windows(chunks: Iterable[Samples], n_samples: int) -> Iterator[Samples]:
    """Cut a stream of chunks into arrays of `n_samples`, the last one shorter, none empty."""
    window = np.empty(n_samples, dtype=np.float32)
    n_filled = 0
    for chunk in chunks:
        n_taken = 0
        while n_taken < len(chunk):
            n = min(n_samples - n_filled, len(chunk) - n_taken)
            window[n_filled : n_filled + n] = chunk[n_taken : n_taken + n]
            n_filled += n
            n_taken += n
            if n_filled == n_samples:
                yield window
                window = np.empty(n_samples, dtype=np.float32)
                n_filled = 0
    if n_filled:
        yield window[:n_filled]


def _kind(block: Block) -> tuple[int, int, np.dtype[np.generic]]:
    return block.sample_rate_hz, block.channels.shape[0], block.channels.dtype


def _joined(blocks: list[Block]) -> Block:
    channels = np.concatenate([block.channels for block in blocks], axis=1)
    return Block(blocks[0].sample_rate_hz, channels)


def _scaled(channels: Channels) -> Samples:
    if channels.dtype.kind == "f":
        finite = np.where(np.isfinite(channels), channels, 0.0)
        return np.clip(finite, -1.0, 1.0).astype(np.float32, copy=False)
    half_range = np.float32(2.0 ** (8 * channels.dtype.itemsize - 1))
    scaled = channels.astype(np.float32) / half_range
    return scaled - np.float32(1.0) if channels.dtype.kind == "u" else scaled


def _converted(samples: Iterable[Samples], rate_hz: int) -> Iterator[Samples]:
    stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")
    for block in samples:
        yield _clipped(stream.resample_chunk(block))
    yield _clipped(stream.resample_chunk(np.empty(0, dtype=np.float32), last=True))


def _clipped(samples: Samples) -> Samples:
    """Undo the resampler's overshoot at steep edges."""
    clipped: Samples = np.clip(samples, -1.0, 1.0)
    return clipped
