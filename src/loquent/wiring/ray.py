"""Builds what runs models on a Ray cluster, and looks after the cluster of one machine."""

from __future__ import annotations

import importlib.util
from functools import cache, partial
from pathlib import Path

from loquent.domain.deployments import Replicas
from loquent.engines.ray import head
from loquent.engines.ray.backend import RayBackend, StandIn
from loquent.engines.ray.bridge_process import ClusterPlace, start_bridge
from loquent.engines.ray.cluster import RayCluster
from loquent.engines.ray.head import NodeChoice
from loquent.engines.ray.listeners import Listener, beyond, host_of, ray_listeners
from loquent.engines.ray.plans import Share, Trade
from loquent.engines.ray.services import RayAnalysing, RayListening, RaySpeaking
from loquent.engines.services import AnalysingService, ListeningService, SpeakingService
from loquent.engines.slots import S
from loquent.settings import Settings, SettingsError, node_environment
from loquent.wiring.shelves import Running

__all__ = [
    "Listener",
    "NodeChoice",
    "analysing_on_ray",
    "has_ray_token",
    "is_ray_up",
    "listeners_beyond",
    "listening_on_ray",
    "require_ray",
    "running_ray",
    "speaking_on_ray",
    "start_ray",
    "stop_ray",
]

_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - refused, not bound

NODE = "loquent.wiring.ray_node:node"


def listening_on_ray(
    settings: Settings, local: Running[ListeningService], deployment: str
) -> Running[ListeningService]:
    """Return what runs models that recognise on the cluster.

    Args:
        local: what runs them here, for while the cluster cannot be reached.
        deployment: whose models these are.
    """
    backend = _backend(settings, Trade.LISTENING, local, deployment)
    return backend.start, partial(RayListening, max_wait_s=_max_wait_s(settings))


def speaking_on_ray(
    settings: Settings, local: Running[SpeakingService], deployment: str
) -> Running[SpeakingService]:
    """Return what runs models that speak on the cluster."""
    backend = _backend(settings, Trade.SPEAKING, local, deployment)
    return backend.start, partial(RaySpeaking, max_wait_s=_max_wait_s(settings))


def analysing_on_ray(
    settings: Settings, local: Running[AnalysingService], deployment: str
) -> Running[AnalysingService]:
    """Return what runs models that tell voices apart on the cluster."""
    backend = _backend(settings, Trade.ANALYSING, local, deployment)
    return backend.start, partial(RayAnalysing, max_wait_s=_max_wait_s(settings))


def require_ray(settings: Settings) -> None:
    """Refuse to go on without what a cluster needs.

    Raises: SettingsError: Ray is not installed, or there is no token.
    """
    if importlib.util.find_spec("ray") is None:
        raise SettingsError("engine: Ray is not installed here; pip install 'loquent[ray]'")
    _token(settings)


def start_ray(settings: Settings, choice: NodeChoice) -> Path | None:
    """Make this machine a node of a cluster, as its head or under one.

    The first head of this machine gets a new token, if nobody else can reach it.

    Returns: the file of the token, None where the settings have one.

    Raises: SettingsError: there is no token for a cluster that others can reach; LoquentError.
    """
    if importlib.util.find_spec("ray") is None:
        raise SettingsError("Ray is not installed here; pip install 'loquent[ray]'")
    folder = settings.data_dir
    if _given_token(settings) is None:
        if choice.join or not choice.is_private:
            raise SettingsError(
                f"ray_token: others can reach {choice.address}, and a cluster runs the code of"
                " whoever may talk to it; set LOQUENT_RAY_TOKEN, the same on all of its machines"
                " (openssl rand -hex 32)"
            )
        head.write_token(folder)
    if choice.host in _EVERYWHERE:
        raise SettingsError(
            f"--host: {choice.host} stands for all interfaces; name the address by which the"
            " other machines of the cluster reach this one"
        )
    head.start_node(choice, _token(settings), folder, node_environment())
    return None if settings.ray_token else folder / head.TOKEN_FILE


def stop_ray(settings: Settings) -> bool:
    """End the node that `start_ray` started; return whether there was one."""
    return head.stop_node(settings.data_dir)


def running_ray(settings: Settings) -> int | None:
    """Return the process of the node that `start_ray` started, None if there is none."""
    return head.running_node(settings.data_dir)


def is_ray_up(settings: Settings) -> bool:
    """Tell whether anybody answers where the cluster should be."""
    return head.answers(settings.ray_address)


def has_ray_token(settings: Settings) -> bool:
    """Tell whether there is a token for the cluster."""
    return _given_token(settings) is not None


def listeners_beyond(settings: Settings) -> list[Listener]:
    """Return Ray's open ports on this machine that are not on the interface of the cluster."""
    return beyond(ray_listeners(), host_of(settings.ray_address))


def _backend(settings: Settings, trade: Trade, local: Running[S], deployment: str) -> RayBackend[S]:
    replicas = Replicas(settings.min_replicas, settings.max_replicas)
    share = Share(replicas, settings.max_batch, settings.ray_gpus, deployment)
    cluster = _cluster(settings.ray_address, _token(settings))
    is_served_here = settings.ray_fallback == "local"
    stand_in = StandIn(*local, settings.cold_wait_s) if is_served_here else None
    return RayBackend(cluster, trade, share, stand_in)


@cache
def _cluster(address: str, token: str) -> RayCluster:
    """Return the way to a cluster: one for all models and deployments of a process."""
    host = address.rpartition(":")[0]
    environment = head.ray_environment(token, host)
    return RayCluster(partial(start_bridge, ClusterPlace(address, NODE, environment)))


def _token(settings: Settings) -> str:
    token = _given_token(settings)
    if token is None:
        raise SettingsError(
            "ray_token: there is no token for the cluster; `loquent ray up` writes one for a"
            " cluster of this machine alone, LOQUENT_RAY_TOKEN has that of another one"
        )
    return token


def _given_token(settings: Settings) -> str | None:
    if settings.ray_token is not None:
        return settings.ray_token.get_secret_value()
    return head.read_token(settings.data_dir)


def _max_wait_s(settings: Settings) -> float:
    return settings.max_queue_s or float("inf")
