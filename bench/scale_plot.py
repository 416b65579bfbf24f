"""Draws docs/images/scale-*.svg: a day, the loss of a zone, and what an hour of audio costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from bench import scale_figures as figures
from bench import svg
from bench.preferences_plot import ticks
from bench.scale_cost import RENTED, Hosted, Rented, hosted
from bench.scale_day import DAY_S, HOUR_S, MINUTE_S, PEAK_S, WORKING_DAY, Numbers
from bench.scale_growth import TICK_S
from bench.scale_live import ROOM, Column, lags_s, refused_share
from bench.scale_queueing import Served
from bench.scale_scenarios import (
    HOURS,
    PACKED,
    STARTS_S,
    STREAMS,
    live_run,
    live_setup,
    recording_run,
    recording_setup,
)
from loquent.domain.model import Capability

BLUE, ORANGE, GREEN, RED = "#3b82f6", "#d9801a", "#1f9d68", "#d14d72"
COLOURS = (GREEN, ORANGE, RED)
WIDTH = 1_120
HOUR_TICKS = (0, 6, 12, 18, 24)
BEFORE_S, AFTER_S = 5 * MINUTE_S, 25 * MINUTE_S
MINUTE_TICKS = (-5, 0, 5, 10, 15, 20, 25)
EVERY_S = 120.0

Line = tuple[str, str, Sequence[svg.Point], bool]
"""Words of the legend, colour, points, whether it is dashed."""


def day() -> str:
    """Draw a working day of live streams, and of recordings under two rules."""
    hours = svg.Axis("hour of a Tuesday; a zone is lost at the dashed line", HOUR_TICKS)
    return _picture(
        "A working day: live streams, and workers for recordings",
        (_chart(0, "10,000 live streams", hours, "thousands", _live_day()),
         _chart(1, "1,000,000 hours of recordings a month", hours, "workers", _recording_day())),
    )  # fmt: skip


def _live_day() -> Sequence[Line]:
    setup = live_setup(STREAMS[-1], PACKED[0])
    rows = live_run(STREAMS[-1], setup).seconds[:: round(EVERY_S)]
    hour, workers = _hour(rows[:, Column.AT_S]), rows[:, Column.OPEN] / 1_000
    return [
        (f"room: {ROOM:g} a worker", GREEN, _points(hour, workers * ROOM), False),
        (f"made for: {setup.streams:g} a worker", ORANGE,
         _points(hour, workers * setup.streams), False),
        ("streams", BLUE, _points(hour, rows[:, Column.SESSIONS] / 1_000), False),
    ]  # fmt: skip


def _recording_day() -> Sequence[Line]:
    setup = recording_setup(HOURS[-1])
    alone = replace(setup, policy=replace(setup.policy, busy=None))
    asked, served = recording_run(HOURS[-1], setup)
    needed = np.histogram(asked.at_s, _edges(), weights=asked.work_s)[0]
    middles = _hour(_edges()[:-1] + EVERY_S * 2)
    return [
        ("looks at waits alone", RED, _serving(recording_run(HOURS[-1], alone)[1]), False),
        ("looks at load too", ORANGE, _serving(served), False),
        ("busy, if all are served at once", BLUE,
         _points(middles, needed / (4 * EVERY_S) / figures.CORES), False),
    ]  # fmt: skip


def _edges() -> Numbers:
    return np.arange(WORKING_DAY.begin_s, WORKING_DAY.end_s + 1, 4 * EVERY_S)


def _serving(served: Served) -> list[svg.Point]:
    rows = served.ticks[:: round(EVERY_S / TICK_S)]
    is_of_day = rows[:, 0] < WORKING_DAY.end_s
    return _points(_hour(rows[is_of_day, 0]), rows[is_of_day, 1])


def _hour(at_s: Numbers) -> Numbers:
    return np.asarray((at_s - WORKING_DAY.begin_s) / HOUR_S)


def zone() -> str:
    """Draw the minutes around the loss of a zone."""
    minutes = svg.Axis("minutes after one zone of three is lost", MINUTE_TICKS)
    after = [_after(streams) for streams in PACKED]
    names = [f"{streams:g} streams a worker" for streams in PACKED]
    lines = list(zip(names, COLOURS, after, strict=False))
    lags = [(name, colour, _lags(rows), False) for name, colour, rows in lines]
    refused = [(name, colour, _refused(rows), False) for name, colour, rows in lines]
    waits = [
        (f"nodes start in {start_s / MINUTE_S:g} min", colour, _waits(start_s), False)
        for start_s, colour in zip(STARTS_S, COLOURS, strict=False)
    ]
    return _picture(
        "The loss of a zone at the busiest time",
        (_chart(0, "Live finals, p95", minutes, "s", lags, 3),
         _chart(1, "Live sessions that find no room", minutes, "%", refused, 3),
         _chart(2, "Waits of recordings, p99", minutes, "s", waits, 3)),
    )  # fmt: skip


def _after(streams: float) -> Numbers:
    rows = live_run(STREAMS[-1], live_setup(STREAMS[-1], streams)).seconds
    at_s = rows[:, Column.AT_S]
    return rows[(at_s >= PEAK_S - BEFORE_S) & (at_s < PEAK_S + AFTER_S)]


def _lags(rows: Numbers) -> list[svg.Point]:
    rows = rows[::5]
    full = rows[:, Column.SESSIONS] / rows[:, Column.OPEN]
    p95_s = np.asarray([lags_s(streams)[1] for streams in full])
    return _points((rows[:, Column.AT_S] - PEAK_S) / MINUTE_S, p95_s + rows[:, Column.BEHIND_S])


def _refused(rows: Numbers) -> list[svg.Point]:
    lots = rows.reshape(-1, round(MINUTE_S), rows.shape[1])
    middles = lots[:, :, Column.AT_S].mean(axis=1)
    shares = np.asarray([100 * refused_share(lot) for lot in lots])
    return _points((middles - PEAK_S) / MINUTE_S, shares)


def _waits(start_s: float) -> list[svg.Point]:
    asked, served = recording_run(HOURS[-1], recording_setup(HOURS[-1], start_s=start_s))
    begins = np.arange(PEAK_S - BEFORE_S, PEAK_S + AFTER_S, MINUTE_S)
    bounds = np.searchsorted(asked.at_s, [*begins, PEAK_S + AFTER_S])
    p99_s = [
        float(np.nanpercentile(served.wait_s[first:last], 99)) for first, last in pairwise(bounds)
    ]
    return _points((begins + MINUTE_S / 2 - PEAK_S) / MINUTE_S, np.asarray(p99_s))


def cost() -> str:
    """Draw what an hour of audio costs, by how busy machines are, beside hosted prices."""
    return _picture(
        "An hour of audio on rented machines, beside hosted prices",
        (_costs(0, "An hour of recordings", Capability.TRANSCRIPTION),
         _costs(1, "An hour of live sound", Capability.REALTIME)),
    )  # fmt: skip


def _costs(place: int, title: str, capability: Capability) -> list[str]:
    is_live = capability is Capability.REALTIME
    mine = [rented for rented in RENTED if rented.is_live == is_live]
    prices = [each for each in hosted() if each.capability is capability]
    lines: list[Line] = [
        (rented.name, colour, _by_busy(rented), rented.is_estimate)
        for rented, colour in zip(mine, COLOURS, strict=False)
    ]
    x = svg.Axis("share of the time that machines are busy (%)", (0, 25, 50, 75, 100))
    y = svg.Axis("USD for an hour of audio", (0.003, 0.01, 0.03, 0.1, 0.3, 1), "g", is_log=True)
    panel = _panel(place, title, x, y)
    parts = [panel.frame(), *_legend(panel, lines)]
    for each in _marked(prices):
        parts.append(panel.curve([(0, each.usd), (100, each.usd)], "currentColor", is_dashed=True))
        words = f"{each.provider}: {each.model}"
        parts.append(panel.note((100, each.usd), words, offset=(-4, -5), anchor="end"))
    parts += [panel.curve(points, colour, is_dashed=d) for _, colour, points, d in lines]
    return parts


def _marked(prices: Sequence[Hosted]) -> list[Hosted]:
    """Return the cheapest, the one in the middle and the dearest."""
    by_price = {each.usd: each for each in prices}
    once = list(by_price.values())
    return [once[place] for place in sorted({0, len(once) // 2, len(once) - 1})]


def _by_busy(rented: Rented) -> list[svg.Point]:
    shares = [share / 100 for share in range(2, 101, 2)]
    return [(100 * share, rented.usd(share)) for share in shares if rented.usd(share) <= 1]


def _points(xs: Numbers, ys: Numbers) -> list[svg.Point]:
    return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]


def _panel(place: int, title: str, x: svg.Axis, y: svg.Axis, n_panels: int = 2) -> svg.Panel:
    step = WIDTH / n_panels
    return svg.Panel(title, x, y, 76 + step * place, 130, step - 100, 270)


def _chart(
    place: int, title: str, x: svg.Axis, unit: str, lines: Sequence[Line], n_panels: int = 2
) -> list[str]:
    top = max(value for _, _, points, _ in lines for _, value in points)
    y = svg.Axis(unit, ticks(top), ",g")
    panel = _panel(place, title, x, y, n_panels)
    lost = (PEAK_S % DAY_S) / HOUR_S if x.ticks[-1] == HOUR_TICKS[-1] else 0.0
    mark = panel.curve([(lost, 0), (lost, y.ticks[-1])], "currentColor", is_dashed=True)
    curves = [panel.curve(points, colour, is_dashed=d) for _, colour, points, d in lines]
    return [panel.frame(), mark, *_legend(panel, lines), *curves]


def _legend(panel: svg.Panel, lines: Sequence[Line]) -> list[str]:
    parts = []
    for number, (words, colour, _, is_dashed) in enumerate(lines):
        y = 26.0 + 21 * number
        parts.append(svg.sample(panel.left, y, colour, "5 4" if is_dashed else ""))
        parts.append(svg.text(panel.left + 32, y + 4, words))
    return parts


def _picture(title: str, charts: Sequence[Sequence[str]]) -> str:
    return svg.picture(WIDTH, 460, title, [part for chart in charts for part in chart])
