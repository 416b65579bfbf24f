"""A made-up day: seven providers that grow slow, fail and change prices, and who asks for what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from loquent.domain.endpoints import Endpoint, RoutingLimits, violations
from loquent.domain.model import Capability
from loquent.domain.pricing import Consumption, Price, PriceUnit, price_micros

MODEL = "whisper-large-v3"
DAY_S = 86_400.0
HOURS = 24
FIRST_DATE = date(2026, 1, 1)
"""Price lists know days alone, so that each hour of the made-up day stands for a day of theirs."""

ERROR_SHARE = 0.004
"""Of the calls to an endpoint that is up."""

NOISE = 0.12
"""Standard deviation of the logarithm of what chance does to one call."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Traits:
    """What an endpoint is like on an ordinary day.

    Attributes:
        fixed_s: time of a call without audio.
        speed: seconds of audio worked off in a second.
        stated_speed: the same by the provider's own words; 0 where it says nothing.
        peak_h: hour of its heaviest load.
        hourly_micros: from an hour of the day -> what an hour of audio costs from then on.
        minimum_s: shorter recordings are billed as this long.
    """

    provider: str
    fixed_s: float
    speed: float
    stated_speed: float
    peak_h: float
    hourly_micros: tuple[tuple[int, int], ...]
    minimum_s: float = 0.0
    eu_native: bool = False
    is_quantized: bool = False


PLACES = (
    Traits("swift", 0.35, 190, 250, 17, ((0, 400_000),), 10, is_quantized=True),
    Traits("rapid", 0.45, 150, 0, 20, ((0, 360_000), (9, 420_000), (18, 330_000))),
    Traits("north", 0.50, 130, 180, 10, ((0, 300_000),), eu_native=True),
    Traits("metro", 0.70, 85, 60, 19, ((0, 220_000), (14, 50_000), (19, 220_000))),
    Traits(
        "alpine", 0.65, 95, 0, 11, ((0, 80_000), (6, 180_000)), 0, eu_native=True, is_quantized=True
    ),
    Traits("budget", 1.2, 40, 0, 18, ((0, 60_000), (8, 240_000), (20, 60_000)), is_quantized=True),
    Traits("saver", 1.5, 28, 40, 12, ((0, 100_000),), 15, eu_native=True),
)


def endpoint_of(traits: Traits) -> Endpoint:
    """Return what the router knows of an endpoint."""
    return Endpoint(
        provider=traits.provider,
        model=MODEL,
        upstream_model=MODEL,
        capabilities=frozenset({Capability.TRANSCRIPTION}),
        eu_native=traits.eu_native,
        is_quantized=traits.is_quantized,
        prices=_prices(traits),
        stated_speed=traits.stated_speed,
    )


def _prices(traits: Traits) -> tuple[Price, ...]:
    ends = [hour for hour, _ in traits.hourly_micros[1:]] + [HOURS]
    return tuple(
        Price(
            PriceUnit.HOUR,
            micros,
            minimum_s=traits.minimum_s,
            valid_from=FIRST_DATE + timedelta(days=hour),
            valid_until=FIRST_DATE + timedelta(days=end - 1),
        )
        for (hour, micros), end in zip(traits.hourly_micros, ends, strict=True)
    )


