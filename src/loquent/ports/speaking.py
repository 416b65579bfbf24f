"""Text in, sound out: the front, and the parts of the local path."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from loquent.domain.model import Voice
from loquent.domain.speech import (
    SpeechChunk,
    SpeechPlan,
    SpeechRequest,
    SpokenWord,
    VoiceMix,
    Waveform,
)
from loquent.domain.status import ModelStatus


class Speaker(Protocol):
    """Speaks a text; a local pipeline or a remote provider."""

    def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        """Yield exactly one plan, then the sound, chunk by chunk as it is made.

        Closing the iterator stops the work.

        Raises: InvalidRequestError, EngineError.
        """
        ...


class VoiceDirectory(Protocol):
    """Answers who can speak here."""

    def voices(self) -> Sequence[tuple[ModelStatus, Voice]]:
        """Return every voice with its model, sorted by model and as the model prefers them."""
        ...

    def other_names(self) -> Mapping[str, str]:
        """Return other names of voices, each with what it stands for."""
        ...


@dataclass(frozen=True, slots=True)
class PieceOptions:
    """How a piece of text is spoken.

    Attributes:
        voices: who speaks.
        language: what it is read as, in ISO 639-1 or as BCP 47 has it: "en-GB".
        speed: 1 is the model's own pace.
        settings: knobs of the engine, within their limits.
        word_times: whether the words' times are wanted.
    """

    voices: VoiceMix
    language: str
    speed: float = 1.0
    settings: Mapping[str, float] = field(default_factory=dict)
    word_times: bool = False


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """The sound of one piece of text.

    Attributes:
        speed: the pace it was spoken at; the nearest to what was asked that the engine has.
        words: times count from the start of the piece.
    """

    samples: Waveform
    sample_rate_hz: int
    speed: float = 1.0
    words: tuple[SpokenWord, ...] = ()


class PieceSpeaker(Protocol):
    """A loaded text-to-speech model; its unit of work is a piece of at most a few sentences."""

    @property
    def n_workers(self) -> int:
        """How many pieces are worth speaking side by side."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """The rate of its sound."""
        ...

    async def speak(self, text: str, options: PieceOptions, due_s: float) -> SpokenPiece:
        """Speak `text`. Cancelling the call stops the work.

        Args:
            due_s: when, on the monotonic clock, the listener runs out of sound; of several
                pieces that wait, the first due is the next.

        Raises: EngineError.
        """
        ...


class PieceSpeakerSource(Protocol):
    """Hands out loaded speakers by model id."""

    async def speaker(self, model_id: str) -> PieceSpeaker:
        """Return the model, loading it first where needed.

        Raises: ModelNotFoundError, ModelLoadError, ModelNotReadyError.
        """
        ...
