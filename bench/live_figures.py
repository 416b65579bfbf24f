"""Sums up live sessions and lays the sums out beside their goals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from rich.table import Table

from bench.live_score import (
    Coverage,
    Ending,
    Flicker,
    WordLags,
    coverage,
    ending,
    error_rates,
    final_lags,
    first_text_lags,
    flicker,
    percentile,
    word_lags,
)
from bench.live_values import Session, Stream
from bench.scoring import ErrorRate

Heard: TypeAlias = tuple[Stream, Session]
"""What was sent and what came of it."""


@dataclass(slots=True)
class Figures:
    """Sums over sessions; what was refused is only counted.

    Attributes:
        finals_s: lag of each final behind the true end of its speech.
        n_broken: sessions that were let in and did not end with code 1000.
        live: word errors of the finals.
        offline: word errors of the same model on the same clips as files.
    """

    n_sessions: int = 0
    n_refused: int = 0
    n_broken: int = 0
    lags: WordLags = field(default_factory=WordLags)
    firsts_s: list[float] = field(default_factory=list)
    finals_s: list[float] = field(default_factory=list)
    flicker: Flicker = field(default_factory=Flicker)
    coverage: Coverage = field(default_factory=Coverage)
    live: ErrorRate = field(default_factory=lambda: ErrorRate(0, 0))
    offline: ErrorRate = field(default_factory=lambda: ErrorRate(0, 0))

    @property
    def difference(self) -> float:
        """Points by which the finals are worse than the offline texts."""
        return self.live.percent - self.offline.percent

    @property
    def has_lost_sound(self) -> bool:
        """Tell whether a session broke, or a passage was sent and no final came of it."""
        return bool(self.n_broken or self.coverage.n_silent)


def summed(heard: Iterable[Heard]) -> Figures:
    """Score every session and add up."""
    total = Figures()
    for stream, session in heard:
        total.n_sessions += 1
        if session.was_refused:
            total.n_refused += 1
            continue
        total.n_broken += not session.is_whole
        total.lags += word_lags(stream, session)
        total.firsts_s += first_text_lags(stream, session)
        total.finals_s += [lag_s for _, lag_s in final_lags(stream, session)]
        total.flicker += flicker(session)
        total.coverage += coverage(stream, session)
        live, offline = error_rates(stream, session)
        total.live += live
        total.offline += offline
    return total


def paired_up(streams: Sequence[Stream], sessions: Sequence[Session]) -> list[Heard]:
    """Put each session beside its stream."""
    by_name = {stream.name: stream for stream in streams}
    return [(by_name[session.stream], session) for session in sessions]


@dataclass(frozen=True, slots=True)
class Run:
    """One pass: long speech, and streams that end in the midst of it."""

    speech: Figures
    endings: tuple[Ending, ...]
    n_broken_endings: int


def run_of(speech: Sequence[Heard], endings: Sequence[Heard]) -> Run:
    """Score one pass."""
    n_broken = sum(not session.is_whole for _, session in endings)
    return Run(summed(speech), tuple(ending(*heard) for heard in endings), n_broken)


def _after_done(run: Run, *, is_close: bool) -> float:
    waits = [e.closed_s if is_close else e.final_s for e in run.endings]
    return percentile([math.inf if wait is None else wait for wait in waits], 95)


FIGURES: Mapping[str, tuple[str, Callable[[Run], float]]] = {
    "WER of finals": ("%", lambda run: run.speech.live.percent),
    "WER offline, same model": ("%", lambda run: run.speech.offline.percent),
    "WER: points worse than offline": ("", lambda run: run.speech.difference),
    "word shown after its end, p50": ("s", lambda run: percentile(run.speech.lags.lags_s, 50)),
    "word shown after its end, p95": ("s", lambda run: percentile(run.speech.lags.lags_s, 95)),
    "words never shown": ("%", lambda run: run.speech.lags.unseen_percent),
    "first text after start of speech, p50": ("s", lambda r: percentile(r.speech.firsts_s, 50)),
    "first text after start of speech, p95": ("s", lambda r: percentile(r.speech.firsts_s, 95)),
    "final after true end of speech, p50": ("s", lambda run: percentile(run.speech.finals_s, 50)),
    "final after true end of speech, p95": ("s", lambda run: percentile(run.speech.finals_s, 95)),
    "words shown that were changed later": ("%", lambda run: run.speech.flicker.percent),
    "last final after done, p95": ("s", lambda run: _after_done(run, is_close=False)),
    "close after done, p95": ("s", lambda run: _after_done(run, is_close=True)),
    "words deleted in last clips": ("", lambda run: sum(e.n_deleted for e in run.endings)),
    "words lost at the very end": ("", lambda run: sum(e.n_tail for e in run.endings)),
    "clips without any final": ("", lambda run: run.speech.coverage.n_silent),
    "words outside all finals": ("", lambda run: run.speech.coverage.n_outside),
    "sessions not closed with 1000": ("", lambda run: run.speech.n_broken + run.n_broken_endings),
}
"""Name of a figure -> its unit and how it is had; all are better if they are smaller."""

_OF_ANY: Mapping[str, float] = {
    "WER: points worse than offline": 0.5,
    "words shown that were changed later": 8,
    "last final after done, p95": 1.0,
    "close after done, p95": 1.0,
    "words lost at the very end": 0,
    "clips without any final": 0,
    "sessions not closed with 1000": 0,
}

_LAGS = (
    "word shown after its end, p50",
    "word shown after its end, p95",
    "first text after start of speech, p50",
    "first text after start of speech, p95",
    "final after true end of speech, p50",
    "final after true end of speech, p95",
)

GOALS: Mapping[str, Mapping[str, float]] = {
    "whisper-base": {
        **_OF_ANY,
        **dict(zip(_LAGS, (1.0, 1.8, 1.0, 1.5, 1.1, 1.6), strict=True)),
    },
    "whisper-tiny.en": {
        **_OF_ANY,
        **dict(zip(_LAGS, (0.6, 1.1, 0.8, 1.2, 0.9, 1.3), strict=True)),
    },
}


def beside_goals(title: str, model: str, runs: Sequence[Run]) -> Table:
    """Show every figure of every run, the worst run, and the goal."""
    columns = [f"run {number}" for number in range(1, len(runs) + 1)]
    table = Table("figure", *columns, "worst", "goal", "", box=None, title=title)
    goals = GOALS.get(model, _OF_ANY)
    for name, (unit, read) in FIGURES.items():
        values = [read(run) for run in runs]
        worst = math.nan if any(map(math.isnan, values)) else max(values)
        goal = goals.get(name)
        verdict = "" if goal is None else "met" if worst <= goal else "missed"
        shown = [_shown(value, unit) for value in (*values, worst)]
        table.add_row(name, *shown, "" if goal is None else _shown(goal, unit), verdict)
    return table


def _shown(value: float, unit: str) -> str:
    number = str(value) if isinstance(value, int) else f"{value:.2f}"
    return f"{number} {unit}".rstrip()


def spread(values: Sequence[float]) -> str:
    """Show the median and the 95th percentile of times."""
    return f"{percentile(values, 50):.2f} / {percentile(values, 95):.2f} s"
