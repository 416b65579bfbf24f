"""What the scheduler hands to an engine: several stretches of speech at once; runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, TypeAlias

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, duration_s
from loquent.ports import Recognition, RecognitionOptions

BatchKey: TypeAlias = tuple[float, int | None, int | None, bool, bool, bool]


class Width(StrEnum):
    """How much of the machine one batch may use."""

    WIDE = "wide"
    """All cores: the fastest answer on an idle machine."""
    NARROW = "narrow"
    """One core, so that several batches run side by side: the most work in a given time."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One stretch of speech, at most 30 s, and how to decode it."""

    samples: Samples
    options: RecognitionOptions

    @property
    def speech_s(self) -> float:
        return duration_s(self.samples)

    def without_known(self) -> Utterance:
        """Return the part that is asked for, alone."""
        n_known = round(self.options.known_s * SAMPLE_RATE_HZ)
        return Utterance(self.samples[n_known:], replace(self.options, known_s=0.0, known=""))

    @property
    def batch_key(self) -> BatchKey:
        """Return what must be equal for utterances to be decoded in one batch."""
        options = self.options
        has_prompt = bool(options.prompt or options.hotwords)
        return (
            options.temperature,
            options.beam_size,
            options.best_of,
            has_prompt,
            options.is_draft,
            options.known_s > 0,
        )


class BatchEngine(Protocol):
    """A loaded model that recognises batches, several side by side."""

    @property
    def n_workers(self) -> int:
        """How many narrow batches run side by side; a wide batch takes the place of all."""
        ...

    async def recognize(self, batch: Sequence[Utterance], width: Width) -> Sequence[Recognition]:
        """Recognise utterances of one `batch_key`; the answers stand in their order.

        A call that is cancelled may still occupy its worker until the batch is done.

        Raises: EngineError.
        """
        ...
