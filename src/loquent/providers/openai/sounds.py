"""Finds the bare samples in sound that is still arriving; plays and converts nothing."""

from __future__ import annotations

import struct
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from loquent.domain.endpoints import ProviderAccess
from loquent.providers.failures import unreadable

PCM_RATE_HZ: Final = 24_000
"""Source: OpenAI's guide to text to speech: pcm is 24 kHz, 16-bit signed little-endian."""

_MAX_HEAD_BYTES: Final = 64 * 1024
_RIFF_BYTES: Final = 12
_CHUNK_HEAD: Final = struct.Struct("<4sI")
_LAYOUT: Final = struct.Struct("<HHIIHH")
_LINEAR_TAGS: Final = frozenset({1, 0xFFFE})  # WAVE_FORMAT_PCM and _EXTENSIBLE of mmreg.h
_ENCODED: Final = (b"ID3", b"OggS", b"fLaC")
_RATES_HZ: Final = range(8_000, 192_001)


@dataclass(frozen=True, slots=True)
class BareStream:
    """Samples that are still arriving.

    Attributes:
        pieces: mono, 16 bit, signed, little endian; cut anywhere.
    """

    sample_rate_hz: int
    pieces: AsyncGenerator[bytes]


class _WavHead(NamedTuple):
    sample_rate_hz: int
    n_head_bytes: int
    n_sound_bytes: int | None


async def bare_stream(access: ProviderAccess, pieces: AsyncIterator[bytes]) -> BareStream:
    """Wait for the first bytes, and tell by them whether the samples are bare or in a wav file.

    Raises: UpstreamError: also for sound that is neither.
    """
    head = b""
    found: _WavHead | None = None
    async for piece in pieces:
        head += piece
        if len(head) < _RIFF_BYTES:
            continue
        if not _is_wav(head):
            break
        found = _wav_head(access, head)
        if found is not None:
            break
        if len(head) > _MAX_HEAD_BYTES:
            raise unreadable(access, "the header of its wav file does not end")
    if head.startswith(_ENCODED):
        raise unreadable(access, "it is encoded sound; pcm or wav was asked for")
    if found is None:
        if _is_wav(head):
            raise unreadable(access, "its wav file holds no samples")
        return BareStream(PCM_RATE_HZ, _from(head, pieces, None))
    rest = head[found.n_head_bytes :]
    return BareStream(found.sample_rate_hz, _from(rest, pieces, found.n_sound_bytes))


async def regrouped(
    pieces: AsyncIterator[bytes], n_least: int, n_most: int
) -> AsyncGenerator[bytes]:
    """Yield the same bytes in pieces of `n_least` to `n_most`; the last one may be shorter."""
    held = b""
    async for piece in pieces:
        held += piece
        while len(held) >= n_least:
            yield held[:n_most]
            held = held[n_most:]
    if held:
        yield held


async def _from(
    head: bytes, pieces: AsyncIterator[bytes], n_bytes: int | None
) -> AsyncGenerator[bytes]:
    """Yield `head` and what follows it, `n_bytes` in all; None for all there are."""
    n_left = n_bytes
    if head:
        yield head[:n_left]
        n_left = None if n_left is None else n_left - len(head)
    async for piece in pieces:
        if n_left is None:
            yield piece
        elif n_left > 0:
            yield piece[:n_left]
            n_left -= len(piece)


def _is_wav(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def _wav_head(access: ProviderAccess, head: bytes) -> _WavHead | None:
    """Read what stands before the samples, None while some of it is still to come."""
    at = _RIFF_BYTES
    rate_hz = 0
    while len(head) >= at + _CHUNK_HEAD.size:
        name, n_bytes = _CHUNK_HEAD.unpack_from(head, at)
        at += _CHUNK_HEAD.size
        if name == b"data":
            if not rate_hz:
                raise unreadable(access, "its wav file does not say how samples are written")
            # Who does not know the length yet writes 0, or the most there is.
            return _WavHead(rate_hz, at, n_bytes or None)
        if name == b"fmt ":
            if len(head) < at + _LAYOUT.size:
                return None
            rate_hz = _rate_hz(access, head, at)
        at += n_bytes + n_bytes % 2
    return None


def _rate_hz(access: ProviderAccess, head: bytes, at: int) -> int:
    tag, n_channels, rate_hz, _, _, n_bits = _LAYOUT.unpack_from(head, at)
    if tag not in _LINEAR_TAGS or n_channels != 1 or n_bits != 16 or rate_hz not in _RATES_HZ:
        raise unreadable(access, "its wav file is not of 16 bits and one channel")
    return int(rate_hz)
