"""The days and weeks that are simulated for docs/scale.md, and what is noted of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TypeAlias

import numpy as np

from bench import scale_figures as figures
from bench.scale_day import (
    HOUR_S,
    PEAK_S,
    WEEK,
    WORKING_DAY,
    Numbers,
    Requests,
    Span,
    calls,
    requests,
)
from bench.scale_growth import ZONES, Policy
from bench.scale_live import Column, Followed, LiveSetup, follow, late_share, refused_share
from bench.scale_model import Load, plan
from bench.scale_queueing import Choice, Outage, Served, Setup, serve
from bench.scale_theory import N_WARM, QUEUES, simulated

Row: TypeAlias = Mapping[str, float | str]

HOURS = (1_000.0, 100_000.0, 1_000_000.0)
STREAMS = (10.0, 100.0, 1_000.0, 10_000.0)
PACKED = (6.0, 8.0, 9.0)
STARTS_S = (60.0, 180.0, 600.0)
WINDOW_S = 1_800.0
"""How long after a zone is lost the rows speak of."""

OUTAGE = Outage(PEAK_S, PEAK_S + figures.OUTAGE_S.value)
LEAST_SHARE, MOST_TIMES = 0.2, 4.0
"""A pool shrinks to this share of what its busiest time needs, and grows to as many times that."""


def policy_of(n_needed: int, start_s: float = figures.NODE_START_S.value) -> Policy:
    """Return the policy of a pool whose busiest time needs so many workers."""
    least = max(len(ZONES), math.ceil(LEAST_SHARE * n_needed))
    return Policy(
        least, max(2 * least, math.ceil(MOST_TIMES * n_needed)),
        start_s=start_s + figures.LOAD_S.value,
    )  # fmt: skip


def recording_setup(
    hours: float, choice: Choice = Choice.SHORTER_OF_TWO, start_s: float | None = None
) -> Setup:
    """Return what serves so many hours a month."""
    start_s = figures.NODE_START_S.value if start_s is None else start_s
    policy = policy_of(plan(Load(hours=hours)).recording_workers, start_s)
    return Setup(policy, figures.CORES, choice, OUTAGE, figures.NOTICE_S.value)


def live_setup(peak: float, streams: float, start_s: float | None = None) -> LiveSetup:
    """Return what serves `peak` streams, `streams` on a worker."""
    start_s = figures.NODE_START_S.value if start_s is None else start_s
    policy = replace(policy_of(math.ceil(peak / streams), start_s), busy=1.0)
    return LiveSetup(policy, streams, OUTAGE, figures.NOTICE_S.value)


def recording_row(hours: float, setup: Setup, name: str, span: Span = WORKING_DAY) -> Row:
    """Simulate recordings, and sum up."""
    return {"name": name, "hours": hours, **summed(*recording_run(hours, setup, span), setup)}


@cache
def recording_run(hours: float, setup: Setup, span: Span = WORKING_DAY) -> tuple[Requests, Served]:
    """Simulate recordings, once for each setup."""
    asked = requests(0, hours, span)
    return asked, serve(asked, setup)


def summed(asked: Requests, served: Served, setup: Setup) -> Row:
    """Return the figures of a simulation: quiet times apart from those after a zone is lost."""
    is_after = (asked.at_s >= PEAK_S) & (asked.at_s < PEAK_S + WINDOW_S)
    if setup.outage is None:
        is_after[:] = False
    worked_s = float(asked.work_s[~np.isnan(served.wait_s)].sum())
    return {
        "requests": len(asked.at_s),
        **_waits("", served.wait_s[~is_after]),
        **_waits("after_", served.wait_s[is_after]),
        "again": served.n_again,
        "least_workers": float(served.ticks[:, 1].min()),
        "most_workers": float(served.ticks[:, 1].max()),
        "worker_hours": served.paid_s / HOUR_S,
        "busy": worked_s / (served.paid_s * setup.n_cores),
        "audio_hours": float(asked.audio_s.sum()) / HOUR_S,
    }


def _waits(prefix: str, wait_s: Numbers) -> Row:
    if not len(wait_s):
        return {}
    let_in = wait_s[~np.isnan(wait_s)]
    quantiles = np.percentile(let_in, (50, 95, 99)) if len(let_in) else (math.nan,) * 3
    return {
        **{f"{prefix}p{q}_s": float(s) for q, s in zip((50, 95, 99), quantiles, strict=True)},
        f"{prefix}refused": float(np.isnan(wait_s).mean()),
    }


def live_row(peak: float, setup: LiveSetup, name: str, span: Span = WORKING_DAY) -> Row:
    """Simulate live streams, and sum up."""
    return {"name": name, "streams": peak, **live_summed(live_run(peak, setup, span))}


@cache
def live_run(peak: float, setup: LiveSetup, span: Span = WORKING_DAY) -> Followed:
    """Simulate live streams, once for each setup."""
    return follow(calls(0, peak, span), span, setup)


def live_summed(followed: Followed) -> Row:
    """Return the figures of a simulation: quiet times apart from those after a zone is lost."""
    seconds = followed.seconds
    at_s, workers = seconds[:, Column.AT_S], seconds[:, Column.OPEN]
    is_after = (at_s >= PEAK_S) & (at_s < PEAK_S + WINDOW_S)
    quiet, after = seconds[~is_after], seconds[is_after]
    stream_hours = float(seconds[:, Column.SESSIONS].sum()) / HOUR_S
    return {
        "sessions": float(seconds[:, Column.ASKED].sum()),
        "most_streams": float(seconds[:, Column.SESSIONS].max()),
        "refused": refused_share(quiet),
        "after_refused": refused_share(after),
        "late": late_share(quiet),
        "after_late": late_share(after),
        "after_behind_s": float(after[:, Column.BEHIND_S].max()),
        "heard_again_s": followed.heard_again_s,
        "least_workers": float(workers.min()),
        "most_workers": float(workers.max()),
        "worker_hours": followed.paid_s / HOUR_S,
        "stream_hours": stream_hours,
        "streams_per_worker": stream_hours * HOUR_S / followed.paid_s,
    }


def recordings() -> list[Row]:
    """Return a working day at each size, with both ways to find a worker."""
    return [
        recording_row(hours, recording_setup(hours, choice), choice)
        for hours in HOURS
        for choice in (Choice.SHORTER_OF_TWO, Choice.SHARED)
    ]


def policies() -> list[Row]:
    """Return the same day under rules that look at waits alone, or at load too."""
    hours = HOURS[1]
    setup = recording_setup(hours)
    alone = replace(setup, policy=replace(setup.policy, busy=None))
    tight = replace(setup, policy=replace(setup.policy, busy=figures.BUSY.high))
    return [
        recording_row(hours, alone, "waits alone"),
        recording_row(hours, setup, f"waits, and {setup.policy.busy:.0%} busy"),
        recording_row(hours, tight, f"waits, and {tight.policy.busy:.0%} busy"),
    ]


def starts() -> list[Row]:
    """Return the same day where nodes start sooner or later."""
    rows: list[Row] = []
    for start_s in STARTS_S:
        setup = recording_setup(HOURS[-1], start_s=start_s)
        live = live_setup(STREAMS[-1], PACKED[-1], start_s)
        rows.append(
            {
                **recording_row(HOURS[-1], setup, f"{start_s:g}"),
                **{f"live_{key}": value for key, value in live_row(STREAMS[-1], live, "").items()},
            }
        )
    return rows


def live() -> list[Row]:
    """Return a working day at each size, with workers filled more or less."""
    return [
        live_row(peak, live_setup(peak, streams), f"{streams:g}")
        for peak in STREAMS
        for streams in PACKED
    ]


def weeks() -> Mapping[str, Row]:
    """Return whole weeks in which nothing breaks, for what they cost."""
    recording = replace(recording_setup(HOURS[1]), outage=None)
    streaming = replace(live_setup(STREAMS[-1], PACKED[0]), outage=None)
    return {
        "recordings": recording_row(HOURS[1], recording, "week", WEEK),
        "live": live_row(STREAMS[-1], streaming, "week", WEEK),
    }


def checks() -> list[Row]:
    """Return waits of the simplest queues beside those of theory."""
    rows: list[Row] = []
    for queue in QUEUES:
        wait_s: Numbers = simulated(queue, 0).wait_s[N_WARM:]
        rows.append(
            {
                "name": f"servers: {queue.n_servers}, busy: {queue.busy:.0%}",
                "mean_s": float(wait_s.mean()),
                "theory_s": queue.mean_wait_s,
                "waits": float((wait_s > 0).mean()),
                "theory_waits": queue.waits,
            }
        )
    return rows


def everything() -> Mapping[str, Sequence[Row] | Mapping[str, Row]]:
    """Return all of them; takes a few minutes of one core."""
    return {
        "recordings": recordings(),
        "policies": policies(),
        "starts": starts(),
        "live": live(),
        "weeks": weeks(),
        "checks": checks(),
    }
