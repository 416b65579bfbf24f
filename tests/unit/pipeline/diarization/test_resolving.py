"""What was heard in windows becomes who speaks when, as many as the caller says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.speakers import Diarization, SpeakerSearch, SpeakerTurn
from loquent.pipeline.diarization.clustering import HeadCount, Vectors
from loquent.pipeline.diarization.resolving import MIN_SPAN_S, head_count, resolve, voices_of
from loquent.ports import FRAME_S, N_VOICE_DIMENSIONS, VoiceSpan, WindowVoices
from tests.fakes.fake_voices import N_FRAMES, voice
from tests.unit.pipeline.diarization.hearings import heard, said

ANYBODY = SpeakerSearch()


def resolved(
    speaking: Sequence[str],
    search: SpeakerSearch = ANYBODY,
    known: Mapping[str, Vectors] | None = None,
) -> Diarization:
    duration_s = len(speaking) * FRAME_S
    return resolve(heard(speaking), duration_s, search, known or {}, "fake/voices")


def spoken_s(turns: Sequence[SpeakerTurn]) -> dict[str, float]:
    """Return for how long each speaks, in order of first turns."""
    speakers = dict.fromkeys(turn.speaker for turn in turns)
    return {who: sum(turn.duration_s for turn in turns if turn.speaker == who) for who in speakers}


CHAT = said(("", 1), ("B", 4), ("A", 6), ("AB", 1), ("B", 3), ("", 2), ("C", 5), ("A", 3))
"""B speaks 8 s, A 10, C 5."""


def test_speakers_are_named_in_the_order_in_which_they_begin() -> None:
    found = resolved(CHAT)
    assert found.speakers == ("A", "B", "C")
    assert spoken_s(found.turns) == pytest.approx({"A": 8.0, "B": 10.0, "C": 5.0}, abs=0.15)
    assert sum(spoken_s(found.exclusive).values()) == pytest.approx(22.0, abs=0.15)


def test_it_is_said_what_was_heard_and_by_which_model() -> None:
    found = resolved(CHAT)
    assert found.duration_s == len(CHAT) * FRAME_S
    assert (found.model, found.provider) == ("fake/voices", "local")


def test_known_voices_have_their_names_in_both_lists() -> None:
    known = {"Bea": voice("B", 99)[None], "Xi": voice("X")[None]}
    found = resolved(CHAT, known=known)
    assert found.speakers == ("Bea", "A", "B")
    assert {turn.speaker for turn in found.exclusive} == {"Bea", "A", "B"}


@pytest.mark.parametrize(
    "search", [SpeakerSearch(n_speakers=2), SpeakerSearch(max_speakers=2), SpeakerSearch(1)]
)
def test_no_more_people_speak_than_a_caller_says(search: SpeakerSearch) -> None:
    found = resolved(CHAT, search)
    assert len(found.speakers) == (search.n_speakers or search.max_speakers)
    assert sum(spoken_s(found.exclusive).values()) == pytest.approx(22.0, abs=0.15)


def test_a_number_counts_for_more_than_bounds() -> None:
    assert head_count(SpeakerSearch(3, 1, 2)) == HeadCount(3, 3)
    assert head_count(SpeakerSearch(None, 2, 5)) == HeadCount(2, 5)
    assert head_count(SpeakerSearch()) == HeadCount(1, None)


@pytest.mark.parametrize("speaking", [said(("", 3)), said(("", 40))])
@pytest.mark.parametrize("search", [SpeakerSearch(), SpeakerSearch(n_speakers=2)])
def test_where_nobody_speaks_there_are_no_turns(speaking: list[str], search: SpeakerSearch) -> None:
    known = {"Ann": voice("A")[None]}
    found = resolved(speaking, search, known)
    assert (found.turns, found.exclusive, found.speakers) == ((), (), ())
    assert found.duration_s == len(speaking) * FRAME_S


@pytest.mark.parametrize("speaking", [said(("A", 0.3)), said(("", 1), ("AB", 3))])
def test_where_nobody_is_heard_well_enough_all_speech_is_one_persons(speaking: list[str]) -> None:
    found = resolved(speaking, SpeakerSearch(), {"Ann": voice("A")[None]})
    assert found.speakers == ("A",)
    assert found.turns == found.exclusive
    assert len(found.turns) == 1


def test_a_recording_without_windows_has_no_turns() -> None:
    found = resolve([], 0.0, SpeakerSearch(), {}, "fake/voices")
    assert (found.turns, found.exclusive, found.duration_s) == ((), (), 0.0)


@pytest.mark.parametrize("length_s", [4.0, 9.0, 14.0, 31.0, 47.5])
def test_speech_is_counted_once_however_often_it_is_heard(length_s: float) -> None:
    voices = voices_of(heard(said(("A", length_s))))
    assert voices.heard_s.sum() == pytest.approx(length_s, rel=0.2)


@pytest.mark.parametrize("at_s", [0.0, 2.0, 20.0, 38.2])
def test_who_speaks_for_a_second_and_a_half_counts_wherever_it_is(at_s: float) -> None:
    speaking = said(("A", at_s), ("B", 1.5), ("A", 39.7 - at_s))
    assert len(resolved(speaking).speakers) == 2


def window(*spans: tuple[float, str]) -> WindowVoices:
    """Return a window in which somebody is heard for so long, in one column."""
    return WindowVoices(
        np.zeros((N_FRAMES, 3), dtype=np.bool_),
        tuple(VoiceSpan(0, 0, 60, heard_s, voice(person)) for heard_s, person in spans),
    )


def test_short_spans_decide_nothing_unless_there_are_no_others() -> None:
    short_s, long_s = MIN_SPAN_S - 0.05, MIN_SPAN_S + 0.05
    mixed = voices_of([window((short_s, "A"), (long_s, "B"), (short_s, "C"))])
    np.testing.assert_array_equal(mixed.vectors, voice("B")[None])
    np.testing.assert_allclose(mixed.heard_s, [long_s])
    assert len(voices_of([window((short_s, "A"), (short_s, "B"))])) == 2


def test_of_nothing_there_are_no_voices() -> None:
    for windows in ([], [window()], [window()] * 3):
        voices = voices_of(windows)
        assert voices.vectors.shape == (0, N_VOICE_DIMENSIONS)
        assert len(voices) == 0


parts = st.tuples(st.sampled_from(["", "A", "B", "C", "AB", "BC"]), st.floats(0.05, 6.0))


@settings(max_examples=60, deadline=None)
@given(st.lists(parts, max_size=12), st.integers(1, 4), st.sampled_from(["exactly", "at most"]))
def test_what_is_found_holds_together_whatever_is_said(
    script: list[tuple[str, float]], n_people: int, bound: str
) -> None:
    is_exact = bound == "exactly"
    search = SpeakerSearch(n_people) if is_exact else SpeakerSearch(max_speakers=n_people)
    found = resolved(said(*script), search, {"B": voice("A")[None]})
    assert len(found.speakers) <= n_people
    assert {turn.speaker for turn in found.exclusive} <= set(found.speakers)
    strangers = [who for who in found.speakers if who != "B"]
    assert strangers == ["A", "C", "D", "E"][: len(strangers)]
    for turn in (*found.turns, *found.exclusive):
        assert 0 <= turn.start_s < turn.end_s <= found.duration_s
