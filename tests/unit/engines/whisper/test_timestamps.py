"""Where a hypothesis is cut, and how much of it is believed to be heard."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.whisper.timestamps import (
    SECONDS_PER_TIMESTAMP,
    SplitText,
    TextSpan,
    split_at_timestamps,
)

ZERO = 1_000
"""Id of `<|0.00|>` in these tests; text lies below."""

WINDOW_S = 10.0


def at(time_s: float) -> int:
    return ZERO + round(time_s / SECONDS_PER_TIMESTAMP)


def split(*tokens: int, window_s: float = WINDOW_S) -> SplitText:
    return split_at_timestamps(tokens, first_timestamp=ZERO, window_s=window_s)


def test_a_window_of_one_finished_segment_is_heard_to_its_end() -> None:
    tokens = (at(0), 1, 2, at(3.5))
    assert split(*tokens) == SplitText((TextSpan(0.0, 3.5, tokens),), WINDOW_S)


def test_text_without_timestamps_takes_the_whole_window() -> None:
    assert split(1, 2) == SplitText((TextSpan(0.0, WINDOW_S, (1, 2)),), WINDOW_S)


def test_an_end_at_zero_says_nothing() -> None:
    assert split(at(0), 1, at(0)).spans[0].end_s == WINDOW_S


def test_segments_lie_between_pairs_of_timestamps() -> None:
    result = split(at(0), 1, at(2), at(2.5), 2, 3, at(6))
    assert [(s.start_s, s.end_s) for s in result.spans] == [(0.0, 2.0), (2.5, 6.0)]
    assert result.spans[1].tokens == (at(2.5), 2, 3, at(6))
    assert result.heard_s == WINDOW_S


def test_an_unfinished_segment_is_left_to_be_heard_again() -> None:
    result = split(at(0), 1, at(2), at(2), 2, 3)
    assert result == SplitText((TextSpan(0.0, 2.0, (at(0), 1, at(2))),), 2.0)


def test_a_pair_at_the_end_says_that_more_follows() -> None:
    assert split(at(0), 1, at(4), at(4)).heard_s == 4.0


def test_no_time_lies_beyond_the_window() -> None:
    result = split(at(0), 1, at(2), at(2), 2, at(30), window_s=5.0)
    assert result.spans[-1].end_s == 5.0


def test_a_segment_never_ends_before_it_begins() -> None:
    result = split(at(4), 1, at(2), at(2), 2, at(6))
    assert result.spans[0].end_s == result.spans[0].start_s == 4.0


@given(
    st.lists(st.integers(0, ZERO - 1) | st.integers(ZERO, at(30)), max_size=40),
    st.floats(0.1, 30.0),
)
def test_whatever_is_decoded_the_spans_are_its_beginning(
    tokens: list[int], window_s: float
) -> None:
    result = split_at_timestamps(tokens, first_timestamp=ZERO, window_s=window_s)
    kept = [token for span in result.spans for token in span.tokens]
    assert kept == tokens[: len(kept)]
    assert 0.0 <= result.heard_s <= window_s
    for span in result.spans:
        assert 0.0 <= span.start_s <= span.end_s <= window_s
    unheard = tokens[len(kept) :]
    assert not any(left >= ZERO <= right for left, right in pairwise(unheard))


@given(st.lists(st.tuples(st.floats(0.1, 3.0), st.integers(1, 5)), min_size=1, max_size=8))
def test_what_a_well_behaved_model_writes_comes_out_whole(parts: list[tuple[float, int]]) -> None:
    tokens, times, now_s = [], [], 0.0
    for length_s, n_tokens in parts:
        begin, now_s = at(now_s), now_s + length_s
        tokens += [begin, *range(1, n_tokens + 1), at(now_s)]
        times.append((begin, at(now_s)))
    result = split_at_timestamps(tokens, first_timestamp=ZERO, window_s=30.0)
    assert [(at(s.start_s), at(s.end_s)) for s in result.spans] == times
    assert result.heard_s == 30.0


@pytest.mark.parametrize("tokens", [(), (at(0),), (at(0), at(0))])
def test_a_hypothesis_without_text_is_no_error(tokens: tuple[int, ...]) -> None:
    result = split(*tokens)
    assert all(span.end_s <= WINDOW_S for span in result.spans)
