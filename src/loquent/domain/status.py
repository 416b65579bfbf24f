"""What a server tells of each model that it serves."""

from __future__ import annotations

from dataclasses import dataclass

from loquent.domain.endpoints import Endpoint
from loquent.domain.model import ModelCard


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model that this server can serve.

    Attributes:
        aliases: its other names, each of which a request may use.
        is_loaded: whether it is in memory here.
        endpoints: where it is served, here or elsewhere.
    """

    card: ModelCard
    aliases: tuple[str, ...] = ()
    is_loaded: bool = False
    endpoints: tuple[Endpoint, ...] = ()
