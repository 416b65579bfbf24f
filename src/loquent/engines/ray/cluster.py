"""Keeps one bridge to a cluster alive for all models of a gateway; knows no model."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from loquent.engines.clock import Clock, MonotonicClock
from loquent.engines.ray.bridge_process import BridgeProcess, ClusterUnreachableError

RETRY_S: Final = 3.0
"""How soon a cluster that did not answer is asked again."""

_logger = logging.getLogger(__name__)

StartBridge: TypeAlias = Callable[[], Awaitable[BridgeProcess]]
"""Raises ClusterUnreachableError."""


class RayCluster:
    """A cluster as a gateway sees it; belongs to one event loop while somebody has joined it."""

    def __init__(self, start: StartBridge, clock: Clock | None = None) -> None:
        self._start = start
        self._clock = clock or MonotonicClock()
        self._held: Counter[str] = Counter()
        self._n_users = 0
        self._bridge: BridgeProcess | None = None
        self._is_known = False
        self._news = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def bridge(self) -> BridgeProcess | None:
        """The way to the cluster, None while it cannot be reached."""
        return None if self._bridge is None or self._bridge.is_over else self._bridge

    @property
    def clock(self) -> Clock:
        return self._clock

    async def join(self) -> None:
        """Reach for the cluster, and wait until it is known whether it answers."""
        self._n_users += 1
        if self._keeping is None:
            self._news = asyncio.Event()
            self._keeping = asyncio.create_task(self._keep())
        while not self._is_known:
            await self._news.wait()

    async def leave(self) -> None:
        """Undo `join`; with the last one the bridge ends."""
        self._n_users -= 1
        if self._n_users or self._keeping is None:
            return
        keeping, self._keeping = self._keeping, None
        keeping.cancel()
        await asyncio.wait([keeping])
        self._is_known = False

    async def next_bridge(self) -> BridgeProcess:
        """Wait until the cluster can be reached."""
        while (bridge := self.bridge) is None:
            await self._news.wait()
        return bridge

    async def hold(self, app: str) -> None:
        """Have a model stay on the cluster as long as this gateway lives, or until `release`."""
        self._held[app] += 1
        await self._tell_held()

    async def release(self, app: str) -> None:
        """Undo `hold`: the cluster lets go of a model that nobody holds."""
        self._held[app] -= 1
        if not self._held[app]:
            del self._held[app]
        await self._tell_held()

    async def _tell_held(self) -> None:
        if (bridge := self.bridge) is not None:
            await bridge.hold(sorted(self._held))

    async def _keep(self) -> None:
        reason = ""
        try:
            while True:
                try:
                    bridge = await self._start()
                except ClusterUnreachableError as error:
                    if reason != str(error):
                        reason = str(error)
                        _logger.warning("the cluster cannot be reached: %s", reason)
                    self._notice(None)
                    await self._clock.sleep(RETRY_S)
                    continue
                reason = ""
                _logger.info("the cluster is reached through bridge %d", bridge.pid)
                await self._cross(bridge)
                _logger.warning("the cluster is lost")
        finally:
            self._notice(None)

    async def _cross(self, bridge: BridgeProcess) -> None:
        """Use a bridge until it ends."""
        try:
            self._notice(bridge)
            await self._tell_held()
            await bridge.ended()
        finally:
            self._notice(None)
            await bridge.close()

    def _notice(self, bridge: BridgeProcess | None) -> None:
        self._bridge = bridge
        self._is_known = True
        news, self._news = self._news, asyncio.Event()
        news.set()
