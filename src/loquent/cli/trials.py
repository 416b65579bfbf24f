"""Let the local models speak and listen once, and time them; nothing leaves this machine."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loquent.cli.recordings import source_of
from loquent.codec.encoding.encoder import encode_whole
from loquent.codec.encoding.formats import SpeechFormat
from loquent.domain.endpoints import LOCAL_PROVIDER, RoutingLimits
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speech import SpeechChunk, SpeechPlan, SpeechRequest, Waveform
from loquent.domain.transcript import Transcript
from loquent.wiring import LocalPlatform

_HERE = RoutingLimits(allowed_providers=frozenset({LOCAL_PROVIDER}))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text that was spoken.

    Attributes:
        first_s: when its first sound was there.
        took_s: when its last sound was there.
    """

    model: str
    samples: Waveform
    sample_rate_hz: int
    first_s: float
    took_s: float

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate_hz

    def as_wav(self) -> bytes:
        """Return it as a file."""
        return encode_whole(self.samples, SpeechFormat.WAV, self.sample_rate_hz, None)


@dataclass(frozen=True, slots=True)
class Understood:
    """A recording that was understood."""

    model: str
    text: str
    duration_s: float
    took_s: float


async def speak(platform: LocalPlatform, model: str, text: str) -> Spoken:
    """Speak a text by a model here.

    Raises: LoquentError.
    """
    began_s = time.perf_counter()
    first_s = 0.0
    chunks: list[Waveform] = []
    async with aclosing(platform.speaker.speak(SpeechRequest(model, text, limits=_HERE))) as items:
        plan = await anext(items)
        assert isinstance(plan, SpeechPlan)
        async for chunk in items:
            assert isinstance(chunk, SpeechChunk)
            first_s = first_s or time.perf_counter() - began_s
            chunks.append(chunk.samples)
    took_s = time.perf_counter() - began_s
    samples = np.concatenate(chunks)
    return Spoken(plan.casting.model, samples, plan.sample_rate_hz, first_s, took_s)


async def understand(
    platform: LocalPlatform, model: str, recording: Path, language: str | None = "en"
) -> Understood:
    """Transcribe a recording by a model here.

    Raises: LoquentError.
    """
    began_s = time.perf_counter()
    request = TranscriptionRequest(model=model, language=language, limits=_HERE)
    source = await source_of(recording)
    transcript: Transcript | None = None
    async with aclosing(platform.transcriber.transcribe(request, source)) as updates:
        async for update in updates:
            if isinstance(update, Transcript):
                transcript = update
    assert transcript is not None
    took_s = time.perf_counter() - began_s
    return Understood(transcript.model, transcript.text, transcript.duration_s, took_s)


def word_error_rate(said: str, heard: str) -> float:
    """Return how many words of `said` were missed, changed or made up, as a share of them.

    Case and punctuation do not count.
    """
    wanted, got = _words(said), _words(heard)
    row: Sequence[int] = range(len(got) + 1)
    for i, word in enumerate(wanted, 1):
        costs = [i]
        for j, other in enumerate(got, 1):
            costs.append(min(row[j] + 1, costs[-1] + 1, row[j - 1] + (word != other)))
        row = costs
    return row[-1] / len(wanted)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
