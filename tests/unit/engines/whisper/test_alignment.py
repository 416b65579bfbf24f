"""When each word was said, from paths and words that hypothesis makes up."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.transcript import Word
from loquent.engines.whisper.alignment import (
    CLOSING_PUNCTUATION,
    MAX_TYPICAL_WORD_S,
    OPENING_PUNCTUATION,
    SECONDS_PER_FRAME,
    TokenTimes,
    place_words,
    tidy_words,
    token_times,
)
from loquent.engines.whisper.vocabulary import WordTokens


def test_a_token_begins_at_its_first_frame() -> None:
    path = [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (3, 5)]
    times = token_times(path, [0.9, 0.8, 0.7], 3)
    assert times.starts_s == pytest.approx([0.0, 0.04, 0.08, 0.1])
    assert times.probabilities == (0.9, 0.8, 0.7)


def test_without_a_path_every_time_is_zero() -> None:
    assert token_times([], [], 2) == TokenTimes((0.0, 0.0, 0.0), (0.0, 0.0))


def test_tokens_that_the_path_does_not_reach_stand_at_its_end() -> None:
    times = token_times([(0, 0), (1, 10)], [0.5], 3)
    assert times.starts_s == pytest.approx([0.0, 0.2, 0.2, 0.2])
    assert times.probabilities == (0.5, 0.0, 0.0)


@st.composite
def paths(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Draw a monotonic path, one step at a time, as dynamic time warping walks it."""
    steps = draw(st.lists(st.sampled_from([(0, 1), (1, 0), (1, 1)]), max_size=60))
    walked = accumulate(steps, lambda a, b: (a[0] + b[0], a[1] + b[1]), initial=(0, 0))
    return list(walked)


@given(paths(), st.integers(1, 40))
def test_tokens_begin_one_after_the_other_inside_the_path(
    path: list[tuple[int, int]], n_tokens: int
) -> None:
    times = token_times(path, [0.5] * n_tokens, n_tokens)
    assert len(times.starts_s) == n_tokens + 1
    assert len(times.probabilities) == n_tokens
    assert all(left <= right for left, right in pairwise(times.starts_s))
    assert times.starts_s[0] >= 0.0
    assert times.starts_s[-1] <= path[-1][1] * SECONDS_PER_FRAME + 1e-9


def test_a_slice_keeps_the_end_of_its_last_token() -> None:
    times = TokenTimes((0.0, 1.0, 2.0, 3.0), (0.1, 0.2, 0.3))
    assert times.slice(1, 3) == TokenTimes((1.0, 2.0, 3.0), (0.2, 0.3))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=10), st.data())
def test_words_follow_each_other_without_gap(lengths: list[int], data: st.DataObject) -> None:
    n_tokens = sum(lengths)
    steps = data.draw(st.lists(st.floats(0, 1), min_size=n_tokens + 1, max_size=n_tokens + 1))
    scores = data.draw(st.lists(st.floats(0, 1), min_size=n_tokens, max_size=n_tokens))
    times = TokenTimes(tuple(accumulate(steps)), tuple(scores))
    words = place_words([WordTokens(f" w{n}", n) for n in lengths], times)
    assert [words[0].start_s, words[-1].end_s] == [times.starts_s[0], times.starts_s[-1]]
    assert all(left.end_s == right.start_s for left, right in pairwise(words))
    assert all(0.0 <= word.probability <= 1.0 for word in words)


def word(text: str, start_s: float, end_s: float) -> Word:
    return Word(text, start_s, end_s, 0.9)


def test_punctuation_joins_the_word_that_it_belongs_to() -> None:
    raw = [word(" He", 0, 1), word(" (", 1, 1), word("said", 1, 2), word(")", 2, 2)]
    tidy = tidy_words([*raw, word(".", 2, 2)])
    assert [w.text for w in tidy] == ["He", "(said)."]
    assert (tidy[1].start_s, tidy[1].end_s) == (1, 2)


@pytest.mark.parametrize("mark", [*CLOSING_PUNCTUATION])
def test_every_closing_mark_joins_the_word_before(mark: str) -> None:
    assert [w.text for w in tidy_words([word(" a", 0, 1), word(mark, 1, 1)])] == [f"a{mark}"]


@pytest.mark.parametrize("mark", [*OPENING_PUNCTUATION])
def test_every_opening_mark_joins_the_word_behind(mark: str) -> None:
    assert [w.text for w in tidy_words([word(f" {mark}", 0, 0), word(" a", 0, 1)])] == [f"{mark}a"]


def test_a_word_beside_a_sentence_end_does_not_swallow_the_pause() -> None:
    raw = [word(" one", 0, 0.4), word(" two.", 0.4, 9.0), word(" three", 9.0, 15.0)]
    tidy = tidy_words([*raw, *(word(" x", 15 + i * 0.4, 15.4 + i * 0.4) for i in range(5))])
    assert tidy[1].start_s == 0.4
    assert tidy[1].end_s <= 0.4 + 2 * MAX_TYPICAL_WORD_S
    assert tidy[2].end_s == 15.0
    assert tidy[2].start_s >= 15.0 - 2 * MAX_TYPICAL_WORD_S


def test_a_long_word_inside_a_sentence_stays() -> None:
    raw = [word(" a", 0, 0.2), word(" long", 0.2, 3.0), word(" b", 3.0, 3.2)]
    assert tidy_words(raw)[1].end_s == 3.0


def letters(words: list[Word]) -> str:
    return "".join("".join(w.text.split()) for w in words)


texts = st.sampled_from([" a", " word", "part", " (", '"', ".", ",", " ", "", " \u00bf", "\u3002"])


@given(st.lists(st.tuples(texts, st.floats(0, 3)), max_size=20))
def test_tidying_loses_no_letter_and_keeps_words_in_their_times(
    made: list[tuple[str, float]],
) -> None:
    ends_s = list(accumulate((length_s for _text, length_s in made), initial=0.0))
    raw = [word(made[i][0], ends_s[i], ends_s[i + 1]) for i in range(len(made))]
    tidy = tidy_words(raw)
    assert letters(tidy) == letters(raw)
    assert all(w.text == w.text.strip() != "" for w in tidy)
    assert all(0.0 <= w.start_s <= w.end_s <= ends_s[-1] for w in tidy)
    assert all(left.end_s <= right.start_s for left, right in pairwise(tidy))
