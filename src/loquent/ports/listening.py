"""Recordings in, text out: the front, and the parts of the local path."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from loquent.domain.audio import AudioSource, Samples
from loquent.domain.endpoints import Served
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Segment, Task, Transcript


class Transcriber(Protocol):
    """Turns a recording into text; a local pipeline or a remote provider."""

    def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        """Yield each segment as soon as it is known, in order, then exactly one transcript.

        Closing the iterator stops the work.

        Raises: InvalidRequestError, EngineError.
        """
        ...


class RoutedTranscriber(Protocol):
    """Turns a recording into text wherever that is done best."""

    def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Served | Segment | Transcript]:
        """Yield who serves, where there was a choice, then what a `Transcriber` does.

        Raises: InvalidRequestError, EngineError, UpstreamError, NoEndpointError.
        """
        ...


class AudioDecoder(Protocol):
    """Turns encoded bytes into samples, in bounded memory."""

    def decode(self, source: AudioSource, channel: int | None = None) -> AsyncGenerator[Samples]:
        """Yield consecutive windows of mono audio at 16 kHz.

        Closing the iterator stops the work.

        Args:
            channel: which one is heard, 0 for the first; None for the mean of all.

        Raises: InvalidAudioError: also where there is no such channel, telling how many there are;
            UnsupportedFormatError, AudioTooLongError, WorkerCrashedError.
        """
        ...


class VoiceActivityStream(Protocol):
    """Detector state for one recording."""

    async def probabilities(self, samples: Samples) -> Samples:
        """Return one speech probability per whole frame of 512 samples seen so far.

        Samples that do not fill a frame wait for the next call.
        """
        ...


class VoiceActivityDetector(Protocol):
    """Tells speech from everything else, 32 ms at a time."""

    def stream(self) -> VoiceActivityStream:
        """Start a recording of its own."""
        ...


class Lane(IntEnum):
    """How urgent a stretch of speech is, the most urgent first."""

    LIVE_FINAL = 0
    """The end of a turn in a live stream: somebody waits for the answer."""
    LIVE_PARTIAL = 1
    """A guess at a turn that goes on."""
    SHORT = 2
    """The beginning of a recording, all of most."""
    LONG = 3
    """What follows in a recording whose first text is out."""


@dataclass(frozen=True, slots=True)
class RecognitionOptions:
    """How one stretch of speech is decoded.

    Attributes:
        language: ISO 639-1 code, or None to detect it.
        prompt: the caller's prompt, "" for none.
        hotwords: words to expect, "" for none.
        temperature: where the fallback ladder starts.
        beam_size: hypotheses kept side by side at temperature 0; None for the engine's default.
        best_of: samples drawn at higher temperatures; None for the engine's default.
        is_draft: the stretch goes on and will be heard again: be fast, and where nothing credible
            is heard, return nothing.
        known_s: so much of the beginning is heard only to understand the rest; the answer does not
            hold it, and its times count from there.
        known: what is said there.
        prefix: of a draft, the text with which it begins.
        lane: how urgent it is.
        share: who asks; those who ask at the same time get equal shares of the machine.
    """

    task: Task
    language: str | None
    prompt: str = ""
    hotwords: str = ""
    temperature: float = 0.0
    beam_size: int | None = None
    best_of: int | None = None
    word_timestamps: bool = False
    token_scores: bool = False
    is_draft: bool = False
    known_s: float = 0.0
    known: str = ""
    prefix: str = ""
    lane: Lane = Lane.SHORT
    share: str = ""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was heard in one stretch of speech.

    Attributes:
        language: ISO 639-1 code, as asked for or as detected.
        segments: sorted by time; times count from the start of the stretch, ids from 0.
        n_prompt_tokens: tokens of the prompt as the model heard it.
        n_repairs: how often a hypothesis looked wrong and was decoded again.
    """

    language: str
    segments: tuple[Segment, ...]
    n_prompt_tokens: int = 0
    n_repairs: int = 0


class SpeechRecognizer(Protocol):
    """A loaded speech-to-text model; its unit of work is one stretch of at most 30 s."""

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        """Recognise `samples`, at most 30 s. Cancelling the call stops the work.

        Raises: EngineError.
        """
        ...


class RecognizerSource(Protocol):
    """Hands out loaded recognizers by model id."""

    async def recognizer(self, model_id: str) -> SpeechRecognizer:
        """Return the model, loading it first where needed.

        Raises: ModelNotFoundError, ModelLoadError, ModelNotReadyError.
        """
        ...
