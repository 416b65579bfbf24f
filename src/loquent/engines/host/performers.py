"""Names the class that runs the models of each engine; imports none of them.

The parent looks an engine up and tells its child what to import, so that what an engine needs is
loaded in the child alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from loquent.domain.audio import Samples, SpeechRegion
from loquent.engines.batch import Utterance, Width
from loquent.ports import PieceOptions, Recognition, SpokenPiece, WindowVoices

Scalar: TypeAlias = bool | int | float | str


@runtime_checkable
class Reader(Protocol):
    """Loaded weights that recognise; made in the child from a folder and its engine's options."""

    @property
    def n_workers(self) -> int:
        """How many narrow batches may be read side by side, at least one."""
        ...

    def read(self, batch: Sequence[Utterance], width: Width) -> Sequence[Recognition]:
        """Recognise utterances of one `batch_key`; blocks, and may be called by several threads.

        Raises: EngineError.
        """
        ...


@runtime_checkable
class SpeechMaker(Protocol):
    """Loaded weights that speak; made in the child from a folder and its engine's options."""

    @property
    def n_workers(self) -> int:
        """How many pieces are worth speaking side by side, at least one."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """The rate of every piece."""
        ...

    def speak(self, text: str, options: PieceOptions) -> SpokenPiece:
        """Speak a piece of text; blocks, and may be called by several threads.

        Raises: EngineError.
        """
        ...


@runtime_checkable
class Analyser(Protocol):
    """Loaded weights that tell voices apart; made in the child from a folder and its options."""

    @property
    def n_workers(self) -> int:
        """How many windows are worth analysing side by side, at least one."""
        ...

    def analyse(self, samples: Samples, wanted: SpeechRegion) -> WindowVoices:
        """Tell who speaks in a window, and how they sound in the `wanted` part of it.

        Blocks, and may be called by several threads.

        Raises: EngineError.
        """
        ...


Performer: TypeAlias = Reader | SpeechMaker | Analyser


@dataclass(frozen=True, slots=True)
class PerformerAddress:
    """Where an engine is found: a module, a `Performer` in it, and the class of its options."""

    module: str
    performer: str
    options: str


PERFORMERS: Mapping[str, PerformerAddress] = {
    "whisper_ct2": PerformerAddress(
        "loquent.engines.whisper.reader", performer="BatchReader", options="NetworkOptions"
    ),
    "kokoro": PerformerAddress(
        "loquent.engines.kokoro.speaker", performer="KokoroSpeaker", options="OnnxOptions"
    ),
    "piper": PerformerAddress(
        "loquent.engines.piper.speaker", performer="PiperSpeaker", options="OnnxOptions"
    ),
    "espeak": PerformerAddress(
        "loquent.engines.espeak.speaker", performer="EspeakSpeaker", options="EspeakOptions"
    ),
    "voices": PerformerAddress(
        "loquent.engines.voices.analyst", performer="WindowAnalyst", options="AnalystOptions"
    ),
}
"""By the engine's name in the model catalog."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What it takes to load one model.

    Attributes:
        model_id: what to call it in messages.
        engine: a name in the table of performers.
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
