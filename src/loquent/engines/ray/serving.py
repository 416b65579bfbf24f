"""What Ray Serve runs of a model, and how it is told to; for bridges and nodes of a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, Final

import ray
from ray import serve
from ray.serve._private import replica as served
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy

from loquent.engines.ray.board import Board
from loquent.engines.ray.plans import ModelPlan
from loquent.engines.ray.replica import ModelReplica, node_of
from loquent.engines.ray.scaling import told_to_serve
from loquent.engines.replicas.scaling import GROW_AFTER_S, SHRINK_AFTER_S

NAMESPACE: Final = "loquent"
BOARD_NAME: Final = "loquent-board-1"
"""The number grows when what is said to it changes."""

MAX_ONGOING: Final = 256
"""Calls that one copy holds. All that wait are to wait there: only in a copy's own queue do urgent
ones pass others, and only there are batches formed. Serve's queue in front is first come, first
served."""

TELL_EVERY_S: Final = 1.0

_HEALTH_CHECK_S: Final = 2.0
_HEALTH_TIMEOUT_S: Final = 10.0
_LOOK_BACK_S: Final = 3.0
_N_LOAD_ATTEMPTS: Final = 2
_SHUTDOWN_S: Final = 30.0

_POLICY: Final = "loquent.engines.ray.scaling:by_wait"


class ServedReplica:
    """A copy of a model as Ray Serve knows it."""

    def __init__(self, plan: str, node: str) -> None:
        stay_quiet()
        _stay_on_own_interface()
        self._plan = ModelPlan.from_json(plan)
        self._replica = ModelReplica(self._plan, node_of(node))
        self._telling: asyncio.Task[None] | None = None

    async def reconfigure(self, _nothing: object) -> None:
        """Load the model; Serve waits for it before it sends calls.

        Raises: ModelLoadError.
        """
        if self._telling is None:
            await self._replica.load()
            self._telling = asyncio.create_task(self._tell())

    async def perform(self, frame: bytes, due_in_s: float) -> bytes:
        """Do the order in `frame`."""
        return await self._replica.perform(frame, due_in_s)

    async def status(self) -> str:
        """Return what this copy is doing, in JSON."""
        return self._replica.status().to_json()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Tell Serve what decides on the number of copies."""
        return told_to_serve(self._replica.status())

    async def check_health(self) -> None:
        """Raise if this copy is to be replaced."""
        self._replica.check()

    async def __del__(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
        await self._replica.close()

    async def _tell(self) -> None:
        """Put on the board what this copy is doing, again and again."""
        app, copy = self._plan.name, serve.get_replica_context().replica_id.unique_id
        while True:
            with contextlib.suppress(ray.exceptions.RayError):
                await board().report.remote(app, copy, self._replica.status().to_json())
            await asyncio.sleep(TELL_EVERY_S)


def board() -> Any:
    """Return the board of this cluster, which is made where it is missing."""
    options: dict[str, Any] = {
        "name": BOARD_NAME,
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "get_if_exists": True,
        "num_cpus": 0,
        "max_restarts": -1,
    }
    return ray.remote(Board).options(**options).remote()


def application_of(plan: ModelPlan, node: str) -> serve.Application:
    """Return what Serve is to run."""
    deployment = serve.deployment(
        ServedReplica,
        name="model",
        max_ongoing_requests=MAX_ONGOING,
        autoscaling_config=AutoscalingConfig(
            min_replicas=plan.least,
            max_replicas=plan.most,
            initial_replicas=max(1, plan.least),
            upscale_delay_s=GROW_AFTER_S,
            downscale_delay_s=SHRINK_AFTER_S,
            look_back_period_s=_LOOK_BACK_S,
            metrics_interval_s=TELL_EVERY_S,
            policy=AutoscalingPolicy(policy_function=_POLICY),
        ),
        user_config={},  # so that Serve calls `reconfigure`
        health_check_period_s=_HEALTH_CHECK_S,
        health_check_timeout_s=_HEALTH_TIMEOUT_S,
        graceful_shutdown_timeout_s=_SHUTDOWN_S,
        max_constructor_retry_count=_N_LOAD_ATTEMPTS,
        ray_actor_options={"num_cpus": plan.n_cpus, "num_gpus": plan.n_gpus},
    )
    return deployment.bind(plan.to_json(), node)


def stay_quiet() -> None:
    """Let Serve log what somebody has to know, not every call."""
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    logging.getLogger("ray").setLevel(logging.WARNING)


def _stay_on_own_interface() -> None:
    """Have Serve open the port of this copy on the interface of the node alone.

    It would on all of them, for calls of other deployments, of which there are none. It asks for
    the token there, too; a port that is not open needs none. Serve has no setting for that.
    """
    interface = ray.util.get_node_ip_address()
    host = f"[{interface}]" if ":" in interface else interface
    add_port = getattr(served, "add_port_to_grpc_server", None)
    if add_port is not None:
        served.add_port_to_grpc_server = lambda server, _everywhere: add_port(server, f"{host}:0")
