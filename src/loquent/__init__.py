"""Loquent: a self-hosted speech platform with the OpenAI audio API."""

from importlib import import_module
from importlib.metadata import version

__version__ = version("loquent")

_CLIENTS = ("AiBrary", "AsyncAiBrary", "AsyncLoquent", "Loquent")


def __getattr__(name: str) -> object:
    """Load the clients when they are asked for; the server runs without the openai package."""
    if name not in _CLIENTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module("loquent.client"), name)
    except ModuleNotFoundError as error:
        if error.name != "openai":
            raise
        raise ImportError(
            f"{name} stands on the openai package: pip install 'loquent[client]'"
        ) from error
