"""Windows that know nobody's name become the turns of people."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.pipeline.diarization.clustering import Vectors
from loquent.pipeline.diarization.turns import (
    FIRST_FRAME_S,
    MIN_TURN_S,
    NEAR_FRAMES,
    Turn,
    activity_of,
    turns_of,
)
from loquent.ports import FRAME_S, N_VOICE_DIMENSIONS, N_WINDOW_SPEAKERS, VoiceSpan, WindowVoices
from tests.fakes.fake_voices import N_FRAMES, voice
from tests.unit.pipeline.diarization.hearings import (
    first_frame,
    heard,
    said,
    turn,
    voices_of_people,
)

LONG_S = 1_000.0
"""Longer than any recording here."""

NOBODY: Vectors = np.zeros((0, N_VOICE_DIMENSIONS), dtype=np.float32)

THREE = voices_of_people("ABC")


def turns(speaking: Sequence[str], people: str) -> tuple[list[Turn], list[Turn]]:
    """Return the turns of a recording, and those in which one speaks at a time."""
    activity = activity_of(heard(speaking), voices_of_people(people))
    return turns_of(activity.overlapping, LONG_S), turns_of(activity.exclusive, LONG_S)


def same(found: Sequence[Turn], expected: Sequence[Turn]) -> bool:
    """Compare turns, times but for rounding: windows do not begin at whole frames."""
    return [one.person for one in found] == [other.person for other in expected] and all(
        abs(one.start_s - other.start_s) < 1.5 * FRAME_S
        and abs(one.end_s - other.end_s) < 1.5 * FRAME_S
        for one, other in zip(found, expected, strict=True)
    )


def test_somebody_alone_has_one_turn() -> None:
    found, exclusive = turns(said(("", 2), ("A", 3), ("", 1)), "A")
    begin, end = round(2 / FRAME_S), round(2 / FRAME_S) + round(3 / FRAME_S)
    assert found == exclusive == [turn(begin, end, 0)]


def test_the_first_frame_begins_in_the_middle_of_what_is_seen_of_it() -> None:
    (only,), _exclusive = turns(said(("A", 4)), "A")
    assert only.start_s == FIRST_FRAME_S == pytest.approx(0.0225, abs=1e-4)


@pytest.mark.parametrize("n_windows", [1, 2, 5, 20])
def test_a_turn_goes_on_over_many_windows(n_windows: int) -> None:
    n_frames = first_frame(n_windows - 1) + N_FRAMES
    found, exclusive = turns(["A"] * n_frames, "A")
    assert found == exclusive == [turn(0, n_frames, 0)]


def test_two_who_take_turns_have_theirs() -> None:
    speaking = said(*[("A", 3.0), ("B", 2.0)] * 6)
    changes = np.cumsum([0, *[round(3 / FRAME_S), round(2 / FRAME_S)] * 6]).tolist()
    expected = [turn(a, b, n % 2) for n, (a, b) in enumerate(pairwise(changes))]
    found, exclusive = turns(speaking, "AB")
    assert same(found, expected)
    assert same(exclusive, expected)


def test_who_speak_at_once_have_turns_at_once_but_for_one_the_exclusive_one() -> None:
    one, both = round(4 / FRAME_S), round(1.5 / FRAME_S)
    found, exclusive = turns(said(("A", 4), ("AB", 1.5), ("B", 4)), "AB")
    assert same(found, [turn(0, one + both, 0), turn(one, 2 * one + both, 1)])
    assert [each.person for each in exclusive] == [0, 1]
    assert exclusive[0].end_s == pytest.approx(exclusive[1].start_s)


def test_a_fourth_who_shares_a_column_has_turns_of_his_own() -> None:
    speaking = said(("A", 2), ("B", 2), ("C", 2), ("D", 2), ("", 1.5))
    (window,) = heard(speaking)
    assert len({span.column for span in window.spans}) == N_WINDOW_SPEAKERS
    step = round(2 / FRAME_S)
    expected = [turn(n * step, (n + 1) * step, n) for n in range(4)]
    found, exclusive = turns(speaking, "ABCD")
    assert same(found, expected)
    assert same(exclusive, expected)


def test_one_window_is_outvoted_by_the_others() -> None:
    speaking = said(("A", 30.0))
    windows = heard(speaking)
    for deaf in (2, 5):
        windows[deaf] = WindowVoices(np.zeros_like(windows[deaf].activity), ())
    activity = activity_of(windows, voices_of_people("A"))
    assert activity.overlapping[: len(speaking)].all()


@pytest.mark.parametrize("n_hearing", [1, 2, 3])
def test_a_frame_is_spoken_in_where_half_of_the_windows_hear_it(n_hearing: int) -> None:
    at = first_frame(3) + 20
    windows = heard(said(("", 30.0)))
    for number in range(n_hearing):
        before = at - first_frame(number)
        windows[number] = window(slice(before, before + 1), slice(before, before + 60), "A")
    activity = activity_of(windows, voices_of_people("A"))
    assert activity.overlapping[at].tolist() == [n_hearing >= 2]


def window(active: slice, voice_at: slice, person: str) -> WindowVoices:
    """Return a window in which one column speaks, and is heard well in one place."""
    activity = np.zeros((N_FRAMES, N_WINDOW_SPEAKERS), dtype=np.bool_)
    activity[active, 1] = True
    heard_s = (voice_at.stop - voice_at.start) * FRAME_S
    span = VoiceSpan(1, voice_at.start, voice_at.stop, heard_s, voice(person))
    return WindowVoices(activity, (span,))


@pytest.mark.parametrize(("distance", "winner"), [(NEAR_FRAMES, "A"), (NEAR_FRAMES + 2, "B")])
def test_a_voice_that_was_heard_far_off_counts_for_less(distance: int, winner: str) -> None:
    """Two windows differ; where both were heard near by, the first of the people wins."""
    at = 200
    before = at - first_frame(1)
    first = window(slice(at, at + 1), slice(at + distance, at + distance + 60), "A")
    second = window(slice(before, before + 1), slice(before, before + 60), "B")
    activity = activity_of([first, second], voices_of_people("AB"))
    assert activity.exclusive[at].tolist() == [winner == "A", winner == "B"]


def test_who_has_no_voice_has_no_turn() -> None:
    assert turns(said(("A", 3), ("B", 0.3), ("A", 3)), "AB")[0] == [
        turn(0, round(3 / FRAME_S), 0),
        turn(round(3 / FRAME_S) + round(0.3 / FRAME_S), 2 * round(3 / FRAME_S) + 18, 0),
    ]


@pytest.mark.parametrize(
    ("windows", "people"),
    [
        pytest.param([], NOBODY, id="no window"),
        pytest.param(heard(said(("", 12))), NOBODY, id="silence"),
        pytest.param(heard(said(("", 12))), THREE, id="silence where people were expected"),
        pytest.param(heard(said(("A", 12))), NOBODY, id="nobody known"),
        pytest.param(heard(said(*[("A", 0.2), ("", 1)] * 9)), THREE, id="too short for a voice"),
    ],
)
def test_where_nobody_is_heard_there_is_no_turn(
    windows: list[WindowVoices], people: Vectors
) -> None:
    activity = activity_of(windows, people)
    assert turns_of(activity.overlapping, LONG_S) == []
    assert turns_of(activity.exclusive, LONG_S) == []


def test_turns_end_with_the_recording() -> None:
    frames = np.ones((100, 1), dtype=np.bool_)
    (only,) = turns_of(frames, 1.0)
    assert only == Turn(FIRST_FRAME_S, 1.0, 0)
    assert turns_of(frames, FIRST_FRAME_S) == []


def test_what_is_too_short_to_be_said_is_no_turn() -> None:
    n_most = int(MIN_TURN_S / FRAME_S)
    frames = np.zeros((100, 2), dtype=np.bool_)
    frames[10 : 10 + n_most, 0] = True
    frames[40 : 41 + n_most, 1] = True
    assert turns_of(frames, LONG_S) == [turn(40, 41 + n_most, 1)]


@st.composite
def any_windows(draw: st.DrawFn) -> tuple[list[WindowVoices], Vectors]:
    """Draw windows without sense: voices where nobody speaks, people without voices."""
    random = np.random.default_rng(draw(st.integers(0, 100_000)))
    n_people = draw(st.integers(0, 6))
    people = voices_of_people("ABCDEFG"[: n_people + 1])[:n_people]
    share = draw(st.sampled_from([0.0, 0.2, 0.5, 1.0]))
    windows = []
    for _ in range(draw(st.integers(0, 6))):
        runs = random.random((N_FRAMES // 31 + 1, N_WINDOW_SPEAKERS)) < share
        activity = runs.repeat(31, axis=0)[:N_FRAMES]
        places = np.sort(random.integers(0, N_FRAMES, (draw(st.integers(0, 5)), 2)), axis=1)
        spans = tuple(
            VoiceSpan(
                int(random.integers(N_WINDOW_SPEAKERS)), int(begin), int(end) + 1, 1.0, voice(who)
            )
            for (begin, end), who in zip(places, random.permutation(list("ABCDEFG")), strict=False)
        )
        windows.append(WindowVoices(activity, spans))
    return windows, people


@settings(max_examples=100, deadline=None)
@given(any_windows())
def test_whoever_speaks_alone_is_one_of_those_who_speak(
    case: tuple[list[WindowVoices], Vectors],
) -> None:
    windows, people = case
    activity = activity_of(windows, people)
    assert activity.overlapping.shape == activity.exclusive.shape
    assert activity.overlapping.shape[1] == len(people)
    assert not np.any(activity.exclusive & ~activity.overlapping)
    assert np.all(activity.overlapping.sum(axis=1) <= N_WINDOW_SPEAKERS)
    np.testing.assert_array_equal(
        activity.exclusive.sum(axis=1), activity.overlapping.any(axis=1).astype(int)
    )


@settings(max_examples=100, deadline=None)
@given(any_windows(), st.floats(0.0, 30.0))
def test_turns_are_sorted_and_inside_the_recording_and_the_exclusive_ones_apart(
    case: tuple[list[WindowVoices], Vectors], duration_s: float
) -> None:
    activity = activity_of(*case)
    found = turns_of(activity.overlapping, duration_s)
    exclusive = turns_of(activity.exclusive, duration_s)
    for each in (*found, *exclusive):
        assert 0 <= each.start_s < each.end_s <= duration_s
    assert found == sorted(found, key=lambda each: each.start_s)
    for one, other in pairwise(exclusive):
        assert one.end_s <= other.start_s
    for each in exclusive:
        assert any(
            whole.person == each.person
            and whole.start_s <= each.start_s
            and each.end_s <= whole.end_s
            for whole in found
        )
    for person in {each.person for each in found}:
        own = [each for each in found if each.person == person]
        assert all(one.end_s < other.start_s for one, other in pairwise(own))
