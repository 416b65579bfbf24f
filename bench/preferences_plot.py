"""Draws a made-up day: what each preference costs and how long it takes, beside hindsight."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from statistics import fmean

from bench import svg
from bench.preferences import Choice, Hindsight, hindsight, routed
from bench.preferences_day import HOURS, Day, composed
from loquent.domain.endpoints import Preference

COLOURS = {
    Preference.SPEED: "#3b82f6",
    Preference.BALANCED: "#d9801a",
    Preference.COST: "#1f9d68",
}
MICROS = 1e6
HOUR_TICKS = (0, 6, 12, 18, 24)

Chosen = Mapping[Preference, Sequence[Choice | None]]


class _Lot:
    """The choices of a day, summed up by hour.

    Attributes:
        costs: paid since midnight, at the end of each hour.
        means_s: mean time of the requests of each hour that had any.
    """

    def __init__(self, day: Day, choices: Sequence[Choice | None]) -> None:
        hours: list[list[Choice]] = [[] for _ in range(HOURS)]
        for asked, choice in zip(day.asked, choices, strict=True):
            if choice is not None:
                hours[int(asked.at_s // 3_600)].append(choice)
        self.costs = list(accumulate(sum(c.micros for c in hour) / MICROS for hour in hours))
        self.means_s = {
            number: fmean(choice.took_s for choice in hour)
            for number, hour in enumerate(hours)
            if hour
        }
        self.mean_s = fmean(choice.took_s for hour in hours for choice in hour)


def of_day(seed: int, n_requests: int) -> str:
    """Return a picture of the day that belongs to a seed."""
    day = composed(seed, n_requests)
    chosen = {preference: routed(day, preference) for preference in Preference}
    return drawn(day, hindsight(day), chosen)


def drawn(day: Day, best: Sequence[Hindsight | None], chosen: Chosen) -> str:
    """Return a picture of three charts: cost against time, and both over the day."""
    lots = {preference: _Lot(day, choices) for preference, choices in chosen.items()}
    cheapest = _Lot(day, [ideal.cheapest if ideal else None for ideal in best])
    fastest = _Lot(day, [ideal.fastest if ideal else None for ideal in best])
    parts = [
        *_legend(),
        *_against(lots, cheapest, fastest),
        *_costs(lots, cheapest),
        *_times(lots, fastest),
    ]
    return svg.picture(1_120, 410, "What each preference costs and takes over a made-up day", parts)


def _against(lots: Mapping[Preference, _Lot], cheapest: _Lot, fastest: _Lot) -> list[str]:
    everyone = [*lots.values(), cheapest, fastest]
    x = svg.Axis("mean time of a request (s)", ticks(max(lot.mean_s for lot in everyone)))
    y = svg.Axis("cost of the day ($)", ticks(max(lot.costs[-1] for lot in everyone)))
    panel = svg.Panel("Cost against time", x, y, 70, 90, 270, 250)
    parts = [panel.frame()]
    for preference, lot in lots.items():
        point = (lot.mean_s, lot.costs[-1])
        parts.append(panel.mark(point, COLOURS[preference]))
        is_right = x.share(lot.mean_s) > 0.7
        offset, anchor = ((-12.0, -12.0), "end") if is_right else ((14.0, -8.0), "start")
        parts.append(panel.note(point, preference.value, offset=offset, anchor=anchor))
    for words, lot in (("fastest in hindsight", fastest), ("cheapest in hindsight", cheapest)):
        point = (lot.mean_s, lot.costs[-1])
        is_right = x.share(lot.mean_s) > 0.7
        offset, anchor = ((12.0, 20.0), "end") if is_right else ((14.0, 12.0), "start")
        parts.append(panel.mark(point, "currentColor", is_hollow=True))
        parts.append(panel.note(point, words, offset=offset, anchor=anchor))
    return parts


def _costs(lots: Mapping[Preference, _Lot], cheapest: _Lot) -> list[str]:
    y = svg.Axis("paid since midnight ($)", ticks(max(lot.costs[-1] for lot in lots.values())))
    panel = svg.Panel("Cost over the day", _hours(), y, 450, 90, 270, 250)
    return [
        panel.frame(),
        *(panel.curve(_since(lot), COLOURS[preference]) for preference, lot in lots.items()),
        panel.curve(_since(cheapest), "currentColor", is_dashed=True),
    ]


def _since(lot: _Lot) -> list[svg.Point]:
    return [(float(hour), cost) for hour, cost in enumerate([0.0, *lot.costs])]


def _times(lots: Mapping[Preference, _Lot], fastest: _Lot) -> list[str]:
    top_s = max(mean_s for lot in lots.values() for mean_s in lot.means_s.values())
    y = svg.Axis("mean time of a request (s)", ticks(top_s))
    panel = svg.Panel("Time over the day", _hours(), y, 830, 90, 270, 250)
    return [
        panel.frame(),
        *(panel.curve(_by_hour(lot), COLOURS[preference]) for preference, lot in lots.items()),
        panel.curve(_by_hour(fastest), "currentColor", is_dashed=True),
    ]


def _by_hour(lot: _Lot) -> list[svg.Point]:
    return [(hour + 0.5, mean_s) for hour, mean_s in lot.means_s.items()]


def _legend() -> list[str]:
    parts = []
    looks = [*((p.value, colour, "") for p, colour in COLOURS.items())]
    looks.append(("the cheapest, the fastest in hindsight", "currentColor", "5 4"))
    for number, (words, colour, dashes) in enumerate(looks):
        left = 70.0 + 110 * number
        parts.append(svg.sample(left, 24, colour, dashes))
        parts.append(svg.text(left + 32, 28, words))
    return parts


def _hours() -> svg.Axis:
    return svg.Axis("hour of the day (h)", HOUR_TICKS)


def ticks(top: float) -> list[float]:
    """Return round numbers from 0 to `top` or a little more."""
    power = 10 ** math.floor(math.log10(top / 5))
    step = next(factor * power for factor in (1, 2, 5, 10) if 5 * factor * power >= top)
    return [step * number for number in range(math.ceil(top / step) + 1)]
