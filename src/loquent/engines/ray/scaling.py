"""Decides how many copies of a model a cluster runs, by the same rules as on one machine.

Serve calls it with what the copies told it, keeps to the bounds, and waits as long as it was told
before it follows. Of Serve's own measure, the calls in flight, a long queue of short stretches and
a short one of long ones look alike; how long a newcomer would wait tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any, Final, Protocol

from loquent.engines.ray.statuses import CopyStatus
from loquent.engines.replicas.scaling import Load

WAIT_S: Final = "wait_s"
N_CALLS: Final = "n_calls"
N_WORKERS: Final = "n_workers"
"""Names of what each copy tells Serve."""


class Situation(Protocol):
    """The part of Serve's `AutoscalingContext` that is read."""

    @property
    def target_num_replicas(self) -> int:
        """How many copies there are to be now."""
        ...

    @property
    def running_replicas(self) -> Sized:
        """The copies that can be called."""
        ...

    @property
    def aggregated_metrics(self) -> Mapping[str, Mapping[Any, float]] | None:
        """What the copies told, averaged over time: by its name, then by copy."""
        ...


def told_to_serve(status: CopyStatus) -> dict[str, float]:
    """Return what one copy tells Serve of its work."""
    return {
        WAIT_S: status.estimated_wait_s,
        N_CALLS: float(status.n_calls),
        N_WORKERS: float(status.n_workers),
    }


def by_wait(situation: Situation) -> tuple[float, dict[str, Any]]:
    """Return how many copies there should be, and nothing to remember."""
    n_wanted = situation.target_num_replicas
    told = situation.aggregated_metrics or {}
    waits = told.get(WAIT_S) or {}
    if not waits or len(waits) < n_wanted or len(situation.running_replicas) < n_wanted:
        return float(n_wanted), {}  # one more is on its way
    load = Load(
        n_copies=len(waits),
        n_workers=round(sum(told[N_WORKERS].values())),
        n_calls=round(sum(told[N_CALLS].values())),
        wait_s=min(waits.values()),
    )
    if load.is_heavy:
        return float(n_wanted + 1), {}
    return float(n_wanted - 1 if load.is_light else n_wanted), {}
