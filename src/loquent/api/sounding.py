"""Turn chunks of sound into the bytes of an answer as they come; knows no route and no form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from loquent.api.event_stream import frame
from loquent.api.metering import Use
from loquent.codec.encoding.encoder import StreamEncoder
from loquent.domain.pricing import Consumption
from loquent.domain.speech import SpeechChunk, SpeechPlan
from loquent.render.speech import audio_delta, audio_done

TAIL_BYTES = 256
"""Of a file that is sent as it is made, kept back until what it took is written down. So little,
because who waits for the first sound waits for these too."""


@dataclass(frozen=True, slots=True)
class Sounding:
    """A text that is being spoken: its plan, its first chunk, and those that follow.

    Attributes:
        on_sound: told the length of each chunk in seconds.
        use: settled before the last sound is sent.
    """

    plan: SpeechPlan
    first: SpeechChunk
    rest: AsyncGenerator[SpeechPlan | SpeechChunk]
    on_sound: Callable[[float], None]
    use: Use

    async def chunks(self) -> AsyncGenerator[SpeechChunk]:
        """Yield all chunks, the first one too."""
        self._count(self.first)
        yield self.first
        async for item in self.rest:
            assert isinstance(item, SpeechChunk), "one plan, then chunks"
            self._count(item)
            yield item

    def duration_s(self, chunk: SpeechChunk) -> float:
        """Return how long a chunk lasts."""
        return len(chunk.samples) / self.plan.sample_rate_hz

    def _count(self, chunk: SpeechChunk) -> None:
        duration_s, done = self.duration_s(chunk), self.use.done
        self.on_sound(duration_s)
        # Who does not say what a chunk says has been sent all of the text.
        n_spoken = done.n_characters + len(chunk.text) if chunk.text else self.plan.n_characters
        self.use.done = Consumption(
            done.audio_s + duration_s, min(n_spoken, self.plan.n_characters)
        )


async def sound_bytes(sounding: Sounding, encoder: StreamEncoder) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of the file as they are ready.

    Raises: LedgerUnavailableError: before the last bytes; what the speaker raises.
    """
    duration_s, held = 0.0, b""
    async for chunk in sounding.chunks():
        duration_s += sounding.duration_s(chunk)
        held += await asyncio.to_thread(encoder.encode, chunk.samples)
        if len(held) > TAIL_BYTES:
            yield held[:-TAIL_BYTES]
            held = held[-TAIL_BYTES:]
    held += await asyncio.to_thread(encoder.finish)
    await sounding.use.settle_speech(sounding.plan, duration_s)
    yield held


async def sound_events(sounding: Sounding, encoder: StreamEncoder) -> AsyncGenerator[bytes, None]:
    """Yield an event for each piece of the file, then one that says what was consumed.

    Raises: as `sound_bytes`.
    """
    duration_s = 0.0
    async for chunk in sounding.chunks():
        duration_s += sounding.duration_s(chunk)
        ready = await asyncio.to_thread(encoder.encode, chunk.samples)
        yield frame(audio_delta(ready, chunk.words))
    if rest := await asyncio.to_thread(encoder.finish):
        yield frame(audio_delta(rest))
    await sounding.use.settle_speech(sounding.plan, duration_s)
    yield frame(audio_done(sounding.plan, duration_s))
