"""What all gateways and copies of a cluster know of each other; runs nowhere by itself.

One of it lives in the cluster. Copies tell it what they do, gateways what they want to stay.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

HELD_FOR_S: Final = 30.0
"""A model that no gateway has asked to keep for so long is let go."""

TOLD_FOR_S: Final = 6.0
"""A copy that told nothing for so long is gone, or hangs."""


@dataclass
class _App:
    """One model.

    Attributes:
        told: when each copy last told something, and what.
    """

    held_s: float
    told: dict[str, tuple[float, str]] = field(default_factory=dict)


class Board:
    """Notes of one cluster; every method may be called by anybody in it.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._apps: dict[str, _App] = {}

    def report(self, app: str, copy: str, status: str) -> None:
        """Note what one copy is doing."""
        now_s = self._clock()
        self._apps.setdefault(app, _App(now_s)).told[copy] = (now_s, status)

    def hold(self, apps: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Keep models for a while, and return what their copies last told."""
        now_s = self._clock()
        for name in apps:
            self._apps.setdefault(name, _App(now_s)).held_s = now_s
        return {name: self._told(self._apps[name], now_s) for name in apps}

    def forsaken(self) -> Sequence[str]:
        """Return the models that no gateway wants to stay; what is returned is forgotten."""
        now_s = self._clock()
        names = [name for name, app in self._apps.items() if now_s - app.held_s > HELD_FOR_S]
        for name in names:
            del self._apps[name]
        return names

    def _told(self, app: _App, now_s: float) -> list[str]:
        gone = [copy for copy, (told_s, _) in app.told.items() if now_s - told_s > TOLD_FOR_S]
        for copy in gone:
            del app.told[copy]
        return [status for _, status in app.told.values()]
