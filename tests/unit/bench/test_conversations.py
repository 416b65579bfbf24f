"""Conversations that are composed of tones."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.conversations import Manner, Pool, Said, compose, joined
from bench.corpus import Recording
from loquent.domain.audio import SAMPLE_RATE_HZ
from loquent.domain.speakers import SpeakerTurn

MARGIN_S = 0.05
POOL: Pool = {
    name: [Recording(Path(f"{name}{n}"), "en", f"{name} says {n}") for n in range(1, 6)]
    for name in ("ann", "bea", "carl", "dora", "emil", "fay", "gus")
}
LONELY: Pool = {name: POOL[name] for name in ("ann", "bea")}


def tone(clip: Recording) -> Said:
    """Return a clip of as many seconds as its name says; all but its margins is speech."""
    length_s = int(clip.path.name[-1])
    at_s = np.arange(length_s * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    samples = (0.05 * np.sin(2 * np.pi * 200 * at_s)).astype(np.float32)
    margin = round(MARGIN_S * SAMPLE_RATE_HZ)
    return Said(samples, ((margin, len(samples) - margin),), clip.text or "")


@pytest.mark.parametrize("seed", [0, 7, 50])
def test_the_same_seed_gives_the_same_conversation(seed: int) -> None:
    one, other = compose(POOL, tone, seed), compose(POOL, tone, seed)
    assert np.array_equal(one.samples, other.samples)
    assert (one.turns, one.lines) == (other.turns, other.lines)


def test_other_seeds_give_other_conversations() -> None:
    assert compose(POOL, tone, 0).turns != compose(POOL, tone, 1).turns


@pytest.mark.parametrize("seed", range(12))
def test_everybody_speaks_and_nobody_twice_in_a_row(seed: int) -> None:
    talk = compose(POOL, tone, seed)
    speakers = [line.speaker for line in talk.lines]
    assert 2 <= len(talk.speakers) <= 6
    assert set(speakers[: len(talk.speakers)]) == talk.speakers
    assert all(one != other for one, other in pairwise(speakers))


@pytest.mark.parametrize("seed", range(12))
def test_turns_are_where_speech_is(seed: int) -> None:
    talk = compose(POOL, tone, seed, Manner(overlap_share=0.0))
    is_speech = np.zeros(len(talk.samples), dtype=np.bool_)
    for turn in talk.turns:
        begin, end = (round(at_s * SAMPLE_RATE_HZ) for at_s in (turn.start_s, turn.end_s))
        is_speech[begin:end] = True
        assert np.sqrt(np.mean(talk.samples[begin:end] ** 2)) > 0.01
    margin = np.ones(2 * round(MARGIN_S * SAMPLE_RATE_HZ) + 1)
    is_near = np.convolve(is_speech, margin, mode="same") > 0
    assert np.abs(talk.samples[~is_near]).max() < 0.005


def test_people_speak_over_one_another_as_much_as_asked() -> None:
    talks = [compose(POOL, tone, seed, Manner(overlap_share=0.1)) for seed in range(10)]
    spoken_s = sum(turn.duration_s for talk in talks for turn in talk.turns)
    heard_s = sum(_covered_s(talk.turns) for talk in talks)
    assert 0.05 < 1 - heard_s / spoken_s < 0.15


def test_clips_are_cut_at_a_pause_or_at_the_limit() -> None:
    said = Said(np.ones(5 * SAMPLE_RATE_HZ, np.float32), ((0, 16_000), (32_000, 80_000)), "text")
    assert said.no_longer_than(5.0) is said
    at_pause = said.no_longer_than(4.0)
    assert (at_pause.duration_s, at_pause.regions, at_pause.text) == (1.1, ((0, 16_000),), "")
    at_limit = said.no_longer_than(0.5)
    assert (at_limit.duration_s, at_limit.regions) == (0.5, ((0, 8_000),))


def test_whole_clips_keep_their_words_and_lengths() -> None:
    talk = compose(POOL, tone, 3, Manner(clip_s=None))
    for line in talk.lines:
        assert line.text.startswith(f"{line.speaker} says ")
        assert line.end_s - line.start_s == pytest.approx(int(line.text[-1]))


def test_who_must_be_there_is_there() -> None:
    talk = compose(POOL, tone, 4, Manner(n_people=(3, 3), people=("gus", "ann")))
    assert len(talk.speakers) == 3
    assert {"gus", "ann"} <= talk.speakers


def test_a_conversation_is_as_long_as_asked() -> None:
    talk = compose(LONELY, tone, 5, Manner(n_people=(2, 2), length_s=60.0))
    assert 60 <= talk.duration_s < 67


def test_turns_of_one_person_at_the_same_time_are_one() -> None:
    turns = [SpeakerTurn(*t) for t in ((3, 5, "a"), (1, 4, "a"), (2, 3, "b"), (6, 7, "a"))]
    assert joined(turns) == tuple(SpeakerTurn(*t) for t in ((1, 5, "a"), (2, 3, "b"), (6, 7, "a")))


def _covered_s(turns: tuple[SpeakerTurn, ...]) -> float:
    everybody = joined(SpeakerTurn(turn.start_s, turn.end_s, "all") for turn in turns)
    return sum(turn.duration_s for turn in everybody)
