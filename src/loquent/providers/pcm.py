"""Turn bare sound that providers stream into chunks; knows no provider and no container."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import numpy as np

from loquent.domain.endpoints import ProviderAccess
from loquent.domain.speech import SpeechChunk, SpeechPlan
from loquent.providers.failures import unreadable

_SAMPLE_BYTES: Final = 2
_FULL_SCALE: Final = np.float32(32_768)


async def chunks_of_pcm(pieces: AsyncIterator[bytes]) -> AsyncGenerator[SpeechChunk]:
    """Yield a chunk for each piece of sound that holds at least one whole sample.

    Args:
        pieces: one channel of 16-bit signed little-endian samples, cut anywhere; who calls closes
            it. Half a sample at the very end is dropped.
    """
    rest = b""
    async for piece in pieces:
        sound = rest + piece
        n_whole = len(sound) - len(sound) % _SAMPLE_BYTES
        rest = sound[n_whole:]
        if n_whole:
            samples = np.frombuffer(sound[:n_whole], dtype="<i2").astype(np.float32)
            yield SpeechChunk(samples / _FULL_SCALE)


async def planned(
    access: ProviderAccess, plan: SpeechPlan, chunks: AsyncIterator[SpeechChunk]
) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
    """Yield `plan` once the first sound is here, then the sound.

    So a provider that refuses does so before anything was promised to the caller.

    Raises: UpstreamError: also if there is no sound at all.
    """
    is_told = False
    async for chunk in chunks:
        if not is_told:
            yield plan
            is_told = True
        yield chunk
    if not is_told:
        raise unreadable(access, "it holds no sound")
