"""People are found among voices: as many as there are, or as many as a caller says."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.pipeline.diarization import clustering
from loquent.pipeline.diarization.clustering import (
    MAX_COMPARED,
    HeadCount,
    Vectors,
    Voices,
    people,
)

N_DIMENSIONS = 24

NOBODY = Voices(np.zeros((0, N_DIMENSIONS), dtype=np.float32), np.zeros(0))


def unit(vectors: npt.NDArray[np.float64]) -> Vectors:
    ones: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return ones


def talk(persons: Sequence[int], heard_s: float = 2.0, seed: int = 0) -> Voices:
    """Return a voice for each entry of `persons`, all of one person alike and none like others."""
    noise = unit(np.random.default_rng(seed).normal(size=(len(persons), N_DIMENSIONS)))
    vectors = np.eye(N_DIMENSIONS)[list(persons)] + 0.3 * noise
    return Voices(unit(vectors), np.full(len(persons), heard_s))


def joined(*several: Voices) -> Voices:
    return Voices(
        np.concatenate([voices.vectors for voices in several]),
        np.concatenate([voices.heard_s for voices in several]),
    )


def nearest(found: Vectors) -> list[int]:
    """Return whose voices were found, by the numbers that `talk` knows."""
    assert np.all(found.max(axis=1) > 0.8)
    return [int(person) for person in found.argmax(axis=1)]


@st.composite
def any_voices(draw: st.DrawFn) -> Voices:
    """Draw voices without any order in them, some heard for no time to speak of."""
    n_voices = draw(st.integers(1, 14))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    n_kinds = draw(st.integers(1, 5))
    spread = draw(st.sampled_from([0.0, 0.1, 1.0, 10.0]))
    kinds = random.normal(size=(n_kinds, N_DIMENSIONS))[random.integers(0, n_kinds, n_voices)]
    vectors = kinds + spread * random.normal(size=(n_voices, N_DIMENSIONS))
    heard_s = np.array([0.05, 0.6, 1.0, 4.0])[random.integers(0, 4, n_voices)]
    return Voices(unit(vectors), heard_s)


@pytest.mark.parametrize("n_people", [1, 2, 3, 5, 8])
def test_people_who_sound_different_are_told_apart(n_people: int) -> None:
    found = people(talk(list(range(n_people)) * 6), HeadCount())
    assert sorted(nearest(found)) == list(range(n_people))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-5)


def test_those_who_speak_most_come_first() -> None:
    voices = joined(talk([0] * 4, 1.0), talk([1] * 3, 3.0), talk([2] * 10, 0.6))
    assert nearest(people(voices, HeadCount())) == [1, 2, 0]


def test_a_voice_that_is_heard_for_long_counts_for_more() -> None:
    vectors = unit(np.array([[1.0, 0.2] + [0.0] * 22, [1.0, -0.2] + [0.0] * 22]))
    (found,) = people(Voices(vectors, np.array([9.0, 1.0])), HeadCount())
    assert found @ vectors[0] > 0.99 > found @ vectors[1]


def test_nobody_is_found_where_nobody_is_heard() -> None:
    assert people(NOBODY, HeadCount(3, 3)).shape == (0, N_DIMENSIONS)


@pytest.mark.parametrize("count", [HeadCount(), HeadCount(4, 4), HeadCount(2)])
def test_one_voice_is_one_person(count: HeadCount) -> None:
    voices = talk([3], heard_s=0.1)
    np.testing.assert_allclose(people(voices, count), voices.vectors, atol=1e-6)


def test_equal_voices_are_one_person_unless_there_are_said_to_be_more() -> None:
    one = talk([2])
    voices = Voices(one.vectors.repeat(9, axis=0), np.full(9, 2.0))
    for n_people in (1, 3):
        found = people(voices, HeadCount(n_people))
        np.testing.assert_allclose(found, one.vectors.repeat(n_people, axis=0), atol=1e-6)


def test_a_noise_that_stands_alone_is_nobody() -> None:
    voices = joined(talk([0, 1] * 5), talk([7], heard_s=0.7))
    assert sorted(nearest(people(voices, HeadCount()))) == [0, 1]


def test_a_noise_takes_no_place_where_the_number_is_known() -> None:
    voices = joined(talk([0, 1, 2] * 5), talk([7, 8], heard_s=0.3))
    assert sorted(nearest(people(voices, HeadCount(3, 3)))) == [0, 1, 2]


def test_people_who_are_alike_are_told_apart_before_a_noise_is_taken_for_one() -> None:
    near = unit(np.eye(N_DIMENSIONS)[[0, 1]] + np.eye(N_DIMENSIONS)[2])
    alike = Voices(near.repeat(5, axis=0), np.full(10, 2.0))
    found = people(joined(alike, talk([7], heard_s=0.3)), HeadCount(2, 2))
    np.testing.assert_allclose(found, near, atol=1e-6)


def test_who_hardly_speaks_counts_where_there_is_nobody_else() -> None:
    assert nearest(people(talk([4, 4], heard_s=0.2), HeadCount())) == [4]


def test_more_people_are_heard_out_of_voices_that_are_alike() -> None:
    near = unit(np.eye(N_DIMENSIONS)[[0, 1]] + np.eye(N_DIMENSIONS)[2])
    voices = Voices(near.repeat(5, axis=0), np.full(10, 2.0))
    assert len(people(voices, HeadCount())) == 1
    np.testing.assert_allclose(people(voices, HeadCount(2, 2)), near, atol=1e-6)


def test_fewer_people_are_made_of_those_who_are_most_alike() -> None:
    kinds = np.eye(N_DIMENSIONS)[[0, 1, 2]]
    kinds[1] += 0.2 * kinds[0]
    voices = Voices(unit(kinds).repeat(5, axis=0), np.full(15, 2.0))
    assert len(people(voices, HeadCount())) == 3
    found = people(voices, HeadCount(1, 2))
    assert found[0] @ unit(kinds)[0] == pytest.approx(found[0] @ unit(kinds)[1], abs=1e-5)
    assert found[1] @ unit(kinds)[2] == pytest.approx(1.0)


@settings(max_examples=200, deadline=None)
@given(any_voices(), st.integers(1, 6), st.none() | st.integers(0, 4))
def test_the_bounds_hold_whatever_is_heard_as_far_as_there_are_voices(
    voices: Voices, least: int, room: int | None
) -> None:
    most = None if room is None else least + room
    found = people(voices, HeadCount(least, most))
    assert len(found) >= min(least, len(voices))
    assert len(found) <= min(most or len(voices), len(voices))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-3)


@settings(max_examples=100, deadline=None)
@given(any_voices(), st.integers(1, 4))
def test_the_same_voices_are_the_same_people(voices: Voices, least: int) -> None:
    first, again = (people(voices, HeadCount(least)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@settings(max_examples=60, deadline=None)
@given(st.permutations([0] * 8 + [1] * 5 + [2] * 3 + [3]))
def test_the_order_of_voices_does_not_matter(persons: list[int]) -> None:
    """Noise is drawn by the place among those of one person, so that only the order differs."""
    places = [persons[:at].count(who) for at, who in enumerate(persons)]
    by_person = {who: talk([who] * 8, seed=who) for who in set(persons)}
    vectors = [by_person[who].vectors[at] for who, at in zip(persons, places, strict=True)]
    found = people(Voices(np.stack(vectors), np.full(len(persons), 2.0)), HeadCount())
    assert nearest(found) == [0, 1, 2, 3]


@pytest.mark.parametrize("max_compared", [8, 20, 50])
@pytest.mark.parametrize("count", [HeadCount(), HeadCount(3, 3)])
def test_more_voices_than_can_be_compared_give_the_same_people(
    monkeypatch: pytest.MonkeyPatch, max_compared: int, count: HeadCount
) -> None:
    voices = talk([0, 1, 0, 2, 0, 1] * 25)
    expected = people(voices, count)
    monkeypatch.setattr(clustering, "MAX_COMPARED", max_compared)
    found = people(voices, count)
    assert len(found) == len(expected)
    assert np.all((found * expected).sum(axis=1) > 0.98)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(2, 6), st.integers(1, 5), st.integers(0, 99))
def test_voices_that_are_all_unlike_are_thinned_until_they_can_be_compared(
    n_voices: int, max_compared: int, least: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    voices = Voices(unit(random.normal(size=(n_voices, N_DIMENSIONS))), np.full(n_voices, 2.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "MAX_COMPARED", max_compared)
        found = people(voices, HeadCount(least))
    assert min(least, n_voices, max_compared // 2) <= len(found) <= max_compared


def test_thinning_loses_no_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who is heard in many short pieces is still a person."""
    monkeypatch.setattr(clustering, "MAX_COMPARED", 10)
    voices = joined(talk([0] * 60), talk([1] * 12, heard_s=0.1))
    assert nearest(people(voices, HeadCount())) == [0, 1]


def test_comparing_voices_takes_no_more_memory_than_is_said() -> None:
    n_voices = MAX_COMPARED // 4
    voices = talk([0, 1] * (n_voices // 2))
    tracemalloc.start()
    try:
        people(voices, HeadCount())
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 130e6 / 4**2 + 4e6
