"""Turns settings into shelves of models, and shelves into what they do; the same for all kinds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

from loquent.domain.activity import ModelActivity
from loquent.domain.deployments import Replicas
from loquent.engines.host.process import EngineProcess, start_engine
from loquent.engines.replicas.copies import R
from loquent.engines.replicas.replica_set import ReplicaSet, start_replicas
from loquent.engines.services import DueService
from loquent.engines.shelf import ModelShelf, StartEngine
from loquent.engines.slots import E, ModelState, S, ShelfOptions
from loquent.settings import Settings

Running: TypeAlias = tuple[StartEngine[Any], Callable[[Any], S]]
"""What loads a model, and what callers of a loaded one speak to."""


def shelf_options(settings: Settings, preload: Iterable[str]) -> ShelfOptions:
    """Return the options of one shelf, with the models that stay on it from the start."""
    return ShelfOptions(
        max_loaded=settings.max_loaded,
        idle_unload_s=settings.idle_unload_s,
        cold_wait_s=settings.cold_wait_s,
        preload=frozenset(preload),
    )


def in_children(
    settings: Settings,
    make_service: Callable[[EngineProcess], R],
    make_shared: Callable[[ReplicaSet[EngineProcess, R]], R],
) -> Running[R]:
    """Return what runs models in children of this process.

    Args:
        make_service: for one copy of a model.
        make_shared: for several, as if they were one.
    """
    if settings.max_replicas == 1:
        return start_engine, make_service
    bounds = Replicas(settings.min_replicas, settings.max_replicas)
    start = partial(start_replicas, start=start_engine, make_service=make_service, bounds=bounds)
    return start, make_shared


def threads_of_copy(settings: Settings) -> int:
    """Return how many threads one copy of a model gets, 0 for as many as there are cores."""
    if settings.n_threads or settings.max_replicas == 1 or settings.engine == "ray":
        return settings.n_threads
    return max(1, (os.cpu_count() or 1) // settings.max_replicas)


def activities(shelf: ModelShelf[E, Any], lane: str) -> list[ModelActivity]:
    """Return what the models on a shelf do whose work is done in the order in which it is due.

    Args:
        lane: what to call the only queue that each of them has.
    """
    services = shelf.services()
    return [_activity(state, services.get(state.id), lane) for state in shelf.status()]


def not_loaded(state: ModelState) -> ModelActivity:
    """Return what a model does that is on its way into memory."""
    return ModelActivity(
        state.id, is_loaded=False, memory_bytes=state.memory_bytes, n_replicas=state.n_copies
    )


def _activity(state: ModelState, service: DueService | None, lane: str) -> ModelActivity:
    if service is None:
        return not_loaded(state)
    work = service.status()
    return ModelActivity(
        state.id,
        is_loaded=True,
        memory_bytes=state.memory_bytes,
        n_replicas=state.n_copies,
        n_workers=work.n_workers,
        n_running=work.n_running,
        n_waiting={lane: work.n_waiting},
        estimated_wait_s=round(work.estimated_wait_s, 3),
        n_batches=work.n_done,
        n_utterances=work.n_done,
    )
