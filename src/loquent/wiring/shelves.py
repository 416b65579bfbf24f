"""Turns settings into how long models stay in memory; the same for all kinds of models."""

from __future__ import annotations

from collections.abc import Iterable

from loquent.engines.slots import ShelfOptions
from loquent.settings import Settings


def shelf_options(settings: Settings, preload: Iterable[str]) -> ShelfOptions:
    """Return the options of one shelf, with the models that stay on it from the start."""
    return ShelfOptions(
        max_loaded=settings.max_loaded,
        idle_unload_s=settings.idle_unload_s,
        cold_wait_s=settings.cold_wait_s,
        preload=frozenset(preload),
    )
