"""Sound to be listened to: a recording, or bare sound on standard input; knows no session."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from loquent.domain.audio import SAMPLE_RATE_HZ, AudioSource
from loquent.domain.errors import InvalidRequestError
from loquent.domain.live import SoundEncoding, SoundFormat
from loquent.ports import AudioDecoder

PIECES_PER_S = 10
"""As a microphone hands sound over."""

_LOOK_UP_S = 0.1
"""How often a wait for standard input looks whether it is still wanted."""

_PIECE_SAMPLES = SAMPLE_RATE_HZ // PIECES_PER_S
_SAMPLE_BYTES = {SoundEncoding.PCM_S16LE: 2, SoundEncoding.PCM_F32LE: 4}


@dataclass(frozen=True)
class Sound:
    """A stream of bare sound.

    Attributes:
        format: what its bytes mean.
        pieces: its bytes, cut anywhere.
    """

    format: SoundFormat
    pieces: AsyncGenerator[bytes]


def recording(decoder: AudioDecoder, path: Path) -> Sound:
    """Return the sound of a file of any format that is accepted.

    Raises: InvalidRequestError.
    """
    if not path.is_file():
        raise InvalidRequestError(f"{path}: there is no such file")
    source = AudioSource(path, path.stat().st_size)
    return Sound(SoundFormat(SAMPLE_RATE_HZ, SoundEncoding.PCM_F32LE), _decoded(decoder, source))


def standard_input() -> Sound:
    """Return what comes on standard input: bare sound in 16 bits, one channel at 16 kHz."""
    return Sound(SoundFormat(SAMPLE_RATE_HZ, SoundEncoding.PCM_S16LE), _piped(sys.stdin.fileno()))


def paced(sound: Sound) -> Sound:
    """Hand `sound` over no faster than it was spoken."""
    n_bytes = _SAMPLE_BYTES[sound.format.encoding] * sound.format.sample_rate_hz
    return replace(sound, pieces=_paced(sound.pieces, n_bytes))


async def _decoded(decoder: AudioDecoder, source: AudioSource) -> AsyncGenerator[bytes]:
    async with aclosing(decoder.decode(source)) as windows:
        async for window in windows:
            for begin in range(0, len(window), _PIECE_SAMPLES):
                yield window[begin : begin + _PIECE_SAMPLES].astype("<f4").tobytes()


async def _piped(descriptor: int) -> AsyncGenerator[bytes]:
    n_most = _PIECE_SAMPLES * _SAMPLE_BYTES[SoundEncoding.PCM_S16LE]

    def read() -> bytes | None:
        """Return the next bytes, none at the end, None if there is nothing yet."""
        is_ready, _, _ = select.select([descriptor], [], [], _LOOK_UP_S)
        return os.read(descriptor, n_most) if is_ready else None

    while (piece := await asyncio.to_thread(read)) != b"":
        if piece:
            yield piece


async def _paced(pieces: AsyncGenerator[bytes], bytes_per_s: int) -> AsyncGenerator[bytes]:
    began_s = time.monotonic()
    n_bytes = 0
    async with aclosing(pieces):
        async for piece in pieces:
            n_bytes += len(piece)
            await asyncio.sleep(began_s + n_bytes / bytes_per_s - time.monotonic())
            yield piece
