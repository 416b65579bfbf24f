"""When to believe a decoded hypothesis and which of several to keep; pure rules."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

MAX_COMPRESSION_RATIO = 2.4
MIN_AVG_LOGPROB = -1.0
MIN_NO_SPEECH_PROB = 0.6
TEMPERATURE_STEP = 0.2
"""Thresholds and step of the fallback ladder. Source: openai/whisper, `transcribe.py`."""


LONG_PHRASE_TOKENS = 8
"""People say so much twice in a row only when they mean it; models do it for want of sound."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One decoding of one stretch of speech."""

    tokens: tuple[int, ...]
    text: str
    avg_logprob: float
    no_speech_prob: float
    temperature: float

    @property
    def compression_ratio(self) -> float:
        """How much repetition the text holds; ordinary text lies between 1 and 2."""
        utf8 = self.text.encode()
        return len(utf8) / len(zlib.compress(utf8)) if utf8 else 0.0

    @property
    def is_repetitive(self) -> bool:
        return self.compression_ratio > MAX_COMPRESSION_RATIO

    @property
    def is_silence(self) -> bool:
        """Nothing was said: the model doubts both that it is speech and its own words."""
        return self.no_speech_prob > MIN_NO_SPEECH_PROB and self.avg_logprob < MIN_AVG_LOGPROB

    @property
    def is_credible(self) -> bool:
        if self.is_silence:
            return True
        return not self.is_repetitive and self.avg_logprob >= MIN_AVG_LOGPROB


def repeats_itself(tokens: Sequence[int]) -> bool:
    """Tell whether a hypothesis ends in a loop: a long phrase said twice, or a short one thrice."""
    return any(
        _ends_in(tokens, length, 2 if length >= LONG_PHRASE_TOKENS else 3)
        for length in range(1, len(tokens) // 2 + 1)
    )


def _ends_in(tokens: Sequence[int], length: int, n_times: int) -> bool:
    """Tell whether the last `length` tokens stand there `n_times`."""
    phrase = list(tokens[len(tokens) - length :])
    return list(tokens[len(tokens) - length * n_times :]) == phrase * n_times


def temperature_ladder(start: float) -> tuple[float, ...]:
    """Return the temperatures to try in turn, from `start` up to 1."""
    n_steps = round((1.0 - start) / TEMPERATURE_STEP)
    return tuple(min(1.0, round(start + i * TEMPERATURE_STEP, 3)) for i in range(n_steps + 1))


def least_bad(hypotheses: Sequence[Hypothesis]) -> Hypothesis:
    """Choose when none is credible: the most probable one that does not repeat itself."""
    candidates = [h for h in hypotheses if not h.is_repetitive] or list(hypotheses)
    return max(candidates, key=lambda h: h.avg_logprob)
