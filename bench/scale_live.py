"""Live streams on a pool of workers: sessions one by one, their work as a flow, second by second.

A session stays where its socket is; its finals go to whichever worker is free, so the work of all
sessions is one flow that all workers share. What they cannot follow piles up, and makes every final
as late as it takes to work it off.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from statistics import NormalDist

import numpy as np

from bench import scale_figures as figures
from bench.scale_day import Calls, Numbers, Span
from bench.scale_growth import TICK_S, Growth, Policy, Reading, emptiest
from bench.scale_queueing import Outage
from loquent.engines.scheduling.estimate import LIVE_STRETCH_S, MAX_LIVE_LOAD

LATE_S = 4.0
STEP_S = 1.0

ROOM = figures.STREAMS_LET_IN.value
"""Streams of a worker beyond which nobody is let in."""

FLOW = ROOM / MAX_LIVE_LOAD
"""Streams whose finals alone keep a worker busy: it lets in what takes this share of it."""

_P95 = NormalDist().inv_cdf(0.95)
_KNOTS = (1.0, figures.STREAMS.value, ROOM)
_P50_S = (figures.ONE_P50_S.value, figures.STREAMS_P50_S.value, figures.STREAMS_LET_IN_P50_S.value)
_P95_S = (figures.ONE_P95_S.value, figures.STREAMS_P95_S.value, figures.STREAMS_LET_IN_P95_S.value)


class Column(IntEnum):
    """What the rows of a simulation hold.

    Attributes:
        PAID: workers that serve or are being started.
        BEHIND_S: how much later finals come because work has piled up.
        LATE: share of the finals that come later than `LATE_S`.
        ASKED, REFUSED: sessions that wanted to begin, and those that found no room.
    """

    AT_S = 0
    SESSIONS = 1
    OPEN = 2
    PAID = 3
    BEHIND_S = 4
    LATE = 5
    ASKED = 6
    REFUSED = 7


@dataclass(frozen=True, slots=True)
class LiveSetup:
    """What serves live streams.

    Attributes:
        streams: of a worker, as many as the pool is made for.
        notice_s: how long it takes to notice that a worker is gone.
    """

    policy: Policy
    streams: float = figures.STREAMS.value
    outage: Outage | None = None
    notice_s: float = figures.NOTICE_S.value


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of all sessions.

    Attributes:
        seconds: a row for each second: `Column` says what of.
        heard_again_s: sound, of all sessions, whose first hearing was lost with a zone.
    """

    seconds: Numbers
    paid_s: float
    heard_again_s: float


def late_share(seconds: Numbers) -> float:
    """Return the share of the finals of some rows that came later than `LATE_S`."""
    sessions = seconds[:, Column.SESSIONS]
    n_all = float(sessions.sum())
    return float((sessions * seconds[:, Column.LATE]).sum() / n_all) if n_all else 0.0


def refused_share(seconds: Numbers) -> float:
    """Return the share of the sessions asked for in some rows that found no room."""
    n_all = float(seconds[:, Column.ASKED].sum())
    return float(seconds[:, Column.REFUSED].sum() / n_all) if n_all else 0.0


def lags_s(streams: float) -> tuple[float, float]:
    """Return p50 and p95 of finals with so many streams on a worker, nothing piled up.

    Between what was measured the lines are straight, beyond it they go on.
    """
    return _along(streams, _P50_S), _along(streams, _P95_S)


def _along(x: float, values: tuple[float, ...]) -> float:
    if x <= _KNOTS[-1]:
        return float(np.interp(x, _KNOTS, values))
    slope = (values[-1] - values[-2]) / (_KNOTS[-1] - _KNOTS[-2])
    return values[-1] + slope * (x - _KNOTS[-1])


def late(streams: float, behind_s: float) -> float:
    """Return the share of finals later than `LATE_S`: log-normal, shifted by what has piled up."""
    left_s = LATE_S - behind_s
    if left_s <= 0:
        return 1.0
    p50_s, p95_s = lags_s(streams)
    spread = math.log(p95_s / p50_s) / _P95
    return 1 - NormalDist().cdf(math.log(left_s / p50_s) / spread)


