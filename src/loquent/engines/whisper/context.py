"""How much silence Whisper hears behind speech, and when that was too little; pure rules.

The encoder was trained on 30 s. It also accepts less, at a cost that falls faster than the length;
with too little silence behind the speech, though, the decoder repeats itself or talks past the end.
"""

from __future__ import annotations

from loquent.engines.whisper.hypothesis import Hypothesis

MAX_CONTEXT_S = 30.0
"""What the encoder was trained on. Source: openai/whisper."""

MIN_CONTEXT_S = 10.0
SILENCE_BEHIND_S = 4.0
"""Source of both: bench/NOTES.md, over English and ten other languages."""

DRAFT_SILENCE_BEHIND_S = 1.0
"""A draft that repeats itself is dropped; the next one comes soon."""

MAX_DRAFT_TOKENS_PER_S = 7.0
SPARE_DRAFT_TOKENS = 8
"""A draft with more text than that is no speech."""

MAX_TOKENS_PER_S = 9.0
SPARE_TOKENS = 15
"""Speech has three to six tokens a second; short exclamations have more."""

MAX_OVERRUN_S = 1.0
"""Timestamps beyond the audio by more than this belong to no speech."""


def tight_context_s(speech_s: float) -> float:
    """Return the least context in which `speech_s` is recognised as well as in 30 s."""
    return min(MAX_CONTEXT_S, max(MIN_CONTEXT_S, speech_s + SILENCE_BEHIND_S))


def draft_context_s(speech_s: float) -> float:
    """Return a context in which most drafts of `speech_s` are good enough."""
    return min(MAX_CONTEXT_S, max(MIN_CONTEXT_S, speech_s + DRAFT_SILENCE_BEHIND_S))


def max_draft_tokens(speech_s: float) -> int:
    """Return where the text of a draft is broken off."""
    return int(speech_s * MAX_DRAFT_TOKENS_PER_S) + SPARE_DRAFT_TOKENS


def max_tokens(speech_s: float) -> int:
    """Return how many tokens `speech_s` of speech may have at most."""
    return int(speech_s * MAX_TOKENS_PER_S) + SPARE_TOKENS


def needs_full_context(hypothesis: Hypothesis, *, speech_s: float, last_time_s: float) -> bool:
    """Tell whether a hypothesis from tight context should be decoded again in 30 s.

    Args:
        last_time_s: the latest timestamp in the hypothesis, 0 if it has none.
    """
    talks_too_fast = len(hypothesis.tokens) > max_tokens(speech_s)
    talks_past_end = last_time_s > speech_s + MAX_OVERRUN_S
    return not hypothesis.is_credible or talks_too_fast or talks_past_end
