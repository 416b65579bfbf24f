"""A made-up week of callers: when they come, and how long they speak; serves nobody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench import scale_figures as figures

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

MINUTE_S = 60.0
HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S
WEEK_S = 7 * DAY_S
MONTH_S = 730 * HOUR_S
"""A twelfth of a year."""

HOURLY = (
    0.10, 0.07, 0.05, 0.05, 0.06, 0.12, 0.28, 0.55, 0.86, 0.98, 1.00, 0.96,
    0.80, 0.88, 0.98, 0.97, 0.90, 0.74, 0.56, 0.46, 0.38, 0.30, 0.22, 0.15,
)  # fmt: skip
"""Demand of a working day in the middle of each hour, over that of its busiest hour: assumed."""

DAILY = (0.97, 1.00, 1.00, 0.98, 0.92, 0.38, 0.32)
"""Demand of Monday to Sunday over that of the busiest day: assumed."""

TUESDAY = 1
PEAK_HOUR = 10.5
"""The busiest moment of a working day."""


def shape(at_s: Numbers) -> Numbers:
    """Return demand at moments of a week that begins on Monday, over that of its peak."""
    hours = np.arange(-1, 25) + 0.5
    of_day = np.interp(at_s % DAY_S / HOUR_S, hours, (HOURLY[-1], *HOURLY, HOURLY[0]))
    daily = np.asarray(DAILY)[(at_s // DAY_S).astype(int) % 7]
    return np.asarray(of_day * daily)


def mean_shape() -> float:
    """Return the mean of `shape` over a week."""
    return float(shape(np.arange(0, WEEK_S, MINUTE_S)).mean())


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the week."""

    begin_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.begin_s


WEEK = Span(0.0, WEEK_S)
WORKING_DAY = Span(TUESDAY * DAY_S, (TUESDAY + 1) * DAY_S)
PEAK_S = TUESDAY * DAY_S + PEAK_HOUR * HOUR_S


@dataclass(frozen=True, slots=True)
class Requests:
    """Recordings that are sent in, sorted by time.

    Attributes:
        work_s: what each takes one core.
        n_stretches: parts of the same length that it is cut into, which are worked on in turn.
    """

    at_s: Numbers
    audio_s: Numbers
    work_s: Numbers
    n_stretches: Counts


@dataclass(frozen=True, slots=True)
class Calls:
    """Live sessions, sorted by time."""

    at_s: Numbers
    length_s: Numbers


def mean_audio_s() -> float:
    """Return the mean length of a recording, by numbers and not by formula: the tail is cut."""
    return float(_lengths_s(np.random.default_rng(0), 400_000).mean())


def requests_a_second(hours_a_month: float) -> float:
    """Return the recordings of the busiest second, in the mean of many."""
    return hours_a_month * HOUR_S / MONTH_S / mean_audio_s() / mean_shape()


def requests(seed: int, hours_a_month: float, span: Span) -> Requests:
    """Return the recordings of a part of the week, where so many hours come in a month."""
    random = np.random.default_rng(seed)
    at_s = arrivals(random, requests_a_second(hours_a_month), span)
    audio_s = _lengths_s(random, len(at_s))
    speed = figures.CLIPS_SPEED.value / figures.CORES
    spread = figures.WORK_SPREAD.value
    luck = np.exp(random.normal(-(spread**2) / 2, spread, len(at_s)))
    n_stretches = np.ceil(audio_s / figures.STRETCH_S.value).astype(np.int64)
    return Requests(at_s, audio_s, audio_s / speed * luck, n_stretches)


def _lengths_s(random: np.random.Generator, n: int) -> Numbers:
    median_s, spread = figures.AUDIO_MEDIAN_S.value, figures.AUDIO_SPREAD.value
    drawn = np.exp(random.normal(np.log(median_s), spread, n))
    return np.asarray(drawn.clip(2, figures.AUDIO_LONGEST_S.value))


def arrivals(random: np.random.Generator, peak_a_second: float, span: Span) -> Numbers:
    """Return moments of a Poisson process whose rate follows the week, minute by minute."""
    minutes = np.arange(span.begin_s, span.end_s, MINUTE_S)
    rates = peak_a_second * shape(minutes + MINUTE_S / 2)
    counts = random.poisson(rates * MINUTE_S)
    begins = np.repeat(minutes, counts)
    return np.sort(begins + random.random(len(begins)) * MINUTE_S)


def mean_session_s() -> float:
    """Return the mean length of a live session."""
    spread = figures.SESSION_SPREAD.value
    return float(figures.SESSION_MEDIAN_S.value * np.exp(spread**2 / 2))


def calls(seed: int, peak_streams: float, span: Span) -> Calls:
    """Return live sessions, `peak_streams` at once at the busiest time of the week."""
    random = np.random.default_rng(seed)
    at_s = arrivals(random, peak_streams / mean_session_s(), span)
    median_s, spread = figures.SESSION_MEDIAN_S.value, figures.SESSION_SPREAD.value
    return Calls(at_s, np.exp(random.normal(np.log(median_s), spread, len(at_s))))