@dataclass(slots=True)
class _Workers:
    """Workers by zone, those on their way, and what they cost."""

    policy: Policy
    open: Counter[int] = field(default_factory=Counter)
    coming: list[tuple[float, int]] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)
    paid_s: float = 0.0

    @property
    def n_open(self) -> int:
        return self.open.total()

    @property
    def n_there(self) -> int:
        return self.n_open + len(self.coming)

    def resize(self, now_s: float, size: int) -> None:
        for _ in range(size - self.n_there):
            there = self.open + Counter(zone for _, zone in self.coming)
            zone = emptiest(there, self.lost)
            self.coming.append((now_s + self.policy.start_s, zone))
        for _ in range(min(self.n_there - size, self.n_open - 1)):
            self.open[max(self.open, key=lambda zone: self.open[zone])] -= 1

    def pass_time(self, now_s: float) -> None:
        arrived = [zone for at_s, zone in self.coming if at_s <= now_s]
        self.open.update(arrived)
        self.coming = [each for each in self.coming if each[0] > now_s]
        self.paid_s += self.n_there * STEP_S

    def lose(self, zone: int) -> float:
        """Lose a zone, and return the share of the serving workers that it held."""
        share = self.open[zone] / self.n_open if self.n_open else 0.0
        self.open[zone] = 0
        self.coming = [each for each in self.coming if each[1] != zone]
        self.lost.add(zone)
        return share


@dataclass(slots=True)
class _Flow:
    """All sessions and their work.

    Attributes:
        piled_s: sound that waits for workers.
        ends: sessions that end, by second.
        doors: sessions asked for and refused, by second.
        blind: share of the sessions whose workers are gone, which nobody has noticed yet.
    """

    setup: LiveSetup
    workers: _Workers
    growth: Growth
    ends: Numbers
    n_sessions: int = 0
    piled_s: float = 0.0
    heard_again_s: float = 0.0
    blind: float = 0.0
    doors: list[tuple[int, int]] = field(default_factory=list)
    rows: list[tuple[float, ...]] = field(default_factory=list)

    def let_in(self, second: int, lengths_s: Numbers) -> None:
        """Take in newcomers as far as there is room."""
        self.n_sessions -= int(self.ends[second])
        room = max(0, int(ROOM * self.workers.n_open) - self.n_sessions)
        taken = lengths_s[:room]
        self.doors.append((len(lengths_s), len(lengths_s) - len(taken)))
        self.n_sessions += len(taken)
        until = np.minimum(second + 1 + (taken / STEP_S).astype(int), len(self.ends) - 1)
        np.add.at(self.ends, until, 1)

    def work(self, now_s: float) -> None:
        """Let a second of speech be worked on."""
        n_open = self.workers.n_open
        can = FLOW * n_open
        self.piled_s = max(0.0, self.piled_s + (self.n_sessions - can) * STEP_S)
        behind_s = self.piled_s / can if can else math.inf
        share = late(self.n_sessions / n_open, behind_s) if n_open else 1.0
        share = max(share, self.blind)
        n_there = self.workers.n_there
        self.rows.append(
            (now_s, self.n_sessions, n_open, n_there, min(behind_s, 3_600), share, *self.doors[-1])
        )

    def lose(self, zone: int) -> None:
        """Lose a zone: what its workers had not ended is heard again by the others."""
        self.blind = self.workers.lose(zone)
        again_s = self.blind * self.n_sessions * LIVE_STRETCH_S / 2
        self.heard_again_s += again_s
        self.piled_s += again_s

    def tick(self, now_s: float) -> None:
        busy = self.n_sessions / self.setup.streams
        pool = Reading(
            self.workers.n_there, self.workers.n_open, self.rows[-1][Column.BEHIND_S], busy
        )
        self.workers.resize(now_s, self.growth.size(now_s, pool))


def follow(asked: Calls, span: Span, setup: LiveSetup) -> Followed:
    """Let sessions come and go."""
    n_steps = round(span.length_s / STEP_S)
    firsts = np.searchsorted(asked.at_s, span.begin_s + STEP_S * np.arange(n_steps + 1))
    workers = _Workers(setup.policy)
    for _ in range(setup.policy.least):
        workers.open[emptiest(workers.open, ())] += 1
    flow = _Flow(setup, workers, Growth(setup.policy), np.zeros(n_steps + 1))
    for step in range(n_steps):
        now_s = span.begin_s + step * STEP_S
        _happen(flow, now_s)
        flow.let_in(step, asked.length_s[firsts[step] : firsts[step + 1]])
        flow.work(now_s)
        if step % TICK_S == 0:
            flow.tick(now_s)
    return Followed(np.asarray(flow.rows), workers.paid_s, flow.heard_again_s)


def _happen(flow: _Flow, now_s: float) -> None:
    """Lose a zone and get it back, as planned."""
    flow.workers.pass_time(now_s)
    outage = flow.setup.outage
    if outage is None:
        return
    if now_s == outage.begin_s:
        flow.lose(outage.zone)
    if now_s == outage.begin_s + flow.setup.notice_s:
        flow.blind = 0.0
    if now_s == outage.end_s:
        flow.workers.lost.discard(outage.zone)
