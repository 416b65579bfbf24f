"""Composes conversations of clips, knowing who speaks when; reads no file and hears nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from bench.corpus import Recording
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.domain.speakers import SpeakerTurn

TUNE, REPORT = range(50), range(50, 100)
"""Seeds to choose parameters by, and seeds to tell of; both draw from the same voices."""

GAIN_DB = 6.0
GAP_S = (0.05, 0.9)
OVERLAP_S = (0.5, 2.5)
MOST_OVERLAP = 0.6
"""How much of a clip, and of the one before it, others may speak over."""

NOISE_RMS = 3e-4
LEAD_S = TAIL_S = 0.5
_CUT_MARGIN = SAMPLE_RATE_HZ // 10

Pool: TypeAlias = Mapping[str, Sequence[Recording]]
"""People by name, and the clips in which they speak."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one person says in one go.

    Attributes:
        samples: mono, 16 kHz.
        regions: where in it speech is, in samples.
        text: what is said, "" where only a part of a clip is left.
    """

    samples: Samples
    regions: tuple[tuple[int, int], ...]
    text: str = ""

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ

    def no_longer_than(self, limit_s: float) -> Said:
        """Return its beginning: up to the last pause within the limit, or else up to the limit."""
        limit = int(limit_s * SAMPLE_RATE_HZ)
        if len(self.samples) <= limit:
            return self
        whole = tuple(region for region in self.regions if region[1] <= limit)
        if whole:
            return Said(self.samples[: min(limit, whole[-1][1] + _CUT_MARGIN)], whole)
        cut = tuple((begin, min(end, limit)) for begin, end in self.regions if begin < limit)
        return Said(self.samples[:limit], cut)


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody says, and when."""

    speaker: str
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A recording of which everything is known.

    Attributes:
        turns: where speech is, sorted by start; they overlap where several speak at once.
        lines: the clips in order; they are longer than the speech in them.
    """

    samples: Samples
    turns: tuple[SpeakerTurn, ...]
    lines: tuple[Line, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ

    @property
    def speakers(self) -> frozenset[str]:
        """Everybody who says something."""
        return frozenset(turn.speaker for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Manner:
    """How people talk.

    Attributes:
        n_people: at least and at most so many.
        people: those who must be there; others are drawn to fill up.
        each_s: a conversation is so long, times the number of people.
        length_s: how long it is, whatever their number.
        clip_s: clips are cut to lengths drawn from this span; None to leave them whole.
        overlap_share: of all speech, so much is in the midst of somebody else's.
    """

    n_people: tuple[int, int] = (2, 6)
    people: tuple[str, ...] = ()
    each_s: tuple[float, float] = (20.0, 30.0)
    length_s: float | None = None
    clip_s: tuple[float, float] | None = (1.5, 9.0)
    overlap_share: float = 0.1


@dataclass(slots=True)
class _Tape:
    """What has been said so far."""

    parts: list[tuple[float, str, Said]] = field(default_factory=list)
    end_s: float = LEAD_S
    spoken_s: float = 0.0
    overlap_s: float = 0.0

    @property
    def last(self) -> str | None:
        return self.parts[-1][1] if self.parts else None

    def add(self, person: str, said: Said, chance: random.Random, overlap_share: float) -> None:
        """Let `person` speak after a gap, or before the last one has finished."""
        if self.parts and self.overlap_s < overlap_share * self.spoken_s:
            before_s = self.parts[-1][2].duration_s
            most_s = MOST_OVERLAP * min(before_s, said.duration_s)
            start_s = self.end_s - min(chance.uniform(*OVERLAP_S), most_s)
        else:
            start_s = self.end_s + chance.uniform(*GAP_S)
        self.overlap_s += max(0.0, self.end_s - start_s)
        self.spoken_s += said.duration_s
        self.parts.append((start_s, person, said))
        self.end_s = max(self.end_s, start_s + said.duration_s)


def compose(
    pool: Pool, hear: Callable[[Recording], Said], seed: int, manner: Manner | None = None
) -> Conversation:
    """Let people of `pool` talk to one another; the same for the same arguments.

    Everybody speaks once, in random order, then whoever did not speak last. Each person is louder
    or fainter than the others by up to `GAIN_DB`, and a faint noise lies under all.
    """
    manner = manner or Manner()
    chance = random.Random(seed)
    people = _cast(pool, chance, manner)
    gains = {person: 10 ** (chance.uniform(-GAIN_DB, GAIN_DB) / 20) for person in people}
    drawn_s = chance.uniform(*manner.each_s) * len(people)
    length_s = manner.length_s or drawn_s
    order = list(people)
    chance.shuffle(order)
    tape = _Tape()
    while tape.end_s < length_s or len(tape.parts) < 2 * len(people):
        n_said = len(tape.parts)
        others = [person for person in people if person != tape.last]
        person = order[n_said] if n_said < len(order) else chance.choice(others or people)
        said = hear(chance.choice(pool[person]))
        if manner.clip_s:
            said = said.no_longer_than(chance.uniform(*manner.clip_s))
        tape.add(person, said, chance, manner.overlap_share)
    return _mixed(tape, gains, seed)


def _cast(pool: Pool, chance: random.Random, manner: Manner) -> list[str]:
    n_people = chance.randint(*manner.n_people)
    others = [person for person in sorted(pool) if person not in manner.people]
    return [*manner.people, *chance.sample(others, n_people - len(manner.people))]


def _mixed(tape: _Tape, gains: Mapping[str, float], seed: int) -> Conversation:
    samples = np.zeros(round((tape.end_s + TAIL_S) * SAMPLE_RATE_HZ), np.float32)
    turns, lines = [], []
    for start_s, person, said in tape.parts:
        first = int(start_s * SAMPLE_RATE_HZ)
        samples[first : first + len(said.samples)] += said.samples * np.float32(gains[person])
        lines.append(Line(person, start_s, start_s + said.duration_s, said.text))
        turns += [
            SpeakerTurn((first + begin) / SAMPLE_RATE_HZ, (first + end) / SAMPLE_RATE_HZ, person)
            for begin, end in said.regions
        ]
    samples += np.random.default_rng(seed).normal(0, NOISE_RMS, len(samples)).astype(np.float32)
    samples /= max(np.float32(1), np.abs(samples).max())
    return Conversation(samples, joined(turns), tuple(lines))


def joined(turns: Iterable[SpeakerTurn]) -> tuple[SpeakerTurn, ...]:
    """Sort turns, and make one of those that one person has at the same time."""
    last: dict[str, SpeakerTurn] = {}
    done: list[SpeakerTurn] = []
    for turn in sorted(turns, key=lambda turn: turn.start_s):
        before = last.get(turn.speaker)
        if before and turn.start_s <= before.end_s:
            last[turn.speaker] = replace(before, end_s=max(before.end_s, turn.end_s))
        else:
            done += [before] if before else []
            last[turn.speaker] = turn
    return tuple(sorted([*done, *last.values()], key=lambda turn: (turn.start_s, turn.speaker)))
