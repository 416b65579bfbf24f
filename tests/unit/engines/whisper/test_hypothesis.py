"""Which hypotheses are believed, and what is tried when one is not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.whisper.hypothesis import (
    LONG_PHRASE_TOKENS,
    MAX_COMPRESSION_RATIO,
    MIN_AVG_LOGPROB,
    MIN_NO_SPEECH_PROB,
    TEMPERATURE_STEP,
    Hypothesis,
    least_bad,
    repeats_itself,
    temperature_ladder,
)

SURE, UNSURE = MIN_AVG_LOGPROB / 4, MIN_AVG_LOGPROB - 0.5
SPEECH, SILENCE = 0.01, MIN_NO_SPEECH_PROB + 0.1

ORDINARY = "It was the best of times, it was the worst of times."
LOOP = "Thank you. " * 40


def said(text: str, avg_logprob: float = SURE, no_speech_prob: float = SPEECH) -> Hypothesis:
    return Hypothesis((1,), text, avg_logprob, no_speech_prob, temperature=0.0)


def test_ordinary_text_of_which_the_model_is_sure_is_credible() -> None:
    assert said(ORDINARY).is_credible
    assert said(ORDINARY).compression_ratio < MAX_COMPRESSION_RATIO


def test_a_loop_is_not() -> None:
    assert said(LOOP).is_repetitive
    assert not said(LOOP).is_credible


def test_text_of_which_the_model_is_unsure_is_not() -> None:
    assert not said(ORDINARY, UNSURE).is_credible


def test_silence_takes_both_doubts() -> None:
    assert said(ORDINARY, UNSURE, SILENCE).is_silence
    assert not said(ORDINARY, SURE, SILENCE).is_silence
    assert not said(ORDINARY, UNSURE, SPEECH).is_silence


def test_silence_is_credible_whatever_the_text() -> None:
    assert said(LOOP, UNSURE, SILENCE).is_credible


def test_no_text_has_no_repetition() -> None:
    assert said("").compression_ratio == 0.0
    assert not said("").is_repetitive


def test_the_ladder_leads_from_zero_to_one() -> None:
    assert temperature_ladder(0.0) == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    assert temperature_ladder(1.0) == (1.0,)


@given(st.floats(0.0, 1.0))
def test_every_ladder_rises_from_its_start_and_ends_near_one(start: float) -> None:
    ladder = temperature_ladder(start)
    assert ladder[0] == pytest.approx(start, abs=1e-3)
    assert all(low < high for low, high in pairwise(ladder))
    assert 1.0 - TEMPERATURE_STEP / 2 - 1e-3 <= ladder[-1] <= 1.0


def test_among_the_incredible_the_most_probable_is_kept_unless_it_repeats_itself() -> None:
    worse, better, loop = said("one", UNSURE - 1), said("two", UNSURE), said(LOOP, SURE)
    assert least_bad([worse, better, loop]) is better
    assert least_bad([loop]) is loop


@given(st.lists(st.tuples(st.sampled_from([ORDINARY, LOOP]), st.floats(-9, 0)), min_size=1))
def test_the_least_bad_is_one_of_them_and_none_is_better(made: list[tuple[str, float]]) -> None:
    tried = [said(text, logprob) for text, logprob in made]
    kept = least_bad(tried)
    assert kept in tried
    rivals = [h for h in tried if h.is_repetitive <= kept.is_repetitive]
    assert all(rival.avg_logprob <= kept.avg_logprob for rival in rivals)


TOKENS = st.lists(st.integers(0, 5), max_size=30)

LONG_PHRASES = st.lists(st.integers(0, 5), min_size=LONG_PHRASE_TOKENS, max_size=20)


@given(TOKENS, st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(3, 5))
def test_whatever_ends_by_the_same_phrase_thrice_is_a_loop(
    before: list[int], phrase: list[int], n_times: int
) -> None:
    assert repeats_itself(before + phrase * n_times)


@given(TOKENS, LONG_PHRASES)
def test_a_long_phrase_is_a_loop_the_second_time(before: list[int], phrase: list[int]) -> None:
    assert repeats_itself(before + phrase * 2)


@given(st.lists(st.integers(0, 1_000), unique=True, max_size=60))
def test_text_that_says_everything_once_is_no_loop(tokens: list[int]) -> None:
    assert not repeats_itself(tokens)


@given(st.lists(st.integers(0, 1_000), unique=True, min_size=1, max_size=LONG_PHRASE_TOKENS - 1))
def test_people_say_a_short_phrase_twice(phrase: list[int]) -> None:
    assert not repeats_itself(phrase * 2)


@given(LONG_PHRASES, st.integers(6, 9))
def test_a_loop_that_was_left_again_is_none(phrase: list[int], last: int) -> None:
    assert not repeats_itself([*phrase * 3, last])


@pytest.mark.parametrize("tokens", [[], [1], [1, 1]])
def test_what_is_too_short_for_a_loop_is_none(tokens: list[int]) -> None:
    assert not repeats_itself(tokens)
