"""Sound in while it is spoken, text out: the front of live transcription."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from loquent.domain.live import LiveActivity, LiveRequest, LiveUpdate
from loquent.ports.listening import SpeechRecognizer


class LiveSession(Protocol):
    """One stream of sound; its methods are called by one task, `updates` may run in another."""

    async def hear(self, sound: bytes) -> None:
        """Take the next bytes, cut anywhere; waits where too much has not been understood yet.

        Raises: InvalidAudioError.
        """
        ...

    async def commit(self) -> int | None:
        """End the utterance here, whatever is being said.

        Returns: its number, None if no sound came since the last one ended.
        """
        ...

    async def clear(self) -> None:
        """Forget what came since the last utterance ended."""
        ...

    async def configure(self, request: LiveRequest) -> None:
        """Go on under other terms; what was heard is kept.

        Raises: InvalidRequestError: if the sound changes and some came already; what `open` does,
            if speakers are wanted from now on. Then nothing has changed.
        """
        ...

    async def finish(self) -> None:
        """End the stream; the last updates follow, then `updates` ends."""
        ...

    def updates(self) -> AsyncIterator[LiveUpdate]:
        """Yield what is found out, as soon as it is."""
        ...


class LiveTranscriber(Protocol):
    """Transcribes live streams; a local model or a remote provider."""

    def open(self, request: LiveRequest) -> AbstractAsyncContextManager[LiveSession]:
        """Start a session; leaving the context stops its work and frees what it held.

        Raises: ModelNotFoundError, UnsupportedOptionError, OverloadedError, ModelLoadError,
            ModelNotReadyError.
        """
        ...


class LiveRecognizerSource(Protocol):
    """Hands out recognizers to live sessions, as many as the machine can follow."""

    def live_recognizer(self, model_id: str) -> AbstractAsyncContextManager[SpeechRecognizer]:
        """Return the model for as long as the context is open, loading it first where needed.

        Raises: OverloadedError: if one more session would make all of them late;
            ModelNotFoundError, ModelLoadError, ModelNotReadyError.
        """
        ...


class LiveBoard(Protocol):
    """Tells which live sessions there are."""

    def sessions(self) -> Sequence[LiveActivity]:
        """Return those that are open, the oldest first."""
        ...
