"""What models are on this machine, and how to change that; says nothing of where they come from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from loquent.domain.stock import PullEvent, StockedModel


class ModelStock(Protocol):
    """Fetches models, drops them, and takes them out of memory."""

    async def listed(self) -> Sequence[StockedModel]:
        """Return every model that is installed or can be pulled by its id, sorted by id."""
        ...

    def pull(self, name: str) -> AsyncGenerator[PullEvent]:
        """Install a model, or mend it, and tell how it goes; the last event is `Phase.DONE`.

        Closing the generator stops the pull, and the next one goes on where it was. Events that
        nobody has waited for are left out.

        Args:
            name: an id as `listed` has it, or "owner/name" or "owner/name@revision" on the hub.

        Raises:
            ModelNotFoundError: if nothing can have that name.
            ConflictError: if this server pulls it already.
            ModelLoadError: if no source has it, or the disk is too full or cannot be written.
        """
        ...

    async def remove(self, model_id: str) -> None:
        """Delete an installed model, out of memory first.

        Raises:
            ModelNotFoundError: if it is not installed.
            InvalidRequestError: if it is built in, a setting names it, or `model_id` is another
                name of it.
            ConflictError: if it is in use.
        """
        ...

    async def unload(self, name: str) -> str:
        """Free the memory of a model, under any of its names; return its id.

        Raises:
            ModelNotFoundError: if it is not installed.
            InvalidRequestError: if settings keep it in memory.
            ConflictError: if it is in use, or on its way into memory.
        """
        ...
