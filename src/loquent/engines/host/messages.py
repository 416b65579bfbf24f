"""What an engine's child and its parent tell each other; knows nothing of how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

from pydantic import ConfigDict, Field

from loquent.domain.audio import Samples, SpeechRegion
from loquent.domain.errors import EngineError, ModelLoadError
from loquent.engines.batch import Utterance, Width
from loquent.engines.host.performers import PerformerAddress, Scalar
from loquent.ports import PieceOptions, Recognition, SpokenPiece, WindowVoices

MAX_UTTERANCES = 64
MAX_MESSAGE_CHARACTERS = 2_000

UNEXPECTED = "unexpected"
"""Code of an exception that no rule foresaw; the message names its type."""

CONFIG = ConfigDict(
    strict=True,
    extra="forbid",
    ser_json_bytes="base64",
    val_json_bytes="base64",
    ser_json_inf_nan="constants",  # the log probability of nothing at all is not a number
)

_ERRORS: Mapping[str | None, type[EngineError]] = {
    error.code: error for error in (EngineError, ModelLoadError)
}

Identifier: TypeAlias = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Start:
    """To the child, once, before all else: which weights to load."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    address: PerformerAddress
    folder: str
    options: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Batch:
    """To the child: recognise utterances of one `batch_key`."""

    id: int
    width: Width
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True, slots=True)
class Speak:
    """To the child: speak a piece of text."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Identifier
    text: str
    options: PieceOptions


@dataclass(frozen=True, slots=True)
class Analyse:
    """To the child: tell who speaks in a window, and how they sound in the `wanted` part of it."""

    id: int
    samples: Samples
    wanted: SpeechRegion


@dataclass(frozen=True, slots=True)
class Ready:
    """From the child, once: the weights are loaded; 0 Hz where they do not speak."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    n_workers: Annotated[int, Field(ge=1)]
    sample_rate_hz: Annotated[int, Field(ge=0, le=192_000)] = 0


@dataclass(frozen=True, slots=True)
class Result:
    """From the child: a batch is done, in `took_s` seconds of its own."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Identifier
    recognitions: Annotated[tuple[Recognition, ...], Field(max_length=MAX_UTTERANCES)]
    took_s: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """From the child: a piece is spoken, in `took_s` seconds of its own."""

    id: int
    piece: SpokenPiece
    took_s: float


@dataclass(frozen=True, slots=True)
class Analysed:
    """From the child: a window is analysed, in `took_s` seconds of its own."""

    id: int
    voices: WindowVoices
    took_s: float


@dataclass(frozen=True, slots=True)
class Failure:
    """From the child: an order failed, or the start where `id` is None."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Identifier | None
    code: str
    message: str

    def to_error(self) -> EngineError:
        """Return what the child raised."""
        if self.code == UNEXPECTED:
            return EngineError("The model failed at its work.")
        return _ERRORS.get(self.code, EngineError)(self.message)


Work: TypeAlias = Batch | Speak | Analyse
Outcome: TypeAlias = Result | Spoken | Analysed
"""What comes of each kind of work, in the same order."""

Order: TypeAlias = Start | Work
Answer: TypeAlias = Ready | Outcome | Failure


def failure_of(error: Exception, identifier: int | None) -> Failure:
    """Tell the parent of `error`; of one that no rule foresaw, its type alone."""
    if isinstance(error, EngineError):
        return Failure(identifier, str(error.code), error.message[:MAX_MESSAGE_CHARACTERS])
    return Failure(identifier, UNEXPECTED, type(error).__name__)
