"""Learn how fast an endpoint is, and how reliable, from what it did lately; pure.

What is usual is a line through its calls: a fixed part, and a part for each second of audio. It is
remembered for an hour. How things are now is one factor above that line, forgotten within minutes,
so that an endpoint that was slow for a while is tried again. One that has not been called for long
may have changed altogether: the longer ago, the faster it is thought to be for short recordings,
until one of them finds out at little cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

HALF_LIFE_S = 180.0
"""After so long a call counts half in what is known of now."""

USUAL_HALF_LIFE_S = 3_600.0
"""After so long a call counts half in what is usual."""

FIXED_S = 0.5
"""Time of a call without audio, where nothing is known."""

USUAL_SPEED = 30.0
"""Seconds of audio worked off in a second, where nothing is known."""

_LEAST_S = 0.001
"""No call is expected to take less."""

_MADE_UP_AUDIO_S = (1.0, 60.0)
_MADE_UP_WEIGHT = 0.25
"""How much a made-up call at the stated speed counts beside a real one."""

_EVEN_AUDIO_S = 20.0
"""The line heeds errors in proportion to the audio and so much more."""

_CALM_WEIGHT = 0.5
"""How much a made-up call of usual length counts beside those of late."""

_MOST_LATELY = 6.0
"""Calls lately count as no more than this, so that a busy endpoint is not judged by its past."""

_MOST_SLOWNESS = 10.0
"""One call can look no worse than this, times what is usual."""

_HOPE_HALF_S = 1_800.0
"""An endpoint that was not called for so long is thought of as up to twice as fast."""

_HOPE_AUDIO_S = 10.0
"""A recording of this length goes by half of that hope, longer ones by less."""


class _Sums(NamedTuple):
    """Sums over calls: their weights, and of x, the audio, and y, the time it took."""

    weight: float = 0.0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def plus(self, weight: float, x: float, y: float) -> _Sums:
        return _Sums(
            self.weight + weight,
            self.x + weight * x,
            self.y + weight * y,
            self.xx + weight * x * x,
            self.xy + weight * x * y,
        )

    def times(self, factor: float) -> _Sums:
        return _Sums(*(factor * value for value in self))


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known of one endpoint's speed and errors.

    Attributes:
        stated_speed: seconds of audio that it works off in a second, 0 for unknown.
        at_s: when the sums were last brought up to date, on a monotonic clock.
        usual: of calls in the last hours.
        n_lately: calls in the last minutes.
        slowness: their times over what was usual, added up.
    """

    stated_speed: float = 0.0
    at_s: float = 0.0
    usual: _Sums = field(default_factory=_Sums)
    n_lately: float = 0.0
    slowness: float = 0.0
    n_calls: float = 0.0
    n_errors: float = 0.0

    def observed(self, now_s: float, audio_s: float, took_s: float) -> Pace:
        """Return what is known after a call that succeeded."""
        faded = self._faded(now_s)
        usual_s = _usual_s(faded.usual, self.stated_speed, audio_s)
        keep = min(1.0, _MOST_LATELY / (faded.n_lately + 1))
        slowness = faded.slowness + min(_MOST_SLOWNESS, took_s / usual_s)
        return replace(
            faded,
            usual=faded.usual.plus(_weight(audio_s), audio_s, took_s),
            n_lately=(faded.n_lately + 1) * keep,
            slowness=slowness * keep,
            n_calls=faded.n_calls + 1,
        )

    def failed(self, now_s: float) -> Pace:
        """Return what is known after a call that failed."""
        faded = self._faded(now_s)
        return replace(faded, n_calls=faded.n_calls + 1, n_errors=faded.n_errors + 1)

    def expected_s(self, now_s: float, audio_s: float) -> float:
        """Return how long a call with so much audio would take."""
        faded = self._faded(now_s)
        factor = (faded.slowness + _CALM_WEIGHT) / (faded.n_lately + _CALM_WEIGHT)
        usual_s = _usual_s(faded.usual, self.stated_speed, audio_s)
        return usual_s * factor * (1 - _hope(now_s - self.at_s, audio_s))

    def error_rate(self, now_s: float) -> float:
        """Return the share of calls that fail, below 1."""
        faded = self._faded(now_s)
        return faded.n_errors / (faded.n_calls + 1)

    def _faded(self, now_s: float) -> Pace:
        since_s = max(0.0, now_s - self.at_s)
        keep = 0.5 ** (since_s / HALF_LIFE_S)
        return replace(
            self,
            at_s=now_s,
            usual=self.usual.times(0.5 ** (since_s / USUAL_HALF_LIFE_S)),
            n_lately=self.n_lately * keep,
            slowness=self.slowness * keep,
            n_calls=self.n_calls * keep,
            n_errors=self.n_errors * keep,
        )


def _weight(audio_s: float) -> float:
    """Return how much a call counts for the line; long ones vary more."""
    return (_EVEN_AUDIO_S / (_EVEN_AUDIO_S + audio_s)) ** 2


def _hope(since_s: float, audio_s: float) -> float:
    """Return the share of its time that an endpoint may have lost since it was called."""
    since_s = max(0.0, since_s)
    return since_s / (since_s + _HOPE_HALF_S) * _HOPE_AUDIO_S / (_HOPE_AUDIO_S + audio_s)


def _usual_s(sums: _Sums, stated_speed: float, audio_s: float) -> float:
    """Return how long a call usually takes."""
    for x in _MADE_UP_AUDIO_S:
        made_up_s = FIXED_S + x / (stated_speed or USUAL_SPEED)
        sums = sums.plus(_MADE_UP_WEIGHT * _weight(x), x, made_up_s)
    spread = sums.weight * sums.xx - sums.x * sums.x
    slope = max(0.0, (sums.weight * sums.xy - sums.x * sums.y) / spread)
    fixed_s = max(0.0, (sums.y - slope * sums.x) / sums.weight)
    return max(_LEAST_S, fixed_s + slope * audio_s)
