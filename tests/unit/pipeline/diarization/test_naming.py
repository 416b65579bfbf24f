"""Known voices get their names, everybody else a letter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.speakers import letter
from loquent.pipeline.diarization.clustering import Vectors
from loquent.pipeline.diarization.naming import MIN_LIKENESS, MIN_MARGIN, names_of

N_DIMENSIONS = 16


def like(**likeness: float) -> Vectors:
    """Return a voice that is so much like those of some people, shape (1, n_dimensions)."""
    vector = np.zeros((1, N_DIMENSIONS))
    for person, cosine in likeness.items():
        vector[0, "abcdefg".index(person)] = cosine
    vector[0, -1] = np.sqrt(max(0.0, 1.0 - np.sum(vector**2)))
    return vector.astype(np.float32)


ANN, BOB, CY = like(a=1), like(b=1), like(c=1)

NOBODY: Vectors = np.zeros((0, N_DIMENSIONS), dtype=np.float32)


def together(*voices: Vectors) -> Vectors:
    return np.concatenate(voices)


def test_strangers_get_letters_by_first_appearance() -> None:
    assert names_of(together(ANN, BOB, CY), [2, 0, 1], {}) == {2: "A", 0: "B", 1: "C"}


def test_only_who_speaks_gets_a_letter() -> None:
    assert names_of(together(ANN, BOB, CY), [1], {}) == {1: "A"}


def test_nobody_has_no_name() -> None:
    assert names_of(NOBODY, [], {}) == {}
    assert names_of(NOBODY, [], {"Ann": ANN}) == {}


def test_known_voices_are_named_and_strangers_keep_letters_without_a_gap() -> None:
    known = {"Bob": BOB, "Ann": ANN}
    people = together(like(d=1), like(b=0.9), like(e=1), like(a=0.8))
    assert names_of(people, [0, 1, 2, 3], known) == {0: "A", 1: "Bob", 2: "B", 3: "Ann"}


def test_there_may_be_more_known_voices_than_people() -> None:
    known = {"Ann": ANN, "Bob": BOB, "Cy": CY}
    assert names_of(like(b=0.9), [0], known) == {0: "Bob"}


@pytest.mark.parametrize(("likeness", "name"), [(0.01, "Ann"), (-0.01, "A")])
def test_a_voice_must_be_like_enough(likeness: float, name: str) -> None:
    assert names_of(like(a=MIN_LIKENESS + likeness), [0], {"Ann": ANN}) == {0: name}


@pytest.mark.parametrize(("margin", "name"), [(0.01, "Ann"), (-0.01, "A")])
def test_a_voice_must_be_less_like_the_next_known_one(margin: float, name: str) -> None:
    person = like(a=0.6 + MIN_MARGIN + margin, b=0.6)
    assert names_of(person, [0], {"Ann": ANN, "Bob": BOB}) == {0: name}


def test_of_two_who_are_like_a_known_voice_the_liker_is_it() -> None:
    people = together(like(a=0.7), like(a=0.9))
    assert names_of(people, [0, 1], {"Ann": ANN}) == {0: "A", 1: "Ann"}


def test_nobody_has_two_names() -> None:
    """He is surely one of them, and nobody else is forced to be the other."""
    known = {"Ann": ANN, "Also Ann": like(a=0.8)}
    people = together(like(a=0.95, b=0.3), BOB)
    assert names_of(people, [0, 1], known) == {0: "Ann", 1: "A"}


@pytest.mark.parametrize("is_there", [True, False])
def test_no_stranger_is_called_as_a_known_voice_whether_it_is_heard_or_not(
    *, is_there: bool
) -> None:
    people = together(BOB, ANN if is_there else CY, like(d=1))
    names = names_of(people, [0, 1, 2], {"A": ANN, "C": like(g=1)})
    assert list(names.values()) == (["A", "B", "D"] if is_there else ["B", "D", "E"])


def test_letters_go_on_after_z() -> None:
    people = np.eye(60, dtype=np.float32)
    names = names_of(people, range(60), {})
    assert [names[n] for n in (0, 25, 26, 27, 51, 52)] == ["A", "Z", "AA", "AB", "AZ", "BA"]
    assert len(set(names.values())) == 60


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 9_999), st.permutations(list(range(6))))
def test_everybody_who_speaks_has_one_name_and_no_name_is_anothers(
    n_people: int, n_known: int, seed: int, order: list[int]
) -> None:
    random = np.random.default_rng(seed)
    voices = random.normal(size=(n_people + n_known, 3))
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    vectors = voices.astype(np.float32)
    known = {letter(2 * n): vectors[n_people + n][None] for n in range(n_known)}
    speaking = [person for person in order if person < n_people]
    names = names_of(vectors[:n_people], speaking, known)
    assert set(names) == set(range(n_people))
    assert len(set(names.values())) == n_people
    strangers = [names[person] for person in speaking if names[person] not in known]
    assert strangers == sorted(strangers)
    for person, name in names.items():
        if name in known:
            assert (known[name] @ vectors[person])[0] >= MIN_LIKENESS
