"""The copies of a model that can serve, and which of them a call goes to; starts and ends none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from loquent.engines.replicas.scaling import Load
from loquent.engines.slots import E, Service


class Measured(Protocol):
    """What one copy tells of its work."""

    @property
    def n_workers(self) -> int:
        """How much it can do side by side."""
        ...

    @property
    def estimated_wait_s(self) -> float:
        """How long a newcomer would wait."""
        ...


class MeasuredService(Service, Protocol):
    """What callers of one copy speak to."""

    def status(self) -> Measured:
        """Return what the copy is doing now."""
        ...


R = TypeVar("R", bound=MeasuredService)


@dataclass(eq=False)
class Copy(Generic[E, R]):
    """One copy that can serve, or is about to end.

    Attributes:
        n_calls: that it serves now, or that wait for it.
        is_dead: its process has ended, though nobody wanted that.
    """

    engine: E
    service: R
    since_s: float
    n_calls: int = 0
    is_dead: bool = False

    @asynccontextmanager
    async def in_use(self) -> AsyncGenerator[R]:
        """Count one call inside the block."""
        self.n_calls += 1
        try:
            yield self.service
        finally:
            self.n_calls -= 1


def for_urgent_call(copy: Copy[E, R]) -> tuple[float, int]:
    """Rank copies by how soon they begin with what must not wait."""
    return copy.service.status().estimated_wait_s, copy.n_calls


def for_patient_call(copy: Copy[E, R]) -> tuple[int, float]:
    """Rank copies for what lets others go first, so that their waits do not tell of its own."""
    return copy.n_calls, copy.service.status().estimated_wait_s


def load_of(copies: Sequence[Copy[E, R]]) -> Load:
    """Return how busy copies are, at least one, taken together."""
    statuses = [copy.service.status() for copy in copies]
    return Load(
        n_copies=len(copies),
        n_workers=sum(status.n_workers for status in statuses),
        n_calls=sum(copy.n_calls for copy in copies),
        wait_s=min(status.estimated_wait_s for status in statuses),
    )
