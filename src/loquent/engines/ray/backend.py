"""Loads models on a cluster for one shelf; knows neither the shelf nor the kind of its models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic

from loquent.engines.host.performers import EngineSpec
from loquent.engines.ray.cluster import RayCluster
from loquent.engines.ray.model import RayModel, S
from loquent.engines.ray.plans import Share, Trade, plan_of
from loquent.engines.shelf import ModelShelf, StartEngine
from loquent.engines.slots import ShelfOptions

STAND_IN_IDLE_S: Final = 30.0
"""A stand-in that nobody needs any more is kept for so long: the cluster may go again."""


@dataclass(frozen=True)
class StandIn(Generic[S]):
    """How models are loaded here while their cluster is away.

    Attributes:
        cold_wait_s: how long a call waits for one that is being loaded.
    """

    start: StartEngine[Any]
    make_service: Callable[[Any], S]
    cold_wait_s: float = 30.0

    def shelf(self, spec: EngineSpec) -> ModelShelf[Any, S]:
        """Return what loads one model when it is needed."""
        options = ShelfOptions(
            max_loaded=1, idle_unload_s=STAND_IN_IDLE_S, cold_wait_s=self.cold_wait_s
        )
        return ModelShelf(lambda _model_id: spec, self.start, self.make_service, options)


@dataclass(frozen=True)
class RayBackend(Generic[S]):
    """Starts models of one trade; `start` is a `StartEngine`.

    Attributes:
        stand_in: None to refuse calls while the cluster is away.
    """

    cluster: RayCluster
    trade: Trade
    share: Share
    stand_in: StandIn[S] | None = None

    async def start(self, spec: EngineSpec, on_exit: Callable[[], None]) -> RayModel[S]:
        """Have the cluster load a model, or where it does not answer, the stand-in.

        What is returned follows the cluster as it comes and goes, so it never ends by itself.

        Raises: ModelLoadError.
        """
        del on_exit
        shelf = self.stand_in.shelf(spec) if self.stand_in else None
        model = RayModel(plan_of(spec, self.trade, self.share), self.cluster, shelf)
        await model.open()
        return model
