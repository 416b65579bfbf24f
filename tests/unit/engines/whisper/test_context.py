"""How much silence is put behind speech, and when that was too little."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.whisper.context import (
    MAX_CONTEXT_S,
    MAX_OVERRUN_S,
    MAX_TOKENS_PER_S,
    MIN_CONTEXT_S,
    SPARE_DRAFT_TOKENS,
    SPARE_TOKENS,
    draft_context_s,
    max_draft_tokens,
    needs_full_context,
    tight_context_s,
)
from loquent.engines.whisper.hypothesis import MIN_AVG_LOGPROB, Hypothesis

SPEECH_S = 5.0
MAX_TOKENS = int(SPEECH_S * MAX_TOKENS_PER_S + SPARE_TOKENS)


def said(n_tokens: int, avg_logprob: float = MIN_AVG_LOGPROB / 4) -> Hypothesis:
    return Hypothesis((1,) * n_tokens, "Some words.", avg_logprob, 0.01, 0.0)


def is_doubted(hypothesis: Hypothesis, last_time_s: float = SPEECH_S) -> bool:
    return needs_full_context(hypothesis, speech_s=SPEECH_S, last_time_s=last_time_s)


@given(st.floats(0.0, 30.0), st.floats(0.0, 30.0))
def test_context_holds_the_speech_and_grows_with_it(one_s: float, other_s: float) -> None:
    shorter, longer = sorted((one_s, other_s))
    assert longer <= tight_context_s(longer) <= MAX_CONTEXT_S
    assert MIN_CONTEXT_S <= tight_context_s(shorter) <= tight_context_s(longer)


def test_ordinary_speech_is_believed() -> None:
    assert not is_doubted(said(15))


def test_more_tokens_than_anybody_speaks_are_not() -> None:
    assert not is_doubted(said(MAX_TOKENS))
    assert is_doubted(said(MAX_TOKENS + 1))


def test_text_behind_the_end_of_the_speech_is_not() -> None:
    assert not is_doubted(said(15), SPEECH_S + MAX_OVERRUN_S)
    assert is_doubted(said(15), SPEECH_S + MAX_OVERRUN_S + 0.1)


def test_text_of_which_the_model_is_unsure_is_not() -> None:
    assert is_doubted(said(15, MIN_AVG_LOGPROB - 0.1))


@given(st.floats(0.0, 30.0), st.floats(0.0, 30.0))
def test_a_guess_hears_all_of_the_speech_in_no_more_context_than_a_final(
    one_s: float, other_s: float
) -> None:
    shorter, longer = sorted((one_s, other_s))
    assert longer <= draft_context_s(longer) <= tight_context_s(longer)
    assert MIN_CONTEXT_S <= draft_context_s(shorter) <= draft_context_s(longer)


@given(st.floats(0.0, 30.0), st.floats(0.0, 30.0))
def test_a_guess_may_be_as_long_as_anybody_speaks(one_s: float, other_s: float) -> None:
    shorter, longer = sorted((one_s, other_s))
    assert SPARE_DRAFT_TOKENS <= max_draft_tokens(shorter) <= max_draft_tokens(longer)
    assert max_draft_tokens(longer) <= MAX_TOKENS_PER_S * longer + SPARE_TOKENS
