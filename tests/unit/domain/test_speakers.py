"""What speakers are called, and who of them there are."""

from __future__ import annotations

import pytest

from loquent.domain.speakers import Diarization, SpeakerTurn, letter


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "A"),
        (25, "Z"),
        (26, "AA"),
        (27, "AB"),
        (51, "AZ"),
        (52, "BA"),
        (701, "ZZ"),
        (702, "AAA"),
    ],
)
def test_letters_go_on_after_z(number: int, name: str) -> None:
    assert letter(number) == name


def test_no_two_speakers_have_one_letter() -> None:
    assert len({letter(number) for number in range(3_000)}) == 3_000


def test_a_turn_lasts_from_its_start_to_its_end() -> None:
    assert SpeakerTurn(1.5, 4.0, "A").duration_s == 2.5


def test_speakers_are_in_the_order_of_their_first_turns() -> None:
    turns = tuple(SpeakerTurn(n, n + 1, who) for n, who in enumerate(["Bob", "A", "Bob", "B"]))
    assert Diarization(turns, turns, 4.0, "any").speakers == ("Bob", "A", "B")
    assert Diarization((), (), 4.0, "any").speakers == ()
