"""A speaker that hums: a chunk of a tone for each word."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Mapping, Sequence

import numpy as np

from loquent.domain.errors import InvalidRequestError
from loquent.domain.model import Capability, Gender, ModelCard, Voice
from loquent.domain.speech import (
    Casting,
    SpeechChunk,
    SpeechPlan,
    SpeechRequest,
    SpokenWord,
    Waveform,
)
from loquent.domain.status import ModelStatus

RATE_HZ = 24_000
WORD_S = 0.25

HUMMER = ModelCard(
    id="fake/hummer",
    capabilities=frozenset({Capability.SPEECH}),
    languages=("en",),
    owned_by="fake",
    license="MIT",
    quantization="none",
    created_s=0,
    voices=(Voice("hum", "en-US", Gender.NEUTRAL), Voice("buzz", "en-GB", Gender.MALE)),
)


def tone(duration_s: float) -> Waveform:
    """Return a tone that begins and ends at zero."""
    times = np.arange(round(duration_s * RATE_HZ), dtype=np.float32) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * 200 * times)).astype(np.float32)


class FakeSpeaker:
    """Hums each word; what it was asked is kept.

    Args:
        error: raised in place of the plan.
        breaks_after: chunks before `broken` is raised.
    """

    def __init__(
        self,
        *,
        casting: Casting | None = None,
        n_skipped: int = 0,
        error: Exception | None = None,
        broken: Exception | None = None,
        breaks_after: int = 1,
    ) -> None:
        self.requests: list[SpeechRequest] = []
        self.n_closed = 0
        self.was_closed = threading.Event()
        self._casting = casting or Casting(HUMMER.id, (("hum", 1.0),), "en-US")
        self._n_skipped = n_skipped
        self.error = error
        self._broken = broken
        self._breaks_after = breaks_after

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        self.requests.append(request)
        try:
            if self.error:
                raise self.error
            words = request.text.split()
            if not words:
                raise InvalidRequestError("There is nothing to hum.", param="input")
            yield SpeechPlan(self._casting, RATE_HZ, len(request.text), self._n_skipped, len(words))
            for number, word in enumerate(words):
                if self._broken and number == self._breaks_after:
                    raise self._broken
                spoken = SpokenWord(word, number * WORD_S, (number + 1) * WORD_S)
                yield SpeechChunk(tone(WORD_S), word, (spoken,) if request.word_times else ())
        finally:
            self.n_closed += 1
            self.was_closed.set()


class FakeVoices:
    """The voices of the hummer."""

    def voices(self) -> Sequence[tuple[ModelStatus, Voice]]:
        status = ModelStatus(HUMMER, ("tts-1",))
        return [(status, voice) for voice in HUMMER.voices]

    def other_names(self) -> Mapping[str, str]:
        return {"alloy": "hum"}