def date_at(at_s: float) -> date:
    """Return the date that an hour of the made-up day stands for."""
    return FIRST_DATE + timedelta(days=min(int(at_s // 3_600), HOURS - 1))


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which an endpoint serves nobody.

    Attributes:
        place: index of the endpoint.
        hangs: calls are never answered; else they are refused at once.
    """

    place: int
    begins_s: float
    ends_s: float
    hangs: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        luck: for each endpoint, by how much chance stretches a call.
        breaks: for each endpoint, whether a call fails.
    """

    at_s: float
    audio_s: float
    limits: RoutingLimits
    luck: Numbers
    breaks: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Day:
    """What is true of a day, whoever finds out.

    Attributes:
        slowness: for each endpoint and minute, times its usual rate.
        asked: sorted by time.
    """

    endpoints: tuple[Endpoint, ...]
    slowness: Numbers
    outages: tuple[Outage, ...]
    asked: tuple[Asked, ...]

    def usual_s(self, place: int, at_s: float, audio_s: float) -> float:
        """Return how long a call takes, chance apart."""
        traits = PLACES[place]
        minute = min(int(at_s // 60), self.slowness.shape[1] - 1)
        slowness = float(self.slowness[place, minute])
        return traits.fixed_s * math.sqrt(slowness) + slowness * audio_s / traits.speed

    def outage(self, place: int, at_s: float) -> Outage | None:
        """Return the outage that an endpoint is in."""
        found = (o for o in self.outages if o.place == place and o.begins_s <= at_s < o.ends_s)
        return next(found, None)

    def micros(self, place: int, at_s: float, audio_s: float) -> int:
        """Return what a call costs."""
        prices = self.endpoints[place].prices
        return price_micros(prices, Consumption(audio_s=audio_s), date_at(at_s))

    def open_to(self, asked: Asked) -> list[int]:
        """Return the endpoints that are up and that a request may go to."""
        return [
            place
            for place, endpoint in enumerate(self.endpoints)
            if not violations(endpoint, asked.limits, require_gdpr=False)
            and self.outage(place, asked.at_s) is None
        ]


def composed(seed: int, n_requests: int) -> Day:
    """Return the day that belongs to a seed."""
    random = np.random.default_rng(seed)
    slowness = np.stack([_slowness(random, traits.peak_h) for traits in PLACES])
    _lame(random, slowness)
    return Day(
        endpoints=tuple(endpoint_of(traits) for traits in PLACES),
        slowness=slowness,
        outages=_outages(random),
        asked=tuple(_asked(random, at_s) for at_s in _arrivals(random, n_requests)),
    )


def _slowness(random: np.random.Generator, peak_h: float) -> Numbers:
    """Return a load that peaks once a day, a walk that is drawn back, and a few bursts."""
    minutes = np.arange(DAY_S / 60)
    hours = minutes / 60
    load = 1 + 0.6 * np.cos((hours - peak_h) * np.pi / 12).clip(0) ** 2
    walk = np.zeros_like(minutes)
    walk[0] = random.normal(0, 0.25)
    kept = 0.5 ** (1 / 60)
    steps = random.normal(0, 0.25 * (1 - kept**2) ** 0.5, len(minutes))
    for minute in range(1, len(minutes)):
        walk[minute] = kept * walk[minute - 1] + steps[minute]
    slowness: Numbers = load * np.exp(walk)
    for _ in range(random.poisson(5)):
        begin = int(random.integers(len(minutes)))
        slowness[begin : begin + int(random.integers(4, 30))] *= random.uniform(2, 6)
    return slowness


def _lame(random: np.random.Generator, slowness: Numbers) -> None:
    """Make one of the three fastest endpoints slow for hours, from one minute to the next."""
    place, begin = int(random.integers(3)), int(random.integers(18 * 60))
    slowness[place, begin : begin + int(random.integers(120, 360))] *= 4


def _outages(random: np.random.Generator) -> tuple[Outage, ...]:
    """Return two outages: the first hangs, the second refuses."""
    places = random.choice(len(PLACES), 2, replace=False)
    begins_s = random.uniform(0, DAY_S - 3_600, 2)
    lengths_s = random.uniform(600, 3_000, 2)
    return tuple(
        Outage(int(place), float(begin_s), float(begin_s + length_s), hangs=hangs)
        for place, begin_s, length_s, hangs in zip(
            places, begins_s, lengths_s, (True, False), strict=True
        )
    )


def _arrivals(random: np.random.Generator, n_requests: int) -> Sequence[float]:
    """Return times that are four times as dense in the afternoon as at night."""
    minutes = np.arange(DAY_S / 60)
    weight = 1 + 0.6 * np.cos((minutes / 60 - 15) * np.pi / 12)
    chosen = random.choice(minutes, n_requests, p=weight / weight.sum())
    times_s: Numbers = 60 * (chosen + random.random(n_requests))
    return [float(at_s) for at_s in np.sort(times_s)]


def _asked(random: np.random.Generator, at_s: float) -> Asked:
    audio_s = float(np.exp(random.normal(np.log(30), 1.3)).clip(2, 1_800))
    return Asked(
        at_s=at_s,
        audio_s=round(audio_s, 3),
        limits=_limits(random),
        luck=np.exp(random.normal(0, NOISE, len(PLACES))),
        breaks=random.random(len(PLACES)) < ERROR_SHARE,
    )


def _limits(random: np.random.Generator) -> RoutingLimits:
    """Return limits of which each alone, and most together, leave several endpoints."""
    allowed = None
    if random.random() < 0.2:
        chosen = random.choice(len(PLACES), 4, replace=False)
        allowed = frozenset(PLACES[int(place)].provider for place in chosen)
    limits = RoutingLimits(
        allowed_providers=allowed,
        eu_native=bool(random.random() < 0.15),
        allow_quantization=bool(random.random() < 0.8),
    )
    endpoints = (endpoint_of(traits) for traits in PLACES)
    if any(not violations(endpoint, limits, require_gdpr=False) for endpoint in endpoints):
        return limits
    return RoutingLimits(allowed_providers=allowed)
