"""How a transcript is cut into cues."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.transcript import Segment, Word
from loquent.render.cues import MAX_CUE_S, clock, cues_of
from loquent.render.lines import MAX_LINE_CELLS, on_one_line
from tests.unit.render.transcripts import evenly_spoken, segment_of, transcript_of

TIMES = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 60)
WORDS = st.builds(Word, st.text(max_size=8), TIMES, TIMES, st.floats(0, 1))
SEGMENTS = st.builds(
    lambda text, start_s, end_s, words: segment_of(text, start_s, end_s, words=words),
    st.text(max_size=200), TIMES, TIMES, st.lists(WORDS, max_size=5),
)  # fmt: skip
SPOKEN = st.lists(st.text("abcdefg,.", min_size=1, max_size=10), min_size=1, max_size=60)
LONG = (
    "When the rain had finally stopped, we left the house and walked down to the river."
    " Nobody had been there for weeks, and the boats were full of water."
)


@given(st.lists(SEGMENTS, max_size=6))
def test_cues_of_anything_are_ordered_and_never_overlap(segments: list[Segment]) -> None:
    cues = cues_of(transcript_of(*segments))
    last_end_ms = 0
    for cue in cues:
        assert last_end_ms <= cue.start_ms < cue.end_ms
        assert all(on_one_line(line) == line and line for line in cue.lines)
        last_end_ms = cue.end_ms


@given(SPOKEN, st.floats(1, 30))
def test_splitting_keeps_every_word_in_order(texts: list[str], duration_s: float) -> None:
    text = " " + " ".join(texts)
    cues = cues_of(transcript_of(evenly_spoken(text, 0.0, duration_s)))
    assert " ".join(line for cue in cues for line in cue.lines) == text.strip()


@given(SPOKEN, st.floats(1, 30))
def test_cues_with_word_times_can_be_read(texts: list[str], duration_s: float) -> None:
    cues = cues_of(transcript_of(evenly_spoken(" ".join(texts), 0.0, duration_s)))
    for cue in cues:
        assert all(len(line) <= MAX_LINE_CELLS for line in cue.lines)
        if " " in " ".join(cue.lines):
            assert cue.end_ms - cue.start_ms <= 1000 * MAX_CUE_S + 2


def test_a_long_segment_is_split_where_a_sentence_ends() -> None:
    cues = cues_of(transcript_of(evenly_spoken(LONG, 0.0, 10.0)))
    texts = [" ".join(cue.lines) for cue in cues]
    assert texts == [LONG[: LONG.index(" Nobody")], LONG[LONG.index("Nobody") :]]
    assert cues[0].end_ms == cues[1].start_ms


def test_a_long_segment_without_word_times_is_only_wrapped() -> None:
    (cue,) = cues_of(transcript_of(segment_of(LONG, 0.0, 10.0)))
    assert (cue.start_ms, cue.end_ms, len(cue.lines)) == (0, 10_000, 2)


def test_words_that_are_not_in_the_text_do_not_split_it() -> None:
    words = [Word("other", 0, 5, 1), Word("words", 5, 10, 1)]
    (cue,) = cues_of(transcript_of(segment_of(LONG, 0.0, 10.0, words=words)))
    assert " ".join(cue.lines) == LONG


def test_text_without_spaces_is_split_at_its_words() -> None:
    texts = ["今日は", "とても", "良い", "天気", "なので"] * 5
    words = [Word(text, i, i + 1, 1) for i, text in enumerate(texts)]
    segment = segment_of("、".join(texts) + "。", 0.0, 25.0, words=words)
    cues = cues_of(transcript_of(segment))
    assert len(cues) > 1
    assert "".join(line for cue in cues for line in cue.lines) == segment.text
    assert not any(line.startswith("、") for cue in cues for line in cue.lines)


def test_an_opening_quote_goes_with_the_word_after_it() -> None:
    texts = ("He said:", "come in.", "We went on walking through the night") * 3
    text = 'He said: "come in." We went on walking through the night, ' * 3
    words = [Word(text, 3 * i, 3 * i + 3, 1) for i, text in enumerate(texts)]
    cues = cues_of(transcript_of(segment_of(text, 0.0, 27.0, words=words)))
    assert any(" ".join(cue.lines).startswith('"come in."') for cue in cues)


def test_overlapping_segments_end_where_the_next_begins() -> None:
    cues = cues_of(transcript_of(segment_of("a", 0, 10), segment_of("b", 5, 12)))
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(0, 5000), (5000, 12_000)]


def test_segments_of_no_length_are_still_shown() -> None:
    cues = cues_of(transcript_of(segment_of("a", 1, 1), segment_of("b", 1, 1)))
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(1000, 1001), (1001, 1002)]


def test_blank_segments_make_no_cue() -> None:
    assert cues_of(transcript_of(segment_of(" \n\x00"), segment_of(""))) == ()


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [(0, "00:00:00,000"), (3_723_004, "01:02:03,004"), (360_000_000, "100:00:00,000")],
)
def test_hours_may_have_three_digits(time_ms: int, text: str) -> None:
    assert clock(time_ms, ",") == text
