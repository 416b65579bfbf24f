"""What is known of a live session that may move: its sound, its numbers and its times; pure.

The sound since the last final is held, so that another place can hear it again. A place counts
utterances from 1 and time from 0; here both go on from where the last final ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from loquent.domain.live import (
    Final,
    LiveUpdate,
    Partial,
    Settled,
    SoundFormat,
    SpeechStarted,
    SpeechStopped,
)
from loquent.domain.transcript import Task, Transcript, Word, shifted
from loquent.routing.held_sound import HeldSound

PIECE_BYTES = 32_768


@dataclass(frozen=True, slots=True)
class Hear:
    """Have the place hear these bytes."""

    sound: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """Have the place end the utterance; `Replay.committed` is told its number."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Have the place end the stream."""


Step: TypeAlias = Hear | Commit | Finish


@dataclass(eq=False)
class _Mark:
    """Where the caller ended an utterance, and its number once that is known."""

    position: int
    number: int | None = None


@dataclass(eq=False)
class _Told:
    """What the caller was told of one utterance that has no final yet.

    Attributes:
        settled: its settled text.
        is_cleared: the caller forgot it; it lives on if its place had ended it before.
    """

    start_s: float
    is_stopped: bool = False
    settled: str = ""
    is_cleared: bool = False


@dataclass(eq=False)
class _Leg:
    """The stay of the session at one place.

    Attributes:
        start: position of its first byte.
        position: of the next byte that it is to hear.
        n_marks: commits that were handed to it, of those that are held.
        last_name: the caller's number of the last utterance that got one.
        n_named: so many utterances got a number of the caller's.
        names: its numbers of utterances -> the caller's, for those that are not over.
        settled: by the caller's numbers, what this place has settled.
    """

    start: int = 0
    position: int = 0
    last_name: int = 0
    n_named: int = 0
    n_marks: int = 0
    is_finished: bool = False
    names: dict[int, int] = field(default_factory=dict)
    settled: dict[int, str] = field(default_factory=dict)


