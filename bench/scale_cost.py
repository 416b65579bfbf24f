"""What an hour of audio costs on rented machines, beside the price lists of the catalog."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bench import scale_figures as figures
from bench.scale_model import hours_per_core_hour, streams_per_core
from loquent import providers
from loquent.domain.model import Capability
from loquent.domain.pricing import Consumption, Price, PriceUnit, price_micros

CATALOG = Path(providers.__file__).with_name("catalog.toml")
HEARD = (Capability.TRANSCRIPTION, Capability.REALTIME)
BY_TIME = (PriceUnit.SECOND, PriceUnit.MINUTE, PriceUnit.HOUR)
MICROS = 1e6
HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Rented:
    """Something that hears, on a machine that is paid by the hour.

    Attributes:
        price: USD an hour, an example.
        rate: hours of audio in an hour, if it is always busy.
        is_estimate: from figures that others published.
    """

    name: str
    price: float
    rate: float
    is_live: bool = False
    is_estimate: bool = False

    @property
    def full_usd(self) -> float:
        """What an hour of audio costs on a machine that is always busy."""
        return self.price / self.rate

    def usd(self, busy: float) -> float:
        """Return what an hour of audio costs on a machine that is busy for a share of its time."""
        return self.full_usd / busy


VCPU_USD = 0.04
RENTED = (
    Rented("whisper-base, a vCPU at 0.04 USD", VCPU_USD, hours_per_core_hour()),
    Rented("whisper-base live, a vCPU at 0.04 USD", VCPU_USD, streams_per_core(), is_live=True),
    Rented(
        "large-v2, a GPU at 1.00 USD, estimate", 1.0, figures.GPU_BATCHED.value, is_estimate=True
    ),
    Rented("large-v3, a GPU at 2.50 USD, estimate", 2.5, figures.GPU_LARGE.value, is_estimate=True),
)


@dataclass(frozen=True, slots=True)
class Hosted:
    """What a provider takes for an hour of audio."""

    provider: str
    model: str
    capability: Capability
    usd: float
    checked_on: str


def hosted(path: Path = CATALOG) -> tuple[Hosted, ...]:
    """Return the endpoints of the catalog that hear and charge by time, the cheapest first."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    found = (
        Hosted(name, row["model"], capability, usd, provider.get("checked_on", ""))
        for name, provider in table["providers"].items()
        for row in provider["endpoints"]
        for capability, usd in _prices(row)
    )
    return tuple(sorted(found, key=lambda each: (each.usd, each.provider, each.model)))


def _prices(row: Mapping[str, Any]) -> Iterator[tuple[Capability, float]]:
    lines = [_price(line) for line in row["price"]]
    for capability in HEARD:
        mine = [line for line in lines if line.is_for(capability)]
        if capability in row["capabilities"] and all(line.unit in BY_TIME for line in mine):
            hour = Consumption(audio_s=HOUR_S)
            yield capability, price_micros(mine, hour, date.max) / MICROS


def _price(line: Mapping[str, Any]) -> Price:
    capability = line.get("capability")
    return Price(
        unit=PriceUnit(line["unit"]),
        micros=line["micros"],
        capability=Capability(capability) if capability else None,
    )


def break_even(rented: Rented, usd: float) -> float:
    """Return the share of its time that a machine must be busy to cost `usd` for an hour."""
    return rented.full_usd / usd
