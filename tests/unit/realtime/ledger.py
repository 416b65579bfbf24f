"""Holds a listener to its word: checks each command against all that came before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from loquent.domain.live import (
    Final,
    LiveUpdate,
    Partial,
    Settled,
    SpeechStarted,
    SpeechStopped,
)
from loquent.realtime.commands import Command, Drop, Effort, Recognise, Release, Tell
from tests.unit.realtime.hypotheses import WORD_S

MAX_REGION_S = 30.0
"""A `SpeechRecognizer` takes no more at a time."""


class Phase(StrEnum):
    """How far an utterance is."""

    OPEN = "open"
    STOPPED = "stopped"
    DONE = "done"
    CLEARED = "cleared"


@dataclass
class Told:
    """What was told of one utterance."""

    start_s: float
    end_s: float = 0.0
    phase: Phase = Phase.OPEN
    settled: str = ""
    final: Final | None = None


@dataclass
class Ledger:
    """All that a listener ordered and told.

    Attributes:
        outstanding: work that was asked for, and neither ended nor was dropped.
        dropped: numbers of work that nobody waits for.
        released_s: sound before this time is gone.
        may_stop: utterances may end now.
        is_faithful: no two results contradict one another.
    """

    is_faithful: bool = True
    outstanding: dict[int, Recognise] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)
    utterances: dict[int, Told] = field(default_factory=dict)
    released_s: float = 0.0
    may_stop: bool = True
    n_asked: int = 0
    updates: list[LiveUpdate] = field(default_factory=list)

    def take(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case Recognise():
                    self._ask(command)
                case Drop(number):
                    del self.outstanding[number]
                    self.dropped.append(number)
                case Tell(update):
                    self.updates.append(update)
                    self._tell(update)
                case Release(before_s):
                    self.released_s = max(self.released_s, before_s)
                case _:
                    assert_never(command)

    def clear(self) -> None:
        """Take note that the open utterance is to be forgotten."""
        for told in self.utterances.values():
            if told.phase is Phase.OPEN:
                told.phase = Phase.CLEARED

    @property
    def open_number(self) -> int | None:
        numbers = [n for n, told in self.utterances.items() if told.phase is Phase.OPEN]
        assert len(numbers) <= 1
        return numbers[0] if numbers else None

    def check_end(self) -> None:
        """Nothing is left to be done or told."""
        assert not self.outstanding
        assert all(told.phase in {Phase.DONE, Phase.CLEARED} for told in self.utterances.values())

    def _ask(self, job: Recognise) -> None:
        self.n_asked += 1
        assert job.number == self.n_asked, "every piece of work has a number of its own"
        assert job.known_s <= job.start_s < job.end_s <= job.known_s + MAX_REGION_S
        assert job.known_s >= self.released_s
        assert bool(job.known) == (job.known_s < job.start_s)
        if job.effort is Effort.DRAFT:
            assert not job.known, "a draft is fast"
            assert job.start_s == job.known_s
            rivals = [one for one in self.outstanding.values() if one.start_s == job.start_s]
            assert not rivals, "a draft waits for whatever is on its way"
        else:
            assert not job.prefix
        if self.is_faithful:
            places = [int(word.removeprefix("word")) for word in job.known.split()]
            assert places == sorted(set(places))
            assert all(job.known_s - 1e-6 <= at * WORD_S < job.start_s for at in places)
        self.outstanding[job.number] = job

    def _tell(self, update: LiveUpdate) -> None:
        if isinstance(update, SpeechStarted):
            assert update.utterance == len(self.utterances) + 1
            assert self.open_number is None
            assert update.start_s >= 0.0
            self.utterances[update.utterance] = Told(update.start_s)
            return
        told = self.utterances[update.utterance]
        match update:
            case Partial():
                assert told.phase is Phase.OPEN
                assert update.start_s == told.start_s <= update.end_s
            case Settled(_, text):
                assert told.phase in {Phase.OPEN, Phase.STOPPED}
                assert text
                told.settled += text
            case SpeechStopped(_, end_s):
                assert self.may_stop
                assert told.phase is Phase.OPEN
                assert end_s >= told.start_s
                told.phase, told.end_s = Phase.STOPPED, end_s
            case Final():
                self._check_final(update, told)
                told.phase, told.final = Phase.DONE, update
            case _:
                assert_never(update)

    def _check_final(self, final: Final, told: Told) -> None:
        assert told.phase is Phase.STOPPED
        waiting = [n for n, other in self.utterances.items() if other.phase is Phase.STOPPED]
        assert final.utterance == waiting[0], "finals come in the order of their utterances"
        assert final.start_s == told.start_s
        assert final.end_s <= told.end_s, "the end of the sound is known before the silence is"
        transcript = final.transcript
        assert transcript.duration_s == final.end_s - final.start_s
        assert [segment.id for segment in transcript.segments] == [*range(len(transcript.segments))]
        assert final.n_changed <= final.n_shown
        if self.is_faithful:
            assert told.settled.strip() == transcript.text
            words = transcript.text.split()
            assert len(words) == len(set(words)), "nothing is heard twice"
