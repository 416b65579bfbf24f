"""Tell where speech begins, pauses and ends while it is spoken; sees neither samples nor text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from loquent.domain.request import SpeechDetection
from loquent.pipeline.segmentation import (
    FRAME_S,
    HYSTERESIS,
    MAX_PAUSE_S,
    MIN_SPEECH_S,
    MIN_THRESHOLD,
)

PAUSE_S = 0.2
"""After so much silence the speaker has probably finished a phrase."""

MIN_SEALED_S = 6.0
"""A stretch of at least this much is complete at the first pause."""

MAX_STRETCH_S = 15.0
"""A stretch without any pause is cut at this length, where speech was least likely."""


@dataclass(frozen=True, slots=True)
class Began:
    """A stretch of speech begins at `start_s`, some of the silence before it included."""

    start_s: float


@dataclass(frozen=True, slots=True)
class Paused:
    """The speaker has been silent for a moment; the stretch up to `at_s` may be all."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The stretch that paused goes on."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The stretch is complete.

    Attributes:
        end_s: where its sound ends.
        is_silent: followed by the silence that ends an utterance; otherwise the speech goes on.
    """

    end_s: float
    is_silent: bool


Endpoint: TypeAlias = Began | Paused | Resumed | Ended


@dataclass(slots=True)
class _Stretch:
    """Attributes:
    begin_s: where its speech begins.
    is_told: it was long enough to be no click.
    paused_s: when its pause was told, None while it is spoken.
    """

    begin_s: float
    start_s: float
    speech_end_s: float
    is_told: bool = False
    paused_s: float | None = None
    quietest_s: float = 0.0
    quietest_probability: float = 1.0


class Endpointer:
    """Speech probabilities in, one per 32 ms; begins, pauses and ends of stretches out."""

    def __init__(self, detection: SpeechDetection) -> None:
        self._n_frames = 0
        self._free_from_s = 0.0
        self._pad_s = 0.0
        self._open: _Stretch | None = None
        self.configure(detection)

    def configure(self, detection: SpeechDetection) -> None:
        """Judge what follows by other rules; what is settled stays so."""
        self._free_from_s = self.settled_s
        self._begin_above = detection.threshold
        self._end_below = max(MIN_THRESHOLD, detection.threshold - HYSTERESIS)
        self._silence_s = detection.silence_duration_ms / 1000
        self._pad_s = detection.prefix_padding_ms / 1000

    @property
    def now_s(self) -> float:
        """Length of what came in, in whole frames."""
        return self._n_frames * FRAME_S

    @property
    def settled_s(self) -> float:
        """Sound before this time belongs to no stretch that is open or to come."""
        if self._open:
            return self._open.start_s
        return max(self._free_from_s, self.now_s - self._pad_s)

    @property
    def speech_end_s(self) -> float | None:
        """Where the speech of the open stretch ends so far; None if there is none."""
        return self._open.speech_end_s if self._open and self._open.is_told else None

    @property
    def uncut_s(self) -> float:
        """Sound of the open stretch before this time will not become part of another one."""
        stretch = self._open
        return max(stretch.start_s + MAX_STRETCH_S / 2, stretch.quietest_s) if stretch else 0.0

    def push(self, probabilities: Iterable[float]) -> list[Endpoint]:
        """Take the next probabilities; return what they mean."""
        return [event for probability in probabilities for event in self._step(probability)]

    def end(self, at_s: float) -> list[Endpoint]:
        """End the open stretch at `at_s`, or where it paused; sound goes on from `at_s`."""
        stretch, self._open = self._open, None
        self._free_from_s = max(self._free_from_s, at_s)
        if stretch is None or not stretch.is_told:
            return []
        return [Ended(at_s if stretch.paused_s is None else stretch.paused_s, is_silent=True)]

    def forget(self, at_s: float) -> None:
        """Drop the open stretch, as if nothing had been heard up to `at_s`."""
        self._open = None
        self._free_from_s = max(self._free_from_s, at_s)

    def _step(self, probability: float) -> list[Endpoint]:
        begin_s = self.now_s
        self._n_frames += 1
        if self._open is None:
            if probability >= self._begin_above:
                start_s = max(self._free_from_s, begin_s - self._pad_s)
                self._open = _Stretch(begin_s, start_s, self.now_s)
            return []
        if probability >= self._end_below:
            return self._speak(self._open, probability)
        return self._keep_silent(self._open, probability)

    def _speak(self, stretch: _Stretch, probability: float) -> list[Endpoint]:
        events: list[Endpoint] = []
        if stretch.paused_s is not None:
            events += self._resume(stretch, stretch.paused_s)
            stretch = self._open or stretch
        stretch.speech_end_s = self.now_s
        if not stretch.is_told and self.now_s - stretch.begin_s >= MIN_SPEECH_S:
            stretch.is_told = True
            events.append(Began(stretch.start_s))
        return events + self._watch_length(stretch, probability)

    def _resume(self, stretch: _Stretch, paused_s: float) -> list[Endpoint]:
        """Go on after a pause: with a new stretch where the old one or the pause is long enough."""
        stretch.paused_s = None
        is_long = paused_s - stretch.start_s >= MIN_SEALED_S
        if not is_long and self.now_s - stretch.speech_end_s <= MAX_PAUSE_S:
            return [Resumed()]
        return self._split(stretch, paused_s, max(paused_s, self.now_s - FRAME_S - self._pad_s))

    def _split(self, stretch: _Stretch, end_s: float, start_s: float) -> list[Endpoint]:
        """Complete a stretch while the speech goes on, in a new one from `start_s`."""
        self._free_from_s = end_s
        self._open = _Stretch(start_s, start_s, max(start_s, stretch.speech_end_s), is_told=True)
        return [Ended(end_s, is_silent=False), Began(start_s)]

    def _keep_silent(self, stretch: _Stretch, probability: float) -> list[Endpoint]:
        silence_s = self.now_s - stretch.speech_end_s
        if not stretch.is_told:
            if silence_s >= PAUSE_S:
                self._open = None
            return []
        events: list[Endpoint] = []
        if stretch.paused_s is None and silence_s >= min(PAUSE_S, self._silence_s):
            stretch.paused_s = self.now_s
            events.append(Paused(self.now_s))
        if stretch.paused_s is not None and silence_s >= self._silence_s:
            self._open = None
            self._free_from_s = stretch.paused_s
            return [*events, Ended(stretch.paused_s, is_silent=True)]
        return events + self._watch_length(stretch, probability)

    def _watch_length(self, stretch: _Stretch, probability: float) -> list[Endpoint]:
        """Cut a stretch that has grown too long, in its later half."""
        length_s = self.now_s - stretch.start_s
        if length_s > MAX_STRETCH_S / 2 and probability <= stretch.quietest_probability:
            stretch.quietest_s, stretch.quietest_probability = self.now_s, probability
        if length_s < MAX_STRETCH_S or stretch.paused_s is not None or not stretch.is_told:
            return []
        at_s = stretch.quietest_s or self.now_s
        return self._split(stretch, at_s, at_s)
