"""Every word gets its own stretch of the signs by which a text is spoken, in order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.speech import SpokenWord
from loquent.engines.word_times import WordSpan, spoken_words, word_spans

TEXTS = st.lists(st.text("abcd ,.!", max_size=8), max_size=12).map(" ".join)
SIGNS = st.text("abcdə ,.!?", max_size=60)


def spelled(word: str) -> str:
    """Pronounce a word as it is written, without its marks."""
    return word.strip(".,;:!?…—").lower()


def signs_of_all(text: str) -> str:
    return " ".join(map(spelled, text.split()))


def found(text: str, signs: str) -> list[str]:
    """Return the signs of each word."""
    return [signs[span.start : span.end] for span in word_spans(text, signs, spelled)]


@settings(max_examples=200, deadline=None)
@given(TEXTS, SIGNS)
def test_there_is_one_span_for_each_word_in_order_and_in_range(text: str, signs: str) -> None:
    spans = word_spans(text, signs, spelled)
    assert [span.text for span in spans] == text.split()
    assert all(0 <= span.start <= span.end <= len(signs) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.integers(1, 5))
def test_words_that_sound_in_context_as_alone_get_exactly_their_signs(
    letters: list[str], length: int
) -> None:
    words = [letter * length for letter in letters]
    assert found(" ".join(words), " ".join(words)) == words


@pytest.mark.parametrize(
    ("text", "signs", "expected"),
    [
        ("one two three", "one two three", ["one", "two", "three"]),
        ("One, two. Three!", "one, two. three!", ["one", "two", "three"]),
        ("one two three", "one twə three", ["one", "twə", "three"]),
        ("one two three", "one əwo three", ["one", "əwo", "three"]),
        ("in the house", "inðe house", ["inð", "e", "house"]),
        ("ha ha ha", "ha ha ha", ["ha", "ha", "ha"]),
        ("alone", "", [""]),
        ("", "abc", []),
        ("   ", "abc", []),
    ],
)
def test_each_word_finds_its_signs(text: str, signs: str, expected: list[str]) -> None:
    assert found(text, signs) == expected


def test_words_that_are_not_found_share_what_lies_between_their_neighbours() -> None:
    spans = word_spans("one xx yy two", "one ŋŋŋŋŋŋŋŋ two", spelled)
    assert spans[1].start < spans[1].end <= spans[2].start < spans[2].end <= spans[3].start
    assert spans[3] == WordSpan("two", 13, 16)


def test_words_of_mere_marks_take_no_time() -> None:
    spans = word_spans("one — two", "one — two", spelled)
    assert [span.text for span in spans] == ["one", "—", "two"]
    assert spans[1].start == spans[1].end


def test_a_long_text_of_one_word_is_no_trouble() -> None:
    text = " ".join(["ha"] * 100)
    assert found(text, text) == ["ha"] * 100


def test_words_begin_and_end_with_their_signs() -> None:
    spans = (WordSpan("a", 0, 2), WordSpan("b", 3, 3), WordSpan("c", 3, 4))
    ends_s = [0.25, 0.5, 1.0, 1.5, 2.0]
    assert spoken_words(spans, ends_s) == (
        SpokenWord("a", 0.25, 1.0),
        SpokenWord("b", 1.5, 1.5),
        SpokenWord("c", 1.5, 2.0),
    )


@settings(max_examples=100, deadline=None)
@given(TEXTS, SIGNS)
def test_every_span_has_its_times_when_each_sign_has(text: str, signs: str) -> None:
    ends_s = [0.1 * place for place in range(len(signs) + 1)]
    words = spoken_words(word_spans(text, signs, spelled), ends_s)
    assert all(word.start_s <= word.end_s for word in words)
    assert [word.text for word in words] == text.split()
