"""Words find their speakers, and segments are cut between them without losing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby, pairwise
from typing import overload

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.speakers import SpeakerTurn
from loquent.domain.transcript import Segment, TokenScore, Word
from loquent.pipeline.attribution import MAX_FLIP_S, MAX_GAP_S, MAX_PAUSE_S, attributed

GRID_S = 1 / 16
"""Times are multiples of it, so that sums of them are exact."""


def segment(
    text: str,
    *times_s: tuple[float, float],
    words: Sequence[str] | None = None,
    scores: Sequence[bytes] = (),
    tokens: int = 0,
) -> Segment:
    """Return a segment whose words, by default those between spaces, have these times."""
    said = tuple(
        Word(word, start_s, end_s, 0.9)
        for word, (start_s, end_s) in zip(
            text.split() if words is None else words, times_s, strict=True
        )
    )
    return Segment(
        id=7,
        start_s=said[0].start_s if said else 0.0,
        end_s=said[-1].end_s if said else 0.0,
        text=text,
        tokens=tuple(range(100, 100 + tokens)),
        temperature=0.0,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.01,
        words=said,
        token_scores=tuple(TokenScore(each.decode(), each, -0.1) for each in scores),
    )


def each_second(n_words: int) -> list[tuple[float, float]]:
    return [(float(second), second + 1.0) for second in range(n_words)]


def whole(text: str, start_s: float, end_s: float) -> Segment:
    """Return a segment whose words nobody asked for."""
    return replace(segment(text, words=()), start_s=start_s, end_s=end_s)


def turn(start_s: float, end_s: float, speaker: str) -> SpeakerTurn:
    return SpeakerTurn(start_s, end_s, speaker)


A_THEN_B = [turn(0, 2, "A"), turn(2, 9, "B")]


def texts(segments: Sequence[Segment]) -> list[tuple[str | None, str]]:
    return [(each.speaker, each.text) for each in segments]


def speakers(segments: Sequence[Segment]) -> str:
    return "".join(word.speaker or "?" for each in segments for word in each.words)


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


WORDS = st.sampled_from(["I", "in", "finish", "Oh,", "no.", "“Go", "on”", "你", "好。", "é", ""])


@st.composite
def any_turns(draw: st.DrawFn) -> list[SpeakerTurn]:
    """Draw turns of one speaker at a time, some of them without a pause between."""
    turns, now = [], draw(st.integers(0, 60))
    for _ in range(draw(st.integers(0, 14))):
        start = now + draw(st.sampled_from([0, 0, 1, 5, 40]))
        now = start + draw(st.sampled_from([1, 3, 10, 40]))
        turns.append(turn(start * GRID_S, now * GRID_S, draw(st.sampled_from("ABC"))))
    return turns


@st.composite
def any_segment(draw: st.DrawFn, start: int) -> Segment:
    """Draw a segment whose words may be missing, stand out of it, or not be in its text."""
    words, now = [], start
    for word in draw(st.lists(WORDS, max_size=8)):
        begin = now + draw(st.sampled_from([0, 0, 0, 2, 20]))
        now = begin + draw(st.integers(0, 12))
        words.append(Word(word, begin * GRID_S, now * GRID_S, 0.5))
    spaces = draw(st.lists(st.sampled_from([" ", "", "  "]), min_size=9, max_size=9))
    text = "".join(f"{s}{w.text}" for s, w in zip(spaces, words, strict=False)) + spaces[-1]
    if draw(st.booleans()):
        text = text.replace(draw(st.sampled_from(["in", "I", " "])), "-")
    content = text.encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(content)), max_size=9)))
    pieces = [content[a:b] for a, b in pairwise([0, *cuts, len(content)])]
    end = max(now, start) + draw(st.integers(0, 4))
    return Segment(
        id=draw(st.integers(0, 9)),
        start_s=(start + draw(st.integers(0, end - start))) * GRID_S,
        end_s=end * GRID_S,
        text=text,
        tokens=tuple(range(draw(st.integers(0, 12)))),
        temperature=0.0,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.01,
        words=tuple(words),
        token_scores=tuple(TokenScore("", piece, -0.1) for piece in pieces),
    )


@st.composite
def any_segments(draw: st.DrawFn) -> list[Segment]:
    segments: list[Segment] = []
    now = 0
    for _ in range(draw(st.integers(0, 5))):
        segments.append(draw(any_segment(now)))
        now = round(segments[-1].end_s / GRID_S) + draw(st.sampled_from([0, 1, 30]))
    return segments


def unnamed(segments: Sequence[Segment]) -> Iterator[Word]:
    return (replace(word, speaker=None) for each in segments for word in each.words)


@settings(max_examples=120, deadline=None)
@given(any_segments(), any_turns())
def test_nothing_is_lost_and_everything_keeps_its_order(
    segments: list[Segment], turns: list[SpeakerTurn]
) -> None:
    found = attributed(segments, turns)
    assert list(unnamed(found)) == list(unnamed(segments))
    assert "".join(each.text for each in found) == "".join(each.text for each in segments)
    for parts, wholes in (
        ([each.tokens for each in found], [each.tokens for each in segments]),
        ([each.token_scores for each in found], [each.token_scores for each in segments]),
    ):
        assert list(chain.from_iterable(parts)) == list(chain.from_iterable(wholes))


@settings(max_examples=120, deadline=None)
@given(any_segments(), any_turns())
def test_every_segment_has_one_speaker_who_speaks_all_its_words(
    segments: list[Segment], turns: list[SpeakerTurn]
) -> None:
    found = attributed(segments, turns)
    everybody = {each.speaker for each in turns} or {"A"}
    assert all(each.speaker in everybody for each in found)
    assert all(word.speaker == each.speaker for each in found for word in each.words)
    assert [each.id for each in found] == list(range(len(found)))


@settings(max_examples=120, deadline=None)
@given(any_segments(), any_turns())
def test_segments_stay_sorted_and_are_not_cut_more_often_than_speakers_change(
    segments: list[Segment], turns: list[SpeakerTurn]
) -> None:
    found = attributed(segments, turns)
    assert all(each.start_s <= each.end_s for each in found)
    assert all(one.start_s <= other.start_s for one, other in pairwise(found))
    by = iter([word.speaker for each in found for word in each.words])
    runs = [len(list(groupby([next(by) for _ in each.words]))) for each in segments]
    assert len(found) == sum(max(1, n) for n in runs)


def candidates(word: Word, turns: Sequence[SpeakerTurn], before: str | None) -> set[str | None]:
    """Return by whom a word may be, all turns looked at."""
    shared_s: dict[str | None, float] = {}
    gaps_s: dict[str | None, float] = {}
    for each in turns:
        overlap_s = min(word.end_s, each.end_s) - max(word.start_s, each.start_s)
        shared_s[each.speaker] = shared_s.get(each.speaker, 0.0) + max(0.0, overlap_s)
        gaps_s[each.speaker] = min(gaps_s.get(each.speaker, 99.0), -overlap_s)
    most_s, least_s = max(shared_s.values(), default=0.0), min(gaps_s.values(), default=99.0)
    if most_s > 0:
        return {who for who, length_s in shared_s.items() if length_s == most_s}
    if least_s <= MAX_GAP_S:
        return {who for who, gap_s in gaps_s.items() if gap_s == least_s}
    return {before or (turns[0].speaker if turns else "A")}


@settings(max_examples=120, deadline=None)
@given(any_segments(), any_turns())
def test_every_word_is_by_whom_it_would_be_if_all_turns_were_looked_at(
    segments: list[Segment], turns: list[SpeakerTurn]
) -> None:
    """Words are long, and sentences of their own, so that none of them is given back."""
    long = [
        replace(
            each,
            words=tuple(
                replace(word, text=f"{word.text}.")
                for word in each.words
                if word.end_s - word.start_s >= MAX_FLIP_S
            ),
        )
        for each in segments
    ]
    long = [each for each in long if each.words]
    before = None
    for word in (word for each in attributed(long, turns) for word in each.words):
        assert word.speaker in candidates(word, turns, before)
        before = word.speaker


class CountedTurns(Sequence[SpeakerTurn]):
    """Turns that count how often they are looked at."""

    def __init__(self, turns: Sequence[SpeakerTurn]) -> None:
        self.n_looks = 0
        self._turns = turns

    def __len__(self) -> int:
        return len(self._turns)

    @overload
    def __getitem__(self, at: int) -> SpeakerTurn: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[SpeakerTurn]: ...

    def __getitem__(self, at: int | slice) -> SpeakerTurn | Sequence[SpeakerTurn]:
        self.n_looks += len(range(len(self))[at]) if isinstance(at, slice) else 1
        return self._turns[at]


@pytest.mark.parametrize("n_turns", [200, 2_000])
def test_turns_are_looked_at_only_around_each_word(n_turns: int) -> None:
    turns = CountedTurns([turn(1.8 * n, 1.8 * n + 1.7, "AB"[n % 2]) for n in range(n_turns)])
    times_s = [(0.36 * n, 0.36 * n + 0.3) for n in range(5 * n_turns)]
    segments = [segment(" word" * 10, *times_s[at : at + 10]) for at in range(0, len(times_s), 10)]
    found = attributed(segments, turns)
    assert len({each.speaker for each in found}) == 2
    assert turns.n_looks < 6 * len(times_s)
