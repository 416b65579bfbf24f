"""Text on the two lines of a subtitle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.render.lines import (
    MAX_LINE_CELLS,
    MAX_LINES,
    n_cells,
    on_one_line,
    pause_strength,
    wrap,
)

WORDS = st.text("abcdefgh,.", min_size=1, max_size=12)
SENTENCES = st.lists(WORDS, min_size=1, max_size=30).map(" ".join)


def test_what_fits_stays_on_one_line() -> None:
    assert wrap("a" * MAX_LINE_CELLS) == ("a" * MAX_LINE_CELLS,)


def test_a_line_rather_ends_with_a_clause_than_exactly_in_the_middle() -> None:
    assert wrap("When the rain had stopped, we went out of the old house") == (
        "When the rain had stopped,",
        "we went out of the old house",
    )


def test_two_lines_are_about_even() -> None:
    first, second = wrap("one two three four five six seven eight nine ten eleven")
    assert abs(n_cells(first) - n_cells(second)) <= len("seven ")


def test_a_word_without_spaces_is_not_broken() -> None:
    assert wrap("a" * 100) == ("a" * 100,)


def test_ideographs_take_two_cells_and_break_anywhere_but_before_a_mark() -> None:
    text = "今日はとても良い天気なので、公園まで散歩に行くことにしました。"
    first, second = wrap(text)
    assert first + second == text
    assert second[0] not in "、。"
    assert max(n_cells(first), n_cells(second)) <= MAX_LINE_CELLS


def test_korean_breaks_at_its_spaces() -> None:
    text = "오늘은 날씨가 매우 좋아서 공원까지 산책을 가기로 했습니다"
    assert " ".join(wrap(text)) == text


@given(SENTENCES)
def test_wrapping_loses_nothing_and_makes_at_most_two_lines(text: str) -> None:
    lines = wrap(text)
    assert " ".join(lines) == text
    assert len(lines) <= MAX_LINES


@given(st.text())
def test_one_line_has_no_white_space_but_single_spaces(text: str) -> None:
    line = on_one_line(text)
    assert len(line.splitlines()) <= 1
    assert "  " not in line
    assert line == line.strip()


@pytest.mark.parametrize(
    ("text", "strength"),
    [
        ("Stop.", 1.0),
        ('He said "stop."', 1.0),
        ("well,", 0.7),
        ("終わり。", 1.0),
        ("and", 0.0),
        ("", 0),
    ],
)
def test_sentences_end_stronger_than_clauses(text: str, strength: float) -> None:
    assert pause_strength(text) == strength