class Replay:
    """The books of one session; positions count bytes from its start."""

    def __init__(self, sound: SoundFormat) -> None:
        self._sound = HeldSound(sound)
        self._marks: list[_Mark] = []
        self._is_finishing = False
        self._leg = _Leg()
        self._told: dict[int, _Told] = {}
        self._n_final = 0
        self._told_to_s = 0.0
        self._stopped_s = 0.0
        self._last: Transcript | None = None

    def hear(self, sound: bytes) -> None:
        """Take the next bytes; `next_step` hands them on."""
        self._sound.append(sound)

    def commit(self) -> None:
        """Note that the caller ends the utterance here."""
        self._marks.append(_Mark(self._sound.end))

    def finish(self) -> None:
        """Note that the stream ends here."""
        self._is_finishing = True

    def clear(self) -> None:
        """Forget what came since the last utterance ended; `next_step` has nothing left to do."""
        dropped = [number for number, told in self._told.items() if not told.is_stopped]
        for number in dropped:
            self._told[number].is_cleared = True
        if len(dropped) == len(self._told) and not self._marks:
            self._sound.cut(self._sound.end)
            return
        # An utterance that has ended still waits for its text: it may have to be heard again.
        stopped = min(self._sound.position(self._stopped_s), self._leg.position)
        self._sound.silence(max([stopped, *(mark.position for mark in self._marks)]))

    def next_step(self) -> Step | None:
        """Return what the place has yet to be told of the caller's doings, in order."""
        leg = self._leg
        mark = self._marks[leg.n_marks] if leg.n_marks < len(self._marks) else None
        until = self._sound.end if mark is None else mark.position
        if leg.position < until:
            end = min(until, leg.position + PIECE_BYTES)
            sound = self._sound.between(leg.position, end)
            leg.position = end
            self._sound.cut_long(end)
            return Hear(sound)
        if mark is not None:
            leg.n_marks += 1
            return Commit()
        if self._is_finishing and not leg.is_finished:
            leg.is_finished = True
            return Finish()
        return None

    def committed(self, number: int | None) -> int | None:
        """Take the place's number of the utterance that it ended last; return the caller's."""
        mark = self._marks[self._leg.n_marks - 1]
        mark.number = None if number is None else self._name(number)
        if mark.number is None or mark.number <= self._n_final:
            self._leg.n_marks -= 1
            self._marks.remove(mark)
        return mark.number

    def move(self) -> None:
        """Begin anew at another place, with the sound since the last final."""
        self._leg = _Leg(self._sound.start, self._sound.start, last_name=self._n_final)

    def told(self, update: LiveUpdate) -> list[LiveUpdate]:
        """Return what an update of the place tells the caller, in the caller's numbers and times.

        Once it is called the place may be left: what it returns will not come again.
        """
        number = self._name(update.utterance)
        if isinstance(update, SpeechStarted):
            return self._started(number, update)
        known = self._told.get(number)
        return [] if known is None else self._told_of(number, update, known)

    def rest(self) -> list[LiveUpdate]:
        """Return an empty end of each utterance that was begun, and that the last place lacks."""
        updates: list[LiveUpdate] = []
        text = Transcript(Task.TRANSCRIBE, "", None, 0.0, (), "")
        if self._last is not None:
            text = replace(self._last, text="", duration_s=0.0, segments=())
        for number, known in sorted(self._told.items()):
            at_s = max(self._told_to_s, known.start_s)
            if known.is_cleared:
                continue
            if not known.is_stopped:
                updates.append(SpeechStopped(number, at_s))
            updates.append(Final(number, at_s, at_s, text))
        self._told.clear()
        return updates

    def _name(self, number: int) -> int:
        """Return the caller's number for that of the place: the first that is free."""
        leg = self._leg
        while leg.n_named < number:
            leg.n_named += 1
            leg.last_name += 1
            while leg.last_name in self._told and self._told[leg.last_name].is_cleared:
                leg.last_name += 1
            leg.names[leg.n_named] = leg.last_name
        return leg.names.get(number, self._n_final)

    def _started(self, number: int, update: SpeechStarted) -> list[LiveUpdate]:
        if number in self._told or number <= self._n_final:
            return []
        start_s = max(self._placed_s(update.start_s), self._told_to_s)
        self._told[number] = _Told(start_s)
        return [SpeechStarted(number, start_s)]

    def _stopped(self, number: int, update: SpeechStopped, known: _Told) -> list[LiveUpdate]:
        end_s = max(self._placed_s(update.end_s), known.start_s)
        self._stopped_s = max(self._stopped_s, end_s)
        if known.is_stopped:
            return []
        known.is_stopped, known.is_cleared = True, False
        return [SpeechStopped(number, end_s)]

    def _told_of(
        self, number: int, update: SpeechStopped | Partial | Settled | Final, known: _Told
    ) -> list[LiveUpdate]:
        match update:
            case SpeechStopped():
                return self._stopped(number, update, known)
            case Final():
                return [self._final(number, update)]
            case Partial():
                is_over = known.is_stopped or known.is_cleared
                return [] if is_over else [self._placed_partial(number, update)]
            case Settled():
                return [] if known.is_cleared else self._settled(number, update, known)
            case _:
                assert_never(update)

    def _placed_partial(self, number: int, update: Partial) -> Partial:
        return Partial(
            utterance=number,
            start_s=self._placed_s(update.start_s),
            end_s=self._placed_s(update.end_s),
            text=update.text,
            words=tuple(self._placed_word(word) for word in update.words),
        )

    def _settled(self, number: int, update: Settled, known: _Told) -> list[LiveUpdate]:
        """Return what goes beyond the text that other places have settled, if it begins with it."""
        text = self._leg.settled.get(number, "") + update.text
        self._leg.settled[number] = text
        if not known.settled:
            known.settled = text
            return [Settled(number, text)]
        whole, before = text.lstrip(), known.settled.lstrip()
        if not whole.startswith(before) or len(whole) == len(before):
            return []
        known.settled = whole
        return [Settled(number, whole[len(before) :])]

    def _final(self, number: int, update: Final) -> Final:
        start_s = max(self._placed_s(update.start_s), self._told_to_s)
        end_s = max(self._placed_s(update.end_s), start_s)
        self._told_to_s = end_s
        self._n_final = number
        self._told = {n: told for n, told in self._told.items() if n > number}
        self._last = update.transcript
        self._leg.names = {n: name for n, name in self._leg.names.items() if name >= number}
        self._leg.settled.pop(number, None)
        self._drop_marks(number)
        heard_to_s = end_s if self._told else max(end_s, self._stopped_s)
        self._sound.cut(min(self._sound.position(heard_to_s), self._leg.position))
        segments = tuple(
            shifted(segment, self._placed_s(0.0), segment.id)
            for segment in update.transcript.segments
        )
        transcript = replace(update.transcript, segments=segments)
        return replace(
            update, utterance=number, start_s=start_s, end_s=end_s, transcript=transcript
        )

    def _drop_marks(self, number: int) -> None:
        """Forget the commits that an utterance with a final has answered here."""
        while self._leg.n_marks:
            answered = self._marks[0].number
            if answered is None or answered > number:
                break
            self._marks.pop(0)
            self._leg.n_marks -= 1

    def _placed_s(self, at_s: float) -> float:
        return at_s + self._sound.time_s(self._leg.start)

    def _placed_word(self, word: Word) -> Word:
        return replace(word, start_s=self._placed_s(word.start_s), end_s=self._placed_s(word.end_s))
