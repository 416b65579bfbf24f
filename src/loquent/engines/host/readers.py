"""Names the class that runs the models of each engine; imports none of them.

The parent looks an engine up and tells its child what to import, so that what an engine needs is
loaded in the child alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from loquent.engines.batch import Utterance, Width
from loquent.ports import Recognition

Scalar: TypeAlias = bool | int | float | str


class Reader(Protocol):
    """Loaded weights inside the child; it is made from a folder and its engine's options."""

    @property
    def n_workers(self) -> int:
        """How many narrow batches may be read side by side, at least one."""
        ...

    def read(self, batch: Sequence[Utterance], width: Width) -> Sequence[Recognition]:
        """Recognise utterances of one `batch_key`; blocks, and may be called by several threads.

        Raises: EngineError.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReaderAddress:
    """Where a reader is found: a module, a `Reader` class in it, and the class of its options."""

    module: str
    reader: str
    options: str


READERS: Mapping[str, ReaderAddress] = {
    "whisper_ct2": ReaderAddress(
        "loquent.engines.whisper.reader", reader="BatchReader", options="NetworkOptions"
    ),
}
"""By the engine's name in the model catalog."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What it takes to load one model.

    Attributes:
        model_id: what to call it in messages.
        engine: a name in the table of readers.
        folder: the verified files of the model.
        options: fields of the engine's options.
        environment: variables for the libraries of the engine; of the parent's own ones the child
            inherits none, so that it sees no secret.
    """

    model_id: str
    engine: str
    folder: Path
    options: Mapping[str, Scalar] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
