"""What the shelf of models holds and how it is asked to; loads and unloads nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar


class LoadState(StrEnum):
    """How far a model on the shelf is."""

    LOADING = "loading"
    LOADED = "loaded"


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model on the shelf.

    Attributes:
        memory_bytes: resident memory of its processes, 0 where unknown.
        idle_s: since its last use, 0 while it is in use or being loaded.
        in_flight: calls that use it or wait for it to be loaded.
        n_copies: processes that can serve now.
    """

    id: str
    state: LoadState
    memory_bytes: int
    idle_s: float
    in_flight: int
    n_copies: int = 0


@dataclass(frozen=True, slots=True)
class ShelfOptions:
    """How many models stay in memory, and for how long.

    Attributes:
        max_loaded: models in memory; never fewer than there are in `preload`.
        idle_unload_s: a model without use for so long is unloaded; 0 for never.
        cold_wait_s: how long a call waits for a model that is being loaded.
        preload: models that are never unloaded for idleness, that make room last, and that are
            loaded again at once when their process dies.
        linger_s: how long after its last call a model counts as used: a recording that is being
            decoded leaves such gaps.
    """

    max_loaded: int = 2
    idle_unload_s: float = 0.0
    cold_wait_s: float = 30.0
    preload: AbstractSet[str] = frozenset()
    linger_s: float = 2.0


class HostedEngine(Protocol):
    """A model in a process of its own, or in several."""

    @property
    def n_copies(self) -> int:
        """How many processes can serve now."""
        ...

    def memory_bytes(self) -> int:
        """Return its resident memory, 0 where unknown."""
        ...

    async def close(self) -> None:
        """End its processes; what runs may end first."""
        ...


class Service(Protocol):
    """What callers of one loaded model speak to, such as a scheduler."""

    async def close(self) -> None:
        """Take no more calls; those that wait end, with an error or with their answer."""
        ...


E = TypeVar("E", bound=HostedEngine)
S = TypeVar("S", bound=Service)


@dataclass(eq=False)
class Slot(Generic[E, S]):
    """A model on its way into memory, or in it."""

    model_id: str
    since_s: float
    """When its loading began, or ended where it has."""
    used_s: float
    n_users: int = 0
    waits_for_room: bool = False
    engine: E | None = None
    service: S | None = None
    load: asyncio.Task[None] = field(init=False)
    idle_watch: asyncio.Task[None] | None = None

    def idle_s(self, now_s: float) -> float:
        """Return for how long nobody has used it; 0 while it is in use or being loaded."""
        return 0.0 if self.n_users or self.service is None else now_s - self.used_s

    def state(self, now_s: float) -> ModelState:
        """Tell others about it."""
        return ModelState(
            self.model_id,
            LoadState.LOADING if self.service is None else LoadState.LOADED,
            memory_bytes=self.engine.memory_bytes() if self.engine else 0,
            idle_s=self.idle_s(now_s),
            in_flight=self.n_users,
            n_copies=self.engine.n_copies if self.engine else 0,
        )
