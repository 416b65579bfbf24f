"""A diarizer that finds what it was told to find, and remembers how it was treated."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from loquent.domain.audio import AudioSource
from loquent.domain.speakers import Diarization, DiarizationRequest, SpeakerTurn
from tests.fakes.fake_transcriber import Gate, voices_of

SERVING_MODEL = "fake/voices"
DURATION_S = 6.2

TURNS = (SpeakerTurn(0.0, 2.5, "A"), SpeakerTurn(2.0, 4.75, "B"), SpeakerTurn(5.0, 6.0, "A"))
EXCLUSIVE = (SpeakerTurn(0.0, 2.25, "A"), SpeakerTurn(2.25, 4.75, "B"), SpeakerTurn(5.0, 6.0, "A"))
FOUND = Diarization(TURNS, EXCLUSIVE, DURATION_S, SERVING_MODEL)


@dataclass(frozen=True, slots=True)
class ReceivedSearch:
    """What one call handed over.

    Attributes:
        references: what the recordings of known speakers held.
    """

    request: DiarizationRequest
    content: bytes
    source: AudioSource
    references: tuple[bytes, ...]


class FakeDiarizer:
    """Goes through a script, then answers `found`.

    Args:
        script: errors are raised, gates waited at.
        found: the whole answer.
    """

    def __init__(
        self,
        script: Sequence[Exception | Gate] = (),
        found: Diarization = FOUND,
    ) -> None:
        self.script = script
        self.found = found
        self.calls: list[ReceivedSearch] = []
        self.was_cut_short = threading.Event()

    async def diarize(self, request: DiarizationRequest, source: AudioSource) -> Diarization:
        content = await asyncio.to_thread(source.path.read_bytes)
        references = await asyncio.to_thread(voices_of, request.search)
        self.calls.append(ReceivedSearch(request, content, source, references))
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                await step.passage()
        except asyncio.CancelledError:
            self.was_cut_short.set()
            raise
        return self.found
