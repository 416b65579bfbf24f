"""How long a batch takes, from its shape, corrected by what was measured; reads no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from loquent.engines.batch import Width

ENCODER_S_PER_S = 0.015
ENCODER_S_PER_SQUARE_S = 0.001
"""Encoding 10 s of context takes 0.25 s, 30 s take 1.35: attention grows with the square."""

STEP_S = 0.0094
ITEM_STEP_S = 0.0028
"""A decoder step takes 12 ms for one utterance, 32 ms for eight."""

TOKENS_PER_S = 4.0
"""Decoder steps for a second of speech. Source of all five: whisper-base, int8, one thread."""

WIDE_SPEEDUP_EXPONENT = 0.77
"""Two threads on one batch are 1.7 times as fast as one: cores do not help one another fully."""

NEWEST_WEIGHT = 0.1
"""What one more measurement counts beside all before it, once there are ten."""

MIN_RATIO = 0.001
"""So that a clock which stood still does not make everything free."""


@dataclass(frozen=True, slots=True)
class BatchShape:
    """What the cost of a batch depends on.

    Attributes:
        context_s: what the encoder hears of each utterance; the longest one decides for all.
        longest_s: speech of the longest utterance.
        speech_s: speech of all together.
    """

    n_utterances: int
    context_s: float
    longest_s: float
    speech_s: float

    @classmethod
    def of(cls, speech_s: float, context_s: float) -> BatchShape:
        """Return the shape of one utterance alone."""
        return cls(1, context_s, speech_s, speech_s)

    def joined(self, other: BatchShape) -> BatchShape:
        """Return the shape of both batches in one."""
        return BatchShape(
            self.n_utterances + other.n_utterances,
            max(self.context_s, other.context_s),
            max(self.longest_s, other.longest_s),
            self.speech_s + other.speech_s,
        )


@dataclass(frozen=True, slots=True)
class Correction:
    """By how much the start values are off: measured over estimated seconds, averaged."""

    ratio: float = 1.0
    n_measured: int = 0

    def after(self, ratio: float) -> Correction:
        """Return the average with one more measurement; the first counts in full."""
        weight = max(NEWEST_WEIGHT, 1 / (self.n_measured + 1))
        newest = max(ratio, MIN_RATIO)
        return Correction(self.ratio + weight * (newest - self.ratio), self.n_measured + 1)


@dataclass(frozen=True, slots=True)
class CostModel:
    """Estimates seconds of work on a machine of `n_workers` cores.

    The start values fit a small model; what is measured scales them to the model and the machine at
    hand. A width that was never measured borrows the correction of the other one.
    """

    n_workers: int
    narrow: Correction = Correction()
    wide: Correction = Correction()

    def seconds(self, shape: BatchShape, width: Width) -> float:
        """Return how long a batch of that shape takes."""
        return self._start_value_s(shape, width) * self._ratio(width)

    def observe(self, shape: BatchShape, width: Width, measured_s: float) -> CostModel:
        """Return the model that also knows one finished batch."""
        ratio = measured_s / self._start_value_s(shape, width)
        if width is Width.WIDE:
            return replace(self, wide=self.wide.after(ratio))
        return replace(self, narrow=self.narrow.after(ratio))

    def _start_value_s(self, shape: BatchShape, width: Width) -> float:
        context_s = shape.context_s
        encoder_s = ENCODER_S_PER_S * context_s + ENCODER_S_PER_SQUARE_S * context_s**2
        decoder_s = TOKENS_PER_S * (STEP_S * shape.longest_s + ITEM_STEP_S * shape.speech_s)
        speedup = self.n_workers**WIDE_SPEEDUP_EXPONENT if width is Width.WIDE else 1.0
        return (shape.n_utterances * encoder_s + decoder_s) / speedup

    def _ratio(self, width: Width) -> float:
        own, other = self.narrow, self.wide
        if width is Width.WIDE:
            own, other = other, own
        return own.ratio if own.n_measured else other.ratio
