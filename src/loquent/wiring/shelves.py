"""Turns settings into shelves of models, and shelves into what they do; the same for all kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loquent.domain.activity import ModelActivity
from loquent.engines.due_order import DueOrder
from loquent.engines.shelf import ModelShelf
from loquent.engines.slots import E, ModelState, ShelfOptions
from loquent.settings import Settings


def shelf_options(settings: Settings, preload: Iterable[str]) -> ShelfOptions:
    """Return the options of one shelf, with the models that stay on it from the start."""
    return ShelfOptions(
        max_loaded=settings.max_loaded,
        idle_unload_s=settings.idle_unload_s,
        cold_wait_s=settings.cold_wait_s,
        preload=frozenset(preload),
    )


def activities(shelf: ModelShelf[E, Any], lane: str) -> list[ModelActivity]:
    """Return what the models on a shelf do whose work is done in the order in which it is due.

    Args:
        lane: what to call the only queue that each of them has.
    """
    services = shelf.services()
    return [_activity(state, services.get(state.id), lane) for state in shelf.status()]


def not_loaded(state: ModelState) -> ModelActivity:
    """Return what a model does that is on its way into memory."""
    return ModelActivity(state.id, is_loaded=False, memory_bytes=state.memory_bytes)


def _activity(state: ModelState, order: DueOrder[Any, Any] | None, lane: str) -> ModelActivity:
    if order is None:
        return not_loaded(state)
    work = order.status()
    return ModelActivity(
        state.id,
        is_loaded=True,
        memory_bytes=state.memory_bytes,
        n_workers=work.n_workers,
        n_running=work.n_running,
        n_waiting={lane: work.n_waiting},
        estimated_wait_s=round(work.estimated_wait_s, 3),
        n_batches=work.n_done,
        n_utterances=work.n_done,
    )
