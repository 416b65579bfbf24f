"""Send each request to the deployment that serves its model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from loquent.domain.audio import AudioSource
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.live import LiveRequest
from loquent.domain.model import Capability, ModelCard
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.ports import LiveSession, LiveTranscriber, Speaker, Transcriber
from loquent.routing.casting import cast
from loquent.routing.names import ModelNames


class Router:
    """A `Transcriber` in front of all others."""

    def __init__(
        self, names: Callable[[], ModelNames], deployment: Callable[[str], Transcriber]
    ) -> None:
        """Take what is installed now, and the deployment of a model by its id."""
        self._names = names
        self._deployment = deployment

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        """Yield what the chosen deployment yields."""
        card = self._names().for_task(request.model, request.task)
        _check_language(request.language, card, request.model)
        chosen = self._deployment(card.id)
        async with aclosing(chosen.transcribe(replace(request, model=card.id), source)) as updates:
            async for update in updates:
                yield update


class LiveRouter:
    """A `LiveTranscriber` in front of all others."""

    def __init__(
        self, names: Callable[[], ModelNames], deployment: Callable[[str], LiveTranscriber]
    ) -> None:
        """Take what is installed now, and the deployment of a model by its id."""
        self._names = names
        self._deployment = deployment

    @asynccontextmanager
    async def open(self, request: LiveRequest) -> AsyncIterator[LiveSession]:
        """Open a session of the chosen deployment."""
        card = self._names().able(request.model, Capability.TRANSCRIPTION)
        _check_language(request.language, card, request.model)
        async with self._deployment(card.id).open(replace(request, model=card.id)) as session:
            yield _RoutedSession(session, card)


class _RoutedSession:
    """A `LiveSession` whose model stays what it was chosen to be."""

    def __init__(self, session: LiveSession, card: ModelCard) -> None:
        self._session = session
        self._card = card
        self.hear = session.hear
        self.commit = session.commit
        self.clear = session.clear
        self.finish = session.finish
        self.updates = session.updates

    async def configure(self, request: LiveRequest) -> None:
        """Go on under other terms, if the model can.

        Raises: UnsupportedOptionError, InvalidRequestError.
        """
        _check_language(request.language, self._card, request.model)
        await self._session.configure(replace(request, model=self._card.id))


class SpeechRouter:
    """A `Speaker` in front of all others."""

    def __init__(
        self,
        names: Callable[[], ModelNames],
        deployment: Callable[[Casting], Speaker],
        *,
        voice_names: Mapping[str, str],
        stand_in: str,
    ) -> None:
        """Take what is installed now, and who speaks what has been cast; see `cast`."""
        self._names = names
        self._deployment = deployment
        self._voice_names = voice_names
        self._stand_in = stand_in

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        """Yield what the chosen deployment yields."""
        casting = cast(request, self._names(), self._voice_names, self._stand_in)
        async with aclosing(self._deployment(casting).speak(request)) as updates:
            async for update in updates:
                yield update


def _check_language(language: str | None, card: ModelCard, name: str) -> None:
    """Raises: UnsupportedOptionError: if the model that answers to `name` does not know it."""
    if language is None or language in card.languages:
        return
    raise UnsupportedOptionError(
        f"the model '{name}' does not know the language '{language}'; "
        f"it knows {', '.join(card.languages)}",
        param="language",
    )
