"""Names what makes model files of checkpoints; imports none of it before it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from loquent.models.conversion.checkpoint import read_tensors
from loquent.models.conversion.errors import CheckpointError

Convert: TypeAlias = Callable[[Path], bytes]
"""Return a model file made of the checkpoint at a path. Raises: CheckpointError; OSError."""


@dataclass(frozen=True, slots=True)
class Converter:
    """A function that makes a model file of tensors, by its address.

    Its library takes 0.2 s to be imported, which only a pull of such a model should cost.
    """

    module: str
    function: str

    def __call__(self, checkpoint: Path) -> bytes:
        """Return what the function makes of the tensors in `checkpoint`.

        Raises: CheckpointError; OSError: if the file cannot be read.
        """
        tensors = read_tensors(checkpoint)
        try:
            converted: bytes = getattr(importlib.import_module(self.module), self.function)(tensors)
        except CheckpointError:
            raise
        except (ValueError, IndexError) as error:
            raise CheckpointError("the tensors have other shapes than the network") from error
        return converted


CONVERTERS: Mapping[str, Convert] = {
    "pyannet": Converter("loquent.models.conversion.pyannet", "pyannet"),
    "campplus": Converter("loquent.models.conversion.campplus", "campplus"),
}
"""By the name that the catalog calls them by."""
