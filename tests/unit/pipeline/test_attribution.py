"""Words find their speakers, and segments are cut between them without losing anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from loquent.domain.speakers import SpeakerTurn
from loquent.domain.transcript import TokenScore
from loquent.pipeline.attribution import MAX_FLIP_S, MAX_GAP_S, MAX_PAUSE_S, attributed
from tests.unit.pipeline.said import (
    A_THEN_B,
    GRID_S,
    each_second,
    segment,
    speakers,
    texts,
    turn,
    whole,
)


def said_at(word: tuple[float, float], turns: Sequence[SpeakerTurn]) -> str | None:
    """Return the speaker of a word behind one by X and before one by Y, far from both."""
    around = [turn(-90, -80, "X"), *turns, turn(80, 90, "Y")]
    (*_, middle, _last) = attributed(
        [whole("before", -90, -80), whole("it", *word), whole("after", 80, 90)], around
    )
    return middle.speaker


def test_a_segment_by_one_speaker_stays_whole() -> None:
    one = segment(" One two three.", *each_second(3), tokens=4)
    (found,) = attributed([one], [turn(0, 9, "B")])
    words = tuple(replace(word, speaker="B") for word in one.words)
    assert found == replace(one, id=0, speaker="B", words=words)


def test_a_segment_is_cut_where_the_speaker_changes() -> None:
    found = attributed([segment(" One two three four.", *each_second(4))], A_THEN_B)
    assert texts(found) == [("A", " One two"), ("B", " three four.")]
    assert [(each.start_s, each.end_s) for each in found] == [(0.0, 2.0), (2.0, 4.0)]
    assert speakers(found) == "AABB"
    assert [each.id for each in found] == [0, 1]


@pytest.mark.parametrize(
    ("word", "speaker"),
    [
        pytest.param((1.0, 2.0), "A", id="inside"),
        pytest.param((1.5, 2.75), "B", id="more of it in the second"),
        pytest.param((1.25, 2.5), "A", id="more of it in the first"),
        pytest.param((1.5, 2.5), "A", id="half and half"),
        pytest.param((0.0, 9.0), "B", id="over both"),
    ],
)
def test_a_word_is_by_whom_it_overlaps_most(word: tuple[float, float], speaker: str) -> None:
    assert said_at(word, A_THEN_B) == speaker


def test_several_turns_of_one_speaker_count_together() -> None:
    turns = [turn(0, 1, "A"), turn(1, 2.5, "B"), turn(2.5, 3.5, "A")]
    assert said_at((0.0, 3.5), turns) == "A"


@pytest.mark.parametrize(
    ("word", "speaker"),
    [
        pytest.param((5.0 + MAX_GAP_S, 6.5), "A", id="just near, behind"),
        pytest.param((5.0 + MAX_GAP_S + GRID_S, 6.5), "X", id="too far behind"),
        pytest.param((3.0, 4.0 - MAX_GAP_S), "A", id="just near, before"),
        pytest.param((3.0, 4.0 - MAX_GAP_S - GRID_S), "X", id="too far before"),
        pytest.param((4.5, 4.5), "A", id="of no length"),
    ],
)
def test_a_word_that_nobody_speaks_is_by_the_nearest_or_by_whom_the_last_was(
    word: tuple[float, float], speaker: str
) -> None:
    assert said_at(word, [turn(4, 5, "A")]) == speaker


def test_a_word_between_two_turns_is_by_the_nearer() -> None:
    turns = [turn(0, 1, "A"), turn(2, 3, "B")]
    assert said_at((1.125, 1.625), turns) == "A"
    assert said_at((1.375, 1.875), turns) == "B"
    assert said_at((1.25, 1.75), turns) == "A"


def test_words_before_anybody_speaks_are_by_the_first_who_does() -> None:
    found = attributed([segment(" One two.", *each_second(2))], [turn(50, 60, "Bob")])
    assert texts(found) == [("Bob", " One two.")]


def test_where_nobody_speaks_all_is_by_one() -> None:
    found = attributed([segment(" One.", (0, 1)), whole(" Two.", 5, 6)], [])
    assert texts(found) == [("A", " One."), ("A", " Two.")]
    assert speakers(found) == "A"


def test_of_nothing_nothing_is_made() -> None:
    assert attributed([], A_THEN_B) == ()


SHORT_S = MAX_FLIP_S - GRID_S


@pytest.mark.parametrize(
    ("length_s", "expected"),
    [
        pytest.param(SHORT_S, "AAA", id="short"),
        pytest.param(MAX_FLIP_S + GRID_S, "ABA", id="long enough"),
    ],
)
def test_a_single_short_word_does_not_interrupt(length_s: float, expected: str) -> None:
    end_s = 2.0 + length_s
    turns = [turn(0, 2, "A"), turn(2, end_s, "B"), turn(end_s, 9, "A")]
    words = segment(" one two three", (0, 2), (2, end_s), (end_s, 4))
    assert speakers(attributed([words], turns)) == expected


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        pytest.param("ABBA", "ABBA", id="two words"),
        pytest.param("ABC", "ABC", id="between two others"),
        pytest.param("BAAA", "BAAA", id="first"),
        pytest.param("AAAB", "AAAB", id="last"),
        pytest.param("ABACA", "AAAAA", id="one after the other"),
        pytest.param("ABAB", "AAAB", id="to and fro"),
    ],
)
def test_only_a_single_word_between_those_of_one_other_is_given_back(
    by: str, expected: str
) -> None:
    times_s = [(n * SHORT_S, (n + 1) * SHORT_S) for n in range(len(by))]
    turns = [turn(*times, who) for times, who in zip(times_s, by, strict=True)]
    found = attributed([segment(" x." * len(by), *times_s)], turns)
    assert speakers(found) == expected


def by_second(by: str) -> list[SpeakerTurn]:
    """Return turns of half a second."""
    return [turn(n / 2, (n + 1) / 2, who) for n, who in enumerate(by)]


def every_half_second(n_words: int) -> list[tuple[float, float]]:
    return [(n / 2, n / 2 + 0.3125) for n in range(n_words)]


@pytest.mark.parametrize(
    ("text", "by", "expected"),
    [
        pytest.param(" one two three four five.", "AABBB", "BBBBB", id="before the rest"),
        pytest.param(" one two three four five.", "BBBAA", "BBBBB", id="behind the rest"),
        pytest.param(" one two three four five six.", "ABBBBC", "BBBBBB", id="on both sides"),
        pytest.param(" one two three four five.", "BAABB", "BAABB", id="in the middle"),
        pytest.param(" one two three four. five.", "ABBBA", "BBBBA", id="a sentence of its own"),
        pytest.param(" one two “three!” four five.", "BBBAA", "BBBAA", id="closed in quotes"),
        pytest.param(" 一 二。 三 四 五", "BBAAB", "BBAAA", id="Chinese, and no end"),
    ],
)
def test_stray_words_at_the_edge_of_a_sentence_are_by_whom_the_rest_is(
    text: str, by: str, expected: str
) -> None:
    times_s = every_half_second(len(by))
    assert speakers(attributed([segment(text, *times_s)], by_second(by))) == expected


def test_words_that_take_a_second_are_no_stray_ones() -> None:
    turns = [turn(0, 1, "A"), turn(1, 4, "B")]
    found = attributed([segment(" one two three.", (0, 0.5), (0.5, 1), (1, 4))], turns)
    assert speakers(found) == "AAB"


def test_many_short_words_are_no_stray_ones() -> None:
    times_s = [(n * 0.5, n * 0.5 + 0.1875) for n in range(9)]
    found = attributed([segment(" a b c d e f g h i.", *times_s)], by_second("AAAABBBBB"))
    assert speakers(found) == "AAAABBBBB"


def test_a_sentence_goes_on_over_the_ends_of_segments() -> None:
    times_s = every_half_second(6)
    segments = [segment(" one two.  three", *times_s[:3]), segment(" four five six.", *times_s[3:])]
    assert speakers(attributed(segments, by_second("AAABBB"))) == "AABBBB"


def test_a_short_word_is_given_back_over_the_ends_of_segments() -> None:
    turns = [turn(0, 2, "A"), turn(2, 2 + SHORT_S, "B"), turn(2 + SHORT_S, 9, "A")]
    found = attributed(
        [segment(" One", (0, 2)), segment(" no", (2, 2 + SHORT_S)), segment(" two", (2.5, 4))],
        turns,
    )
    assert texts(found) == [("A", " One"), ("A", " no"), ("A", " two")]


def test_a_short_word_between_pauses_stays_whose_it_is() -> None:
    turns = [turn(0, 2, "A"), turn(4, 4 + SHORT_S, "B"), turn(6, 9, "A")]
    found = attributed([segment(" one two three", (0, 2), (4, 4 + SHORT_S), (6, 8))], turns)
    assert speakers(found) == "ABA"


def test_a_long_pause_ends_a_sentence() -> None:
    turns = [turn(0, 0.5, "A"), turn(0.5 + MAX_PAUSE_S + GRID_S, 9, "B")]
    begin_s = turns[1].start_s
    found = attributed([segment(" so well then.", (0, 0.5), (begin_s, 4), (4, 6))], turns)
    assert speakers(found) == "ABB"


def test_segments_without_words_go_to_one_speaker_as_a_whole() -> None:
    found = attributed([whole(" Hello there.", 0, 3), whole(" And you?", 3, 6)], A_THEN_B)
    assert texts(found) == [("A", " Hello there."), ("B", " And you?")]
    assert not any(each.words for each in found)


def test_a_segment_without_words_is_a_sentence_whatever_its_signs() -> None:
    found = attributed([whole(" Oh", 1.5, 2), whole(" and you", 2, 6)], A_THEN_B)
    assert texts(found) == [("A", " Oh"), ("B", " and you")]


def test_segments_with_and_without_words_may_follow_each_other() -> None:
    found = attributed(
        [whole(" Oh.", 0, 1), segment(" One two", (1, 2), (2, 3)), whole(" Yes.", 3, 4)], A_THEN_B
    )
    assert texts(found) == [("A", " Oh."), ("A", " One"), ("B", " two"), ("B", " Yes.")]
    assert [each.id for each in found] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        pytest.param("你好世界", ["你", "好", "世", "界"], ["你好", "世界"], id="Chinese"),
        pytest.param(" Well, “no”. Yes! No?", None, [" Well, “no”.", " Yes! No?"], id="signs"),
        pytest.param(" a b a b", None, [" a b", " a b"], id="the same words again"),
        pytest.param(" in finish in if", None, [" in finish", " in if"], id="words in words"),
        pytest.param("  one  two   three four ", None, ["  one  two", "   three four "], id="gaps"),
        pytest.param("one-two-three-four", ["one", "-two", "-three", "-four"], None, id="hyphens"),
        pytest.param(" it is don't know", ["it", "is", "dont", "know"], [" it is", " don't know"],
                     id="a word that is not found"),
        pytest.param(" it is what not", ["it", "is", "wat", "nod"], [" it is", " what not"],
                     id="two that are not found"),
        pytest.param("", ["one", "two", "three", "four"], ["", ""], id="no text"),
    ],
)  # fmt: skip
def test_the_text_is_cut_in_front_of_the_first_word_of_a_speaker(
    text: str, words: list[str] | None, expected: list[str] | None
) -> None:
    found = attributed([segment(text, *each_second(4), words=words)], A_THEN_B)
    assert [each.text for each in found] == (expected or ["one-two", "-three-four"])


def test_scores_go_with_the_text_that_they_are_of() -> None:
    pieces = [b" One", b" tw", b"o", b" thr", b"ee", b".", b" four"]
    text = b"".join(pieces).decode()
    (first, second) = attributed([segment(text, *each_second(4), scores=pieces)], A_THEN_B)
    assert [score.utf8 for score in first.token_scores] == pieces[:3]
    assert [score.utf8 for score in second.token_scores] == pieces[3:]


def test_a_token_that_is_part_of_a_character_goes_with_the_character() -> None:
    text = "你好世界"
    pieces = [text.encode()[at : at + 2] for at in range(0, 12, 2)]
    scores = tuple(TokenScore("\ufffd", piece, -0.1) for piece in pieces)
    one = replace(segment(text, *each_second(4), words=list(text)), token_scores=scores)
    first, second = attributed([one], A_THEN_B)
    assert (first.token_scores, second.token_scores) == (scores[:3], scores[3:])


def test_tokens_are_parted_as_the_text_is() -> None:
    first, second = attributed(
        [segment(" One two three fourteen.", *each_second(4), tokens=12)], A_THEN_B
    )
    assert (first.tokens, second.tokens) == (tuple(range(100, 104)), tuple(range(104, 112)))


def test_tokens_without_text_are_kept() -> None:
    one = segment("", *each_second(2), words=["", ""], tokens=3)
    found = attributed([one], [turn(0, 1, "A"), turn(1, 2, "B")])
    assert [token for each in found for token in each.tokens] == [100, 101, 102]


def test_words_may_stand_out_of_their_segment_but_its_parts_do_not() -> None:
    one = replace(segment(" One two", (0, 2), (2, 5)), start_s=0.5, end_s=4.0)
    found = attributed([one, whole(" Yes.", 4, 5)], A_THEN_B)
    assert [(each.start_s, each.end_s) for each in found] == [(0.5, 2.0), (2.0, 4.0), (4.0, 5.0)]
    late = replace(segment(" One two", (0, 2), (4.5, 5)), end_s=4.0)
    found = attributed([late, whole(" Yes.", 4, 5)], A_THEN_B)
    assert [each.start_s for each in found] == [0.0, 4.0, 4.0]
