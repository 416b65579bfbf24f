"""Voices get letters: the same for the same person, in the order in which people appear."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from loquent.domain.speakers import letter
from loquent.realtime.roster import (
    MAX_PEOPLE,
    NEW_VOICE_MIN_S,
    SAME_VOICE,
    HeardVoice,
    Roster,
)

N_DIMENSIONS = 192

LONG_S = 2 * NEW_VOICE_MIN_S
SHORT_S = NEW_VOICE_MIN_S - 0.01


def voice(number: int, *, heard_s: float = LONG_S, start_s: float = 0.0) -> HeardVoice:
    """Return the voice of a person who sounds like nobody else."""
    vector = np.zeros(N_DIMENSIONS, np.float32)
    vector[number] = 1.0
    return HeardVoice(start_s, start_s + heard_s, heard_s, vector)


def between(one: int, other: int, likeness: float, heard_s: float = LONG_S) -> HeardVoice:
    """Return a voice that is so much like `one`, and for the rest like `other`."""
    vector = np.zeros(N_DIMENSIONS, np.float32)
    vector[one], vector[other] = likeness, np.sqrt(1.0 - likeness**2)
    return HeardVoice(0.0, heard_s, heard_s, vector)


def letters(roster: Roster, *utterances: Sequence[HeardVoice]) -> list[str]:
    return ["".join(turn.speaker for turn in roster.turns(voices)) for voices in utterances]


def test_nobody_is_heard_in_silence() -> None:
    assert Roster().turns(()) == ()


def test_who_comes_back_keeps_the_letter() -> None:
    talk = [[voice(7)], [voice(3)], [voice(7)], [voice(5)], [voice(3)]]
    assert letters(Roster(), *talk) == ["A", "B", "A", "C", "B"]


def test_turns_stand_where_the_voices_were_heard() -> None:
    (turn,) = Roster().turns([voice(0, start_s=12.5, heard_s=2.0)])
    assert (turn.start_s, turn.end_s, turn.speaker) == (12.5, 14.5, "A")


def test_within_an_utterance_letters_go_by_who_spoke_first_however_long() -> None:
    talk = [voice(1, start_s=4.0, heard_s=4.0), voice(0, start_s=0.0, heard_s=1.6)]
    assert letters(Roster(), talk) == ["AB"]


def test_a_voice_is_the_same_from_a_certain_likeness_on() -> None:
    roster = Roster()
    same, strange = between(0, 1, SAME_VOICE + 0.01), between(0, 2, SAME_VOICE - 0.01)
    assert letters(roster, [voice(0, heard_s=1e6)], [same], [strange]) == ["A", "A", "B"]


def test_the_nearest_is_meant_where_several_are_near() -> None:
    roster = Roster()
    well_known = [[voice(number, heard_s=1e6)] for number in range(2)]
    assert letters(roster, *well_known) == ["A", "B"]
    assert letters(roster, [between(0, 1, 0.6)], [between(0, 1, 0.8)]) == ["B", "A"]


def test_who_is_heard_too_shortly_is_nobody_new() -> None:
    roster = Roster()
    assert letters(roster, [voice(0)], [voice(1, heard_s=SHORT_S)]) == ["A", "A"]
    assert letters(roster, [voice(1)], [voice(1, heard_s=SHORT_S)]) == ["B", "B"]


def test_who_is_first_is_somebody_however_short() -> None:
    assert letters(Roster(), [voice(0, heard_s=0.5)]) == ["A"]


def test_who_is_not_sure_to_be_somebody_does_not_change_how_he_sounds() -> None:
    roster = Roster()
    doubtful = [[between(0, 1, SAME_VOICE - 0.05, SHORT_S)]] * 50
    assert set(letters(roster, [voice(0, heard_s=NEW_VOICE_MIN_S)], *doubtful)) == {"A"}
    assert letters(roster, [voice(1)], [voice(0)]) == ["B", "A"]


def test_what_is_heard_of_a_person_makes_him_better_known() -> None:
    roster = Roster()
    halfway = between(0, 1, 0.5)
    assert letters(roster, [voice(0)], [halfway]) == ["A", "A"]
    assert letters(roster, [voice(1)]) == ["A"]
    assert letters(Roster(), [voice(0)], [voice(1)]) == ["A", "B"]


def test_there_is_an_end_to_new_people() -> None:
    roster = Roster()
    everybody = letters(roster, *([voice(number)] for number in range(N_DIMENSIONS)))
    assert everybody[:MAX_PEOPLE] == [letter(number) for number in range(MAX_PEOPLE)]
    assert set(everybody) == set(everybody[:MAX_PEOPLE])


VECTORS = arrays(np.float32, 4, elements=st.floats(-1.0, 1.0, width=32)).filter(
    lambda vector: float(np.linalg.norm(vector)) > 0.1
)


@st.composite
def utterances(draw: st.DrawFn) -> list[list[HeardVoice]]:
    """Draw what is heard in a session, one utterance after the other."""
    now_s = 0.0
    session = []
    for n_voices in draw(st.lists(st.integers(0, 4), max_size=12)):
        voices = []
        for _ in range(n_voices):
            vector, heard_s = draw(VECTORS), draw(st.floats(0.5, 4.0))
            unit = (vector / np.linalg.norm(vector)).astype(np.float32)
            voices.append(HeardVoice(now_s, now_s + heard_s, heard_s, unit))
            now_s += heard_s
        session.append(voices)
    return session


@given(utterances())
def test_every_voice_is_told_once_in_order_and_letters_leave_no_gap(
    session: list[list[HeardVoice]],
) -> None:
    roster = Roster()
    seen: list[str] = []
    for voices in session:
        turns = roster.turns(voices)
        assert [(turn.start_s, turn.end_s) for turn in turns] == [
            (voice.start_s, voice.end_s) for voice in voices
        ]
        for turn in turns:
            if turn.speaker not in seen:
                assert turn.speaker == letter(len(seen))
                seen.append(turn.speaker)
    assert len(seen) <= MAX_PEOPLE


@given(utterances())
def test_the_order_in_which_voices_are_handed_over_changes_nothing(
    session: list[list[HeardVoice]],
) -> None:
    one, other = Roster(), Roster()
    for voices in session:
        if len({voice.heard_s for voice in voices}) < len(voices):
            continue
        assert one.turns(voices) == other.turns(voices[::-1])


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_people_who_sound_different_are_never_mixed_up(talk: list[int]) -> None:
    told = letters(Roster(), *([voice(number)] for number in talk))
    order = list(dict.fromkeys(talk))
    assert told == [letter(order.index(number)) for number in talk]


@pytest.mark.parametrize("likeness", [0.7, 0.8, 0.9])
def test_a_voice_that_varies_stays_one_person(likeness: float) -> None:
    talk = [[between(0, 1 + n % 20, likeness)] for n in range(60)]
    assert set(letters(Roster(), [voice(0)], *talk)) == {"A"}
