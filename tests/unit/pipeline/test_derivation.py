"""What is made of what a provider told: segments of words, times of a bare text."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.transcript import Word, join_text
from loquent.pipeline.derivation import (
    MAX_PAUSE_S,
    MAX_SEGMENT_S,
    segments_of,
    spread,
    told_segment,
    with_words,
)


def said(*texts: str, start_s: float = 0.0, gap_s: float = 0.0, speaker: str = "") -> list[Word]:
    """Return words of one second each."""
    return [
        Word(text, start_s + n * (1 + gap_s), start_s + n * (1 + gap_s) + 1, 0.5, speaker or None)
        for n, text in enumerate(texts)
    ]


def texts(words: list[Word]) -> list[str]:
    return [segment.text for segment in segments_of(words)]


def test_no_words_make_no_segments() -> None:
    assert segments_of([]) == ()


def test_a_sentence_is_a_segment_with_its_words() -> None:
    words = said("Hello", "there.", "General", "speech!", "Who?")
    first, second, third = segments_of(words)
    assert [s.text for s in (first, second, third)] == [
        " Hello there.",
        " General speech!",
        " Who?",
    ]
    assert (first.start_s, first.end_s, second.start_s, third.end_s) == (0, 2, 2, 5)
    assert [s.id for s in (first, second, third)] == [0, 1, 2]
    assert (*first.words, *second.words, *third.words) == tuple(words)
    assert first.avg_logprob == pytest.approx(math.log(0.5))


@pytest.mark.parametrize("end", ['"Stop."', "stop.)", "stop…", "stop?", "停。", "stop! "])
def test_a_mark_ends_a_sentence_even_within_quotes(end: str) -> None:
    assert len(segments_of(said(end, "Then"))) == 2


@pytest.mark.parametrize("word", ["stop", "stop,", "3.5", "stop:"])
def test_other_words_end_no_sentence(word: str) -> None:
    assert len(segments_of(said(word, "then"))) == 1


@pytest.mark.parametrize(
    ("gap_s", "n_segments"), [(MAX_PAUSE_S - 0.01, 1), (MAX_PAUSE_S + 0.01, 2)]
)
def test_a_long_pause_ends_a_segment(gap_s: float, n_segments: int) -> None:
    assert len(segments_of(said("hello", "there", gap_s=gap_s))) == n_segments


def test_another_speaker_begins_another_segment() -> None:
    segments = segments_of([*said("yes", speaker="A"), *said("no", start_s=1, speaker="B")])
    assert [(s.speaker, s.text) for s in segments] == [("A", " yes"), ("B", " no")]


def test_a_segment_does_not_go_on_for_ever() -> None:
    segments = segments_of(said(*["word"] * 100))
    assert [len(s.words) for s in segments[:-1]] == [MAX_SEGMENT_S] * 6


def test_scripts_without_spaces_are_joined_without() -> None:
    assert texts(said("你好", "。", "世界")) == [" 你好。", " 世界"]
    assert texts(said("你", "好", "。")) == [" 你好。"]
    assert texts(said("你好", "Bob", "said")) == [" 你好 Bob said"]


@given(
    st.lists(
        st.tuples(
            st.text("ab.。 ", min_size=1, max_size=4),
            st.floats(0, 3),
            st.floats(0, 3),
            st.sampled_from((None, "A", "B")),
        ),
        max_size=30,
    )
)
def test_every_word_is_in_exactly_one_segment(
    spoken: list[tuple[str, float, float, str | None]],
) -> None:
    words, at_s = list[Word](), 0.0
    for text, gap_s, long_s, speaker in spoken:
        words.append(Word(text, at_s + gap_s, at_s + gap_s + long_s, 1.0, speaker))
        at_s = words[-1].end_s
    segments = segments_of(words)
    assert [word for segment in segments for word in segment.words] == words
    for segment in segments:
        assert {word.speaker for word in segment.words} == {segment.speaker}
        assert segment.start_s <= segment.end_s
    assert all(one.end_s <= other.start_s for one, other in pairwise(segments))


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_nothing_said_takes_no_time(text: str) -> None:
    assert spread(text, 9) == ()


def test_sentences_share_the_time_by_their_lengths() -> None:
    first, second = spread("One two. Then three four five.", 30.0)
    assert (first.text, second.text) == (" One two.", " Then three four five.")
    assert (first.start_s, first.end_s) == (0, 9)
    assert (second.start_s, second.end_s) == (9, 30)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("no mark at all", ["no mark at all"]),
        ("It costs 3.50 euros. Yes.", ["It costs 3.50 euros.", "Yes."]),
        ("Dr. Who came.", ["Dr. Who came."]),
        ("...and then? Well", ["...and then?", "Well"]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("...", ["..."]),
        ("One. ... Two.", ["One.", "...", "Two."]),
    ],
)
def test_a_text_is_cut_into_sentences_and_loses_nothing(text: str, sentences: list[str]) -> None:
    found = spread(text, 10.0)
    assert join_text(found).split() == " ".join(sentences).split()
    if "..." not in text:
        assert [segment.text.strip() for segment in found] == sentences


@given(st.text("aB1 .!?。…\n\"'", max_size=80), st.floats(0, 1e5))
def test_however_a_text_is_cut_it_fills_the_time_and_keeps_its_signs(
    text: str, duration_s: float
) -> None:
    segments = spread(text, duration_s)
    assert "".join(join_text(segments).split()) == "".join(text.split())
    if segments:
        assert segments[0].start_s == 0
        assert segments[-1].end_s == pytest.approx(duration_s)
    for one, other in pairwise(segments):
        assert one.end_s == other.start_s
        assert other.id == one.id + 1


def test_words_go_to_the_segment_in_whose_time_they_are() -> None:
    segments = (told_segment(0, 0, 2, "one two"), told_segment(1, 2, 4, "three four"))
    words = said("one", "two", "three", "four")
    assert [s.words for s in with_words(segments, words)] == [tuple(words[:2]), tuple(words[2:])]


@pytest.mark.parametrize(
    ("start_s", "owner"), [(-9.0, 0), (2.5, 0), (5.0, 0), (5.5, 1), (8.5, 1), (99.0, 1)]
)
def test_a_word_between_segments_goes_to_the_nearest(start_s: float, owner: int) -> None:
    segments = (told_segment(0, 0, 2, "one"), told_segment(1, 9.5, 12, "two"))
    (word,) = said("lost", start_s=start_s)
    assert with_words(segments, [word])[owner].words == (word,)


def test_words_without_segments_make_their_own() -> None:
    words = said("Hello", "there.", "You.")
    assert with_words((), words) == segments_of(words)


def test_segments_without_words_stay_as_they_are() -> None:
    segments = (told_segment(0, 0, 2, "one"),)
    assert with_words(segments, []) == segments


@given(
    st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), min_size=1, max_size=8),
    st.lists(st.floats(0, 90), max_size=20),
)
def test_no_word_is_lost_between_segments(
    spans: list[tuple[float, float]], starts_s: list[float]
) -> None:
    segments, at_s = [], 0.0
    for number, (gap_s, long_s) in enumerate(spans):
        segments.append(told_segment(number, at_s + gap_s, at_s + gap_s + long_s, "x"))
        at_s = segments[-1].end_s
    words = [Word("w", start_s, start_s + 0.5, 1.0) for start_s in sorted(starts_s)]
    found = with_words(segments, words)
    assert [word for segment in found for word in segment.words] == words


def test_a_told_segment_is_neutral_where_only_our_own_decoder_knows() -> None:
    segment = told_segment(3, 1.0, 2.0, "  hello \n")
    assert (segment.id, segment.text) == (3, " hello")
    assert (segment.tokens, segment.temperature, segment.no_speech_prob) == ((), 0, 0)
    assert segment.avg_logprob == 0
    assert segment.compression_ratio > 0


def test_a_segment_that_would_end_before_it_begins_ends_there() -> None:
    assert told_segment(0, 5.0, 3.0, "x").end_s == 5.0


@pytest.mark.parametrize("text", ["", "\ud800", "x" * 10_000])
def test_how_repetitive_a_text_is_can_be_told_of_any(text: str) -> None:
    assert told_segment(0, 0, 1, text).compression_ratio > 0


@pytest.mark.parametrize("probability", [0.0, math.nan, -1.0])
def test_a_word_of_no_probability_has_a_finite_score(probability: float) -> None:
    word = Word("x", 0, 1, probability)
    assert math.isfinite(told_segment(0, 0, 1, "x", [word]).avg_logprob)
