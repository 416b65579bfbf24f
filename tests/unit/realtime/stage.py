"""A live session over fakes, and what stands around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from loquent.domain.audio import Samples
from loquent.domain.live import Final, LiveRequest, LiveUpdate
from loquent.realtime.ladder import Ladder
from loquent.realtime.session import LocalLiveSession, Parts
from tests.fakes.fake_live_recognizer import FakeLiveRecognizer
from tests.fakes.fake_speech import FakeDetector
from tests.fakes.fake_voices import VOICES_MODEL, FakeAnalyst
from tests.unit.engines.scheduling.fake_engine import FakeClock, settle
from tests.unit.realtime.streams import request

U = TypeVar("U", bound=LiveUpdate)

NAME = "live_1"

CAST = ("", *"AAAAABBBBBC")
"""One person says "one" to "five", another "six" to "ten"; a third makes noises, no words."""

NOISE = len(CAST) - 1


def pcm(samples: Samples) -> bytes:
    """Return samples as 16-bit sound."""
    return np.round(samples * 32767).astype("<i2").tobytes()


@dataclass
class Stage:
    """A session, its caller and its models.

    Attributes:
        updates: what the caller has read.
    """

    session: LocalLiveSession
    recognizer: FakeLiveRecognizer
    analyst: FakeAnalyst
    clock: FakeClock
    ladder: Ladder
    updates: list[LiveUpdate] = field(default_factory=list)

    async def hear(self, *parts: Samples, n_bytes: int = 6_400) -> None:
        """Send sound packet by packet, and let the model answer after each."""
        sound = b"".join(map(pcm, parts))
        for at in range(0, len(sound), n_bytes):
            await self.session.hear(sound[at : at + n_bytes])
            await settle()

    async def read(self) -> None:
        """Read updates until there are no more."""
        async for update in self.session.updates():
            self.updates.append(update)

    async def read_waiting(self) -> None:
        """Read what there is now."""
        reading = asyncio.create_task(self.read())
        await settle()
        reading.cancel()
        await asyncio.wait([reading])

    async def finish(self) -> None:
        await self.session.finish()
        await self.read()

    def told(self, kind: type[U]) -> list[U]:
        return [update for update in self.updates if isinstance(update, kind)]

    @property
    def finals(self) -> list[str]:
        return [final.transcript.text for final in self.told(Final)]


@asynccontextmanager
async def stage(
    wanted: LiveRequest | None = None, failures: Sequence[Exception] = ()
) -> AsyncIterator[Stage]:
    """Open a session; when it is closed, nothing of it may be left."""
    before = asyncio.all_tasks()
    recognizer, analyst = FakeLiveRecognizer(), FakeAnalyst(CAST)
    clock, ladder = FakeClock(1_000.0), Ladder()
    recognizer.failures.extend(failures)
    bring = partial(analyst.analyst, VOICES_MODEL)
    parts = Parts("a/model", recognizer, FakeDetector().stream(), ladder, bring, clock)
    session = LocalLiveSession(NAME, wanted or request(), parts)
    await session.prepare()
    try:
        yield Stage(session, recognizer, analyst, clock, ladder)
    finally:
        await session.close()
    await settle()
    assert asyncio.all_tasks() <= before
