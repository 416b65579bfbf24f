"""Send each request to the deployment that serves its model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace

from loquent.domain.audio import AudioSource
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.model import ModelCard
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.ports import Speaker, Transcriber
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
        _check_language(request, card)
        chosen = self._deployment(card.id)
        async with aclosing(chosen.transcribe(replace(request, model=card.id), source)) as updates:
            async for update in updates:
                yield update


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


def _check_language(request: TranscriptionRequest, card: ModelCard) -> None:
    if request.language is None or request.language in card.languages:
        return
    raise UnsupportedOptionError(
        f"the model '{request.model}' does not know the language '{request.language}'; "
        f"it knows {', '.join(card.languages)}",
        param="language",
    )
