"""Decides, for one stream, when to recognise what and what to tell; awaits nothing, owns no sound.

Speech probabilities and results go in, commands come out. An utterance is a run of stretches; each
stretch is guessed at while it is spoken (drafts), and recognised as well as a recording once the
speaker pauses. If the pause turns out to end the utterance, the final text is then there at once;
if the speaker goes on, the result serves as one more guess.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from loquent.domain.errors import LoquentError
from loquent.domain.live import Final, LiveRequest, SpeechStarted, SpeechStopped
from loquent.pipeline.segmentation import MIN_SPEECH_S
from loquent.ports import Recognition
from loquent.realtime.commands import Command, Effort, Recognise, Release, Tell
from loquent.realtime.context import MAX_HEARD_S
from loquent.realtime.endpointing import (
    PAUSE_S,
    Began,
    Ended,
    Endpoint,
    Endpointer,
    Paused,
    Resumed,
)
from loquent.realtime.telling import final_of, partial_news, settled_news
from loquent.realtime.utterance import Stretch, Utterance
from loquent.realtime.workload import Work, Workload

FIRST_DRAFT_S = 0.5
"""Of so much speech the first guess is made."""

LONG_UTTERANCE_S = 20.0
"""Whoever goes on for this long without a silence is shown a final at the next pause."""

LANGUAGE_AFTER_S = 3.0
"""The first stretch of this much speech decides the language of a session."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What the machine can afford.

    Attributes:
        cadence_s: least time between two drafts, None for no drafts.
        speculates: finals are begun before it is sure that the utterance is over.
    """

    cadence_s: float | None = 0.5
    speculates: bool = True


class Listener:
    """The state of one live session.

    Attributes:
        pace: may be set at any time.
    """

    def __init__(self, request: LiveRequest, model_id: str, pace: Pace = Pace()) -> None:
        self._request = request
        self._model_id = model_id
        self.pace = pace
        self._endpoints = Endpointer(request.detection)
        self._language = request.language
        self._open: Utterance | None = None
        self._held_from_s = 0.0
        self._closing: deque[Utterance] = deque()
        self._work = Workload()
        self._n_utterances = 0
        self._turn_start_s = 0.0
        self._next_draft_s = 0.0
        self._drafted_to_s = 0.0
        self._n_shown = 0
        self._n_changed = 0

    @property
    def is_idle(self) -> bool:
        """Every utterance has ended and its final was told."""
        return self._open is None and not self._closing

    @property
    def n_shown(self) -> int:
        """Words shown in partials of utterances that are over."""
        return self._n_shown

    @property
    def n_changed(self) -> int:
        """Those of them that were changed later."""
        return self._n_changed

    def configure(self, request: LiveRequest) -> None:
        """Go on under other terms."""
        if request.language != self._request.language:
            self._language = request.language
        self._request = request
        self._endpoints.configure(request.detection)

    def hear(self, probabilities: Iterable[float]) -> list[Command]:
        """Take the next speech probabilities, one per 32 ms."""
        commands: list[Command] = []
        for probability in probabilities:
            commands += self._follow(self._endpoints.push((probability,)))
        return [*commands, *self._draft(), self._release()]

    def commit(self, at_s: float) -> tuple[int | None, list[Command]]:
        """End the utterance at `at_s`, the end of the sound.

        Returns: the number of the utterance, None if no sound came since the last one.
        """
        if at_s <= self._turn_start_s:
            return None, []
        commands = [] if self._open else self._begin(self._turn_start_s)
        assert self._open is not None
        number = self._open.number
        commands += self.finish(at_s)
        self._turn_start_s = at_s
        return number, commands

    def clear(self, at_s: float) -> list[Command]:
        """Forget the open utterance and the sound up to `at_s`, the end of all."""
        dropped, self._open = self._open, None
        self._endpoints.forget(at_s)
        self._turn_start_s = at_s
        return [*self._work.drop_all(dropped), self._release()]

    def finish(self, at_s: float) -> list[Command]:
        """End the stream: complete what is being said."""
        commands = self._follow(self._endpoints.end(at_s))
        if self._open:
            commands += self._close(self._open, at_s, at_s)
        return [*commands, *self._report()]

    def recognised(self, number: int, recognition: Recognition) -> list[Command]:
        """Take the result of a piece of work."""
        work = self._work.end(number)
        if work is None:
            return []
        stretch = work.stretch
        self._learn_language(work, recognition)
        if stretch.take == number and stretch.end_s is not None:
            stretch.settle(recognition)
        elif not stretch.is_final:
            if stretch.take == number:
                stretch.taken = recognition
            is_whole = work.job.effort is Effort.FINAL
            stretch.guess(
                recognition,
                heard_to_s=None if is_whole else work.job.end_s,
                uncut_s=self._endpoints.uncut_s,
            )
        dropped = self._work.drop_guesses(stretch) if work.job.effort is Effort.FINAL else []
        return [*dropped, *self._report(work.utterance), *self._draft()]

    def failed(self, number: int, error: LoquentError) -> list[Command]:
        """Take note that a piece of work came to nothing; of a final, the last guess is kept."""
        work = self._work.end(number)
        if work is None or work.stretch.take != number:
            return []
        work.stretch.take = None
        if work.stretch.end_s is None:
            return []
        work.stretch.keep()
        work.utterance.error = error
        return self._report(work.utterance)

    def _follow(self, events: Iterable[Endpoint]) -> list[Command]:
        return [command for event in events for command in self._follow_one(event)]

    def _follow_one(self, event: Endpoint) -> list[Command]:
        match event:
            case Began(start_s):
                return self._begin_stretch(start_s)
            case Paused(at_s):
                return self._pause(at_s)
            case Resumed():
                self._stretch.take = self._stretch.taken = None
                return []
            case Ended(end_s, is_silent):
                return self._end_stretch(end_s, is_silent=is_silent)

    @property
    def _stretch(self) -> Stretch:
        assert self._open is not None, "an endpoint outside of any utterance"
        return self._open.stretches[-1]

    def _begin_stretch(self, start_s: float) -> list[Command]:
        commands = []
        if self._open is None:
            commands = self._begin(start_s if self._request.ends_by_silence else self._turn_start_s)
        assert self._open is not None
        stretch = Stretch(start_s)
        self._open.stretches.append(stretch)
        self._work.enter(stretch)
        self._next_draft_s = self._endpoints.now_s + FIRST_DRAFT_S - MIN_SPEECH_S
        return commands

    def _begin(self, start_s: float) -> list[Command]:
        self._n_utterances += 1
        self._open = Utterance(self._n_utterances, start_s)
        return [Tell(SpeechStarted(self._n_utterances, start_s))]

    def _pause(self, at_s: float) -> list[Command]:
        if not self.pace.speculates:
            return []
        return [self._take(self._stretch, at_s)]

    def _end_stretch(self, end_s: float, *, is_silent: bool) -> list[Command]:
        utterance, stretch = self._open, self._stretch
        assert utterance is not None
        stretch.end(end_s)
        commands: list[Command] = [*self._work.drop_guesses(stretch)]
        if stretch.taken is not None:
            stretch.settle(stretch.taken)
        elif end_s <= stretch.start_s:
            stretch.keep()
        elif stretch.take is None:
            commands.append(self._take(stretch, end_s))
        is_over = self._request.ends_by_silence and (
            is_silent or end_s - utterance.start_s >= LONG_UTTERANCE_S
        )
        if is_over:
            known_s = max(end_s, self._endpoints.now_s) if is_silent else end_s
            commands += self._close(utterance, end_s, known_s)
        return [*commands, *self._report(utterance)]

    def _close(self, utterance: Utterance, end_s: float, known_s: float) -> list[Command]:
        """End an utterance whose sound ends at `end_s`, which is known at `known_s`."""
        utterance.end_s = end_s
        self._open = None
        self._turn_start_s = end_s
        self._closing.append(utterance)
        return [Tell(SpeechStopped(utterance.number, known_s))]

    def _take(self, stretch: Stretch, end_s: float) -> Recognise:
        """Have a stretch recognised as well as a recording."""
        assert self._open is not None
        return self._work.take(stretch, self._open, end_s, self._language, self._held_from_s)

    def _draft(self) -> list[Command]:
        """Have the open stretch guessed at, if it is time and nothing else is on its way."""
        now_s, cadence_s = self._endpoints.now_s, self.pace.cadence_s
        speech_end_s = self._endpoints.speech_end_s
        if self._open is None or speech_end_s is None or cadence_s is None:
            return []
        stretch = self._stretch
        is_due = now_s >= self._next_draft_s and speech_end_s > self._drafted_to_s
        is_over = stretch.end_s is not None or stretch.taken is not None
        if not is_due or is_over or self._work.is_busy_with(stretch):
            return []
        self._drafted_to_s = now_s
        self._next_draft_s = now_s + max(cadence_s, self._request.interim_s)
        end_s = min(now_s, speech_end_s + PAUSE_S)
        return [self._work.draft(stretch, self._open, end_s, self._language)]

    def _learn_language(self, work: Work, recognition: Recognition) -> None:
        speech_s = work.job.end_s - work.job.start_s
        if (
            work.job.effort is Effort.FINAL
            and speech_s >= LANGUAGE_AFTER_S
            and recognition.segments
        ):
            self._language = self._language or recognition.language

    def _report(self, changed: Utterance | None = None) -> list[Command]:
        """Tell what is new of an utterance, and every final whose turn it is."""
        commands: list[Command] = []
        if changed is not None:
            news = [settled_news(changed), partial_news(changed) if changed.end_s is None else None]
            commands += [Tell(update) for update in news if update]
        while self._closing and self._closing[0].is_complete:
            commands.append(Tell(self._final(self._closing.popleft())))
        return commands

    def _final(self, utterance: Utterance) -> Final:
        final = final_of(utterance, language=self._language, model_id=self._model_id)
        self._n_shown += final.n_shown
        self._n_changed += final.n_changed
        return final

    def _release(self) -> Release:
        """Let go of sound that no work which runs or may come needs."""
        unfinished = [
            stretch.start_s
            for utterance in (*self._closing, *([self._open] if self._open else []))
            for stretch in utterance.stretches
            if not stretch.is_final
        ]
        heard_again_s = self._endpoints.now_s - MAX_HEARD_S
        self._held_from_s = max(
            self._held_from_s, min([self._endpoints.settled_s, heard_again_s, *unfinished])
        )
        return Release(self._held_from_s)
