"""Where one speaker is alone: silences are bridged, others are not, and long spans are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.voices.activity import N_FRAMES, Activity
from loquent.engines.voices.spans import (
    MAX_PAUSE_FRAMES,
    MAX_SPAN_FRAMES,
    Span,
    alone,
    lone_spans,
)

ALL = slice(0, N_FRAMES)


def _spoken(*parts: tuple[int, int, int]) -> Activity:
    """Return who speaks, of (column, first frame, frame behind the last)."""
    activity = np.zeros((N_FRAMES, 3), np.bool_)
    for column, first, end in parts:
        activity[first:end, column] = True
    return activity


def _spans(activity: Activity, wanted: slice = ALL) -> list[Span]:
    return list(lone_spans(activity, wanted))


def test_who_speaks_alone_has_a_span() -> None:
    assert _spans(_spoken((1, 10, 60))) == [Span(1, 10, 60)]
    assert _spans(_spoken()) == []


def test_where_two_speak_at_once_neither_is_alone() -> None:
    activity = _spoken((0, 10, 100), (2, 60, 150))
    assert _spans(activity) == [Span(0, 10, 60), Span(2, 100, 150)]
    assert alone(activity)[60:100].sum() == 0


@pytest.mark.parametrize(("pause", "n_spans"), [(MAX_PAUSE_FRAMES, 1), (MAX_PAUSE_FRAMES + 1, 2)])
def test_a_short_silence_is_bridged_and_a_long_one_is_not(pause: int, n_spans: int) -> None:
    activity = _spoken((0, 10, 60), (0, 60 + pause, 110))
    spans = _spans(activity)
    assert len(spans) == n_spans
    assert (spans[0].first, spans[-1].end) == (10, 110)


def test_somebody_else_is_never_bridged() -> None:
    assert len(_spans(_spoken((0, 10, 60), (1, 62, 63), (0, 65, 110)))) == 3
    assert len(_spans(_spoken((0, 10, 110), (1, 60, 65)))) == 2


@pytest.mark.parametrize(
    ("n_frames", "n_parts"),
    [(MAX_SPAN_FRAMES, 1), (MAX_SPAN_FRAMES + 1, 2), (2 * MAX_SPAN_FRAMES + 1, 3)],
)
def test_a_long_span_is_cut_into_equal_parts(n_frames: int, n_parts: int) -> None:
    spans = _spans(_spoken((2, 5, 5 + n_frames)))
    lengths = [span.end - span.first for span in spans]
    assert len(spans) == n_parts
    assert sum(lengths) == n_frames
    assert max(lengths) - min(lengths) <= 1


def test_only_the_wanted_frames_are_looked_at() -> None:
    activity = _spoken((0, 100, 300), (1, 350, 500))
    assert _spans(activity, slice(200, 400)) == [Span(0, 200, 300), Span(1, 350, 400)]
    assert _spans(activity, slice(200, 200)) == []


PARTS = st.tuples(st.integers(0, 2), st.integers(0, N_FRAMES), st.integers(0, N_FRAMES))


@given(st.lists(PARTS, max_size=12), st.integers(0, N_FRAMES), st.integers(0, N_FRAMES))
def test_spans_hold_every_frame_in_which_somebody_is_alone_once_and_nobody_else(
    parts: list[tuple[int, int, int]], begin: int, end: int
) -> None:
    activity = _spoken(*parts)
    covered = np.zeros((N_FRAMES, 3), int)
    for span in _spans(activity, slice(begin, end)):
        assert begin <= span.first < span.end <= end
        covered[span.first : span.end, span.column] += 1
        others = np.delete(activity[span.first : span.end], span.column, axis=1)
        assert not others.any()
    wanted = alone(activity)
    wanted[:begin] = wanted[end:] = False
    assert covered.max(initial=0) <= 1
    assert (covered[wanted] == 1).all()
