"""Tells a copy on a node of a cluster where that node has its models; runs in the cluster alone."""

from __future__ import annotations

from pathlib import Path

from loquent.engines.ray.replica import Node
from loquent.routing.local import without_mark
from loquent.settings import engine_environment, load_settings
from loquent.wiring.store import build_store


def node() -> Node:
    """Return what the settings of this node say, such as LOQUENT_DATA_DIR."""

    def locate(model_id: str) -> Path:
        return build_store(load_settings()).locate(without_mark(model_id))

    return Node(locate, engine_environment())
