"""A bridge that is played by a test, and a cluster that it leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

from loquent.domain.errors import LoquentError
from loquent.engines.ray.bridge_process import BridgeProcess, ClusterUnreachableError
from loquent.engines.ray.cluster import RayCluster
from loquent.engines.ray.plans import ModelPlan
from loquent.engines.ray.statuses import CopyStatus


class FakeBridge:
    """Answers at once, as it was told to."""

    pid = 7

    def __init__(self, answer: Callable[[bytes], bytes] = lambda frame: frame) -> None:
        self.answer = answer
        self.deploy_error: LoquentError | None = None
        self.status = CopyStatus(sample_rate_hz=24_000)
        self.held: Sequence[str] = ()
        self.deployed: list[ModelPlan] = []
        self.due: list[float] = []
        self._is_over = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self._is_over.is_set()

    def copies(self, _app: str) -> Sequence[CopyStatus]:
        return (self.status,)

    async def deploy(self, plan: ModelPlan) -> CopyStatus:
        self.deployed.append(plan)
        if self.deploy_error is not None:
            raise self.deploy_error
        return self.status

    async def call(self, _app: str, frame: bytes, due_in_s: float) -> bytes:
        self.due.append(due_in_s)
        return self.answer(frame)

    async def hold(self, apps: Sequence[str]) -> None:
        self.held = apps

    async def ended(self) -> None:
        await self._is_over.wait()

    async def close(self) -> None:
        self.lose()

    def lose(self) -> None:
        """End as a bridge does that lost its cluster."""
        self._is_over.set()


class FakeGround:
    """Where a cluster is or is not; who reaches for it waits until a test decides."""

    def __init__(self, *bridges: FakeBridge) -> None:
        self.bridges = list(bridges)
        self.n_asked = 0
        self.n_slept = 0
        self._change = asyncio.Event()

    @property
    def cluster(self) -> RayCluster:
        return RayCluster(self._start, clock=self)

    def now_s(self) -> float:
        return 0.0

    async def sleep(self, _duration_s: float) -> None:
        """Wait until the test brings something new."""
        self.n_slept += 1
        await self._change.wait()
        self._change.clear()

    def appear(self, bridge: FakeBridge) -> None:
        """Let the cluster answer from now on."""
        self.bridges.append(bridge)
        self._change.set()

    def wake(self) -> None:
        """End a pause."""
        self._change.set()

    async def _start(self) -> BridgeProcess:
        self.n_asked += 1
        if not self.bridges:
            raise ClusterUnreachableError("nobody answers there")
        return cast("BridgeProcess", self.bridges.pop(0))


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)
