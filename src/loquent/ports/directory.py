"""What can be served, and what is being done; says nothing of how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from loquent.domain.activity import ModelActivity
from loquent.domain.status import ModelStatus


class ModelDirectory(Protocol):
    """Answers which models this server serves."""

    def statuses(self) -> Sequence[ModelStatus]:
        """Return every servable model, sorted by id."""
        ...

    def find(self, name: str) -> ModelStatus:
        """Return the model that answers to `name`, an id or an alias.

        Raises: ModelNotFoundError: naming the nearest names.
        """
        ...

    def is_ready(self) -> bool:
        """Tell whether the default model can serve now."""
        ...


class ActivityBoard(Protocol):
    """Tells what the models in memory are doing."""

    def activity(self) -> Sequence[ModelActivity]:
        """Return every model in memory or on its way there, sorted by id."""
        ...
