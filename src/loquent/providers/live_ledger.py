"""Makes the updates of a session of what a provider tells; knows no provider and no socket."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from loquent.domain.live import (
    Final,
    LiveRequest,
    LiveUpdate,
    Partial,
    Settled,
    SpeechStarted,
    SpeechStopped,
)
from loquent.domain.transcript import Task, Transcript, Word
from loquent.pipeline.derivation import told_segment
from loquent.providers.live_dialect import (
    Began,
    Done,
    Guessed,
    Ready,
    Result,
    Stopped,
    Understood,
)
from loquent.realtime.utterance import Stretch, Utterance

_MAX_REMEMBERED_KEYS = 256


@dataclass(eq=False)
class _Heard:
    """One utterance.

    Attributes:
        key: what the provider calls it; None where the caller ended it before that is known.
        end_s: where it ended, None while it goes on.
        shown: counts the words that are shown, and those that change.
    """

    number: int
    key: str | None
    start_s: float
    shown: Utterance
    end_s: float | None = None
    settled: str = ""
    guess: Guessed | None = None
    final: Understood | None = None

    def show(self, text: str, words: Sequence[Word]) -> bool:
        """Note what is shown now; tell whether it differs from what was."""
        spoken = words or [Word(word, self.start_s, self.start_s, 1.0) for word in text.split()]
        segment = told_segment(0, self.start_s, self.start_s, text, spoken)
        self.shown.stretches = [Stretch(self.start_s, segments=(segment,))]
        return self.shown.show()


@dataclass(eq=False)
class LiveLedger:
    """The utterances of one session, numbered from 1 and told in order.

    Attributes:
        provider: who hears them.
        model: as the endpoint calls it.
    """

    request: LiveRequest
    provider: str
    model: str
    _heard: list[_Heard] = field(default_factory=list)
    _past: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_REMEMBERED_KEYS))
    _n_utterances: int = 0
    _turn_start_s: float = 0.0
    _told_to_s: float = 0.0
    _forgotten_to_s: float = 0.0
    _next_partial_s: float = 0.0

    @property
    def n_open(self) -> int:
        """How many utterances have no final yet."""
        return len(self._heard)

    @property
    def awaits_final(self) -> bool:
        """An utterance has ended whose text is not there yet."""
        return any(heard.end_s is not None for heard in self._heard)

    def take(self, result: Result, now_s: float) -> list[LiveUpdate]:
        """Return what a result has to tell.

        Args:
            now_s: by a clock, to keep the distance of partials that the caller wants.
        """
        match result:
            case Began(key, start_s):
                return self._find(key, start_s)[1]
            case Guessed():
                return self._take_guess(result, now_s)
            case Stopped(key, end_s):
                heard, updates = self._find(key, None)
                return updates + (self._stop(heard, end_s) if heard else [])
            case Understood():
                return self._take_final(result)
            case Ready() | Done():
                return []
            case _:
                assert_never(result)

    def commit(self, at_s: float) -> tuple[int | None, list[LiveUpdate]]:
        """End the utterance at `at_s`, the end of the sound.

        Returns: its number, None if no sound came since the last one ended.
        """
        heard = self._open
        if heard is not None:
            return heard.number, self._stop(heard, at_s)
        if at_s <= self._turn_start_s:
            return None, []
        heard, updates = self._begin(None, self._turn_start_s)
        return heard.number, updates + self._stop(heard, at_s)

    def clear(self, at_s: float) -> None:
        """Forget the open utterance, and what is told later of sound before `at_s`."""
        heard = self._open
        if heard is not None:
            self._heard.remove(heard)
            if heard.key is not None:
                self._past.append(heard.key)
        self._forgotten_to_s = self._turn_start_s = at_s

    def finish(self) -> list[LiveUpdate]:
        """Return the finals of all that is open, with what it seemed to say last."""
        updates: list[LiveUpdate] = []
        for heard in self._heard:
            guess = heard.guess or Guessed("", "")
            if heard.final is None:
                heard.final = Understood("", guess.text, guess.words, guess.start_s, guess.end_s)
            updates += self._stop(heard, self._end_of(heard, heard.final))
        return updates + self._finals()

    @property
    def _open(self) -> _Heard | None:
        """The utterance that goes on."""
        last = self._heard[-1] if self._heard else None
        return last if last is not None and last.end_s is None else None

    def _take_guess(self, guess: Guessed, now_s: float) -> list[LiveUpdate]:
        if not guess.text and not self._knows(guess.key):
            return []
        heard, updates = self._find(guess.key, guess.start_s)
        if heard is None or heard.final is not None:
            return updates
        heard.guess = guess
        if len(guess.settled) > len(heard.settled) and guess.settled.startswith(heard.settled):
            updates.append(Settled(heard.number, guess.settled[len(heard.settled) :]))
            heard.settled = guess.settled
        is_due = heard.end_s is None and now_s >= self._next_partial_s
        if is_due and heard.show(guess.text, guess.words):
            self._next_partial_s = now_s + self.request.interim_s
            end_s = max(heard.start_s, guess.end_s or 0.0)
            updates.append(Partial(heard.number, heard.start_s, end_s, guess.text, guess.words))
        return updates

    def _take_final(self, final: Understood) -> list[LiveUpdate]:
        is_news = final.text or final.error or self._knows(final.key) or self._unnamed
        if not is_news:
            return []
        heard, updates = self._find(final.key, final.start_s)
        if heard is None or heard.final is not None:
            return updates
        heard.final = final
        updates += self._stop(heard, self._end_of(heard, final))
        return updates + self._finals()

    def _knows(self, key: str) -> bool:
        return any(heard.key == key for heard in self._heard)

    @property
    def _unnamed(self) -> _Heard | None:
        """The first utterance of which nothing was told but that the caller ended it."""
        return next((h for h in self._heard if h.key is None and h.final is None), None)

    def _find(self, key: str, start_s: float | None) -> tuple[_Heard | None, list[LiveUpdate]]:
        """Return the utterance of that key, begun now if need be; None if it is forgotten."""
        for heard in self._heard:
            if heard.key == key:
                return heard, []
        if key in self._past:
            return None, []
        updates: list[LiveUpdate] = []
        while unnamed := self._unnamed:
            if start_s is None or unnamed.end_s is None or start_s < unnamed.end_s:
                unnamed.key = key
                return unnamed, updates
            unnamed.final = Understood("", "")
            updates += self._finals()
        if start_s is not None and start_s < self._forgotten_to_s:
            return None, updates
        if last := self._open:
            updates += self._stop(last, self._turn_start_s if start_s is None else start_s)
        heard, begun = self._begin(key, self._turn_start_s if start_s is None else start_s)
        return heard, updates + begun

    def _begin(self, key: str | None, start_s: float) -> tuple[_Heard, list[LiveUpdate]]:
        self._n_utterances += 1
        number, start_s = self._n_utterances, max(start_s, self._told_to_s)
        heard = _Heard(number, key, start_s, Utterance(number, start_s))
        self._heard.append(heard)
        return heard, [SpeechStarted(number, start_s)]

    def _stop(self, heard: _Heard, end_s: float) -> list[LiveUpdate]:
        if heard.end_s is not None:
            return []
        heard.end_s = max(end_s, heard.start_s)
        self._turn_start_s = max(self._turn_start_s, heard.end_s)
        return [SpeechStopped(heard.number, heard.end_s)]

    def _end_of(self, heard: _Heard, final: Understood) -> float:
        if final.end_s is not None:
            return final.end_s
        guessed_s = heard.guess.end_s if heard.guess else None
        return next((s for s in (heard.end_s, guessed_s) if s is not None), heard.start_s)

    def _finals(self) -> list[LiveUpdate]:
        """Return the finals whose turn it is."""
        updates: list[LiveUpdate] = []
        while self._heard and self._heard[0].final is not None:
            heard = self._heard.pop(0)
            if heard.key is not None:
                self._past.append(heard.key)
            updates.append(self._final(heard, self._heard_text(heard)))
        return updates

    def _heard_text(self, heard: _Heard) -> Understood:
        assert heard.final is not None
        if heard.shown.shown:
            heard.show(heard.final.text, heard.final.words)
        return heard.final

    def _final(self, heard: _Heard, final: Understood) -> Final:
        start_s = max(heard.start_s if final.start_s is None else final.start_s, self._told_to_s)
        end_s = max(start_s, self._end_of(heard, final))
        self._told_to_s = end_s
        text = final.text.strip()
        segment = told_segment(0, start_s, end_s, text, final.words)
        transcript = Transcript(
            task=Task.TRANSCRIBE,
            text=text,
            language=final.language or self.request.language,
            duration_s=end_s - start_s,
            segments=(segment,) if text else (),
            model=self.model,
            provider=self.provider,
        )
        return Final(
            utterance=heard.number,
            start_s=start_s,
            end_s=end_s,
            transcript=transcript,
            n_shown=heard.shown.n_shown,
            n_changed=heard.shown.n_changed,
            error=final.error,
        )
