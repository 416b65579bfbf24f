"""Loads libraries that only the measurements of speakers need; `make test` runs without them."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any


def library(name: str) -> Any:
    """Import a module of the dependency group `bench`.

    Raises: SystemExit: saying how to install it, if it is not here.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        raise SystemExit(
            f"{missing.name} is not installed; `make .venv/.bench` installs it."
        ) from missing


def has_library(name: str) -> bool:
    """Tell whether a top-level module is installed."""
    return find_spec(name) is not None
