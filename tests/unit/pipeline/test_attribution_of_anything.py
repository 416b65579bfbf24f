"""What holds of words and speakers, whatever is said and whoever speaks."""

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
from loquent.pipeline.attribution import MAX_FLIP_S, MAX_GAP_S, attributed
from tests.unit.pipeline.said import (
    GRID_S,
    segment,
    turn,
)

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
