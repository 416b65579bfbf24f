"""Limiters under test, and the time they live in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from loquent.domain.limits import Allowance, Demand, Quantity, Seat, SeatKind
from loquent.ports import RateLimiter

A_MINUTE_BEGINS_S = 1_800_000_000.0

PATIENT_S = 20.0


@dataclass(slots=True)
class WallClock:
    """Stands where `limits` looks for the module `time`."""

    now_s: float = A_MINUTE_BEGINS_S

    def time(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


@contextmanager
def standing_still() -> Iterator[WallClock]:
    clock = WallClock()
    with patch("limits.aio.storage.memory.time", clock):
        yield clock


@dataclass(frozen=True, slots=True)
class Place:
    """A limiter, and how its time goes on."""

    limiter: RateLimiter
    advance: Callable[[float], None]


def requests(account_id: str = "key_a", limit: int = 10, amount: int = 1) -> Demand:
    return Demand(account_id, Quantity.REQUESTS, limit, amount)


def characters(account_id: str = "key_a", limit: int = 1000, amount: int = 100) -> Demand:
    return Demand(account_id, Quantity.CHARACTERS, limit, amount)


def seat(account_id: str = "key_a", limit: int = 2, kind: SeatKind = SeatKind.REQUESTS) -> Seat:
    return Seat(account_id, kind, limit)


async def asked(limiter: RateLimiter, demand: Demand) -> Allowance:
    """Demand one thing."""
    (allowance,) = await limiter.take([demand])
    return allowance


async def left_of(limiter: RateLimiter, demand: Demand) -> int:
    """Return what is left for a demand, without taking any."""
    nothing = Demand(demand.account_id, demand.quantity, demand.limit, 0)
    return (await asked(limiter, nothing)).remaining
