"""Send each recording and each text to the endpoint that serves it best."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from loquent.codec.glance import glance
from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail, Served
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.ports import Speaker, Transcriber
from loquent.routing.attempts import Attempts
from loquent.routing.casting import cast
from loquent.routing.names import ModelNames
from loquent.routing.need import need_of_recording, need_of_text
from loquent.routing.planner import Planner
from loquent.routing.ranking import SPOKEN_CHARACTERS_PER_S, Candidate

Path: TypeAlias = Callable[[Candidate], Transcriber]
"""From an endpoint that was chosen to who transcribes there."""

SpeechPath: TypeAlias = Callable[[Candidate, SpeechRequest], Speaker]
"""From an endpoint that was chosen, and what it is to say, to who speaks there."""


class Router:
    """A `RoutedTranscriber` over all endpoints."""

    def __init__(self, planner: Planner, attempts: Attempts, path: Path) -> None:
        """Take who chooses, who tries, and the way to each endpoint."""
        self._planner = planner
        self._attempts = attempts
        self._path = path

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Served | Segment | Transcript]:
        """Yield who serves, and what is understood there."""
        seen = glance(source)
        need = need_of_recording(request, seen.container, source.n_bytes, seen.audio_s)
        updates = self._attempts.run(
            self._planner.chosen(need),
            partial(self._perform, request, source),
            audio_s=seen.audio_s,
            is_streamed=Detail.STREAM in request.needs,
        )
        async with aclosing(updates):
            async for update in updates:
                yield update

    def _perform(
        self, request: TranscriptionRequest, source: AudioSource, candidate: Candidate
    ) -> AsyncGenerator[Segment | Transcript]:
        asked = replace(request, model=candidate.endpoint.model)
        return self._path(candidate).transcribe(asked, source)


class SpeechRouter:
    """A `Speaker` over all endpoints."""

    def __init__(self, planner: Planner, attempts: Attempts, path: SpeechPath) -> None:
        """Take who chooses, who tries, and the way to each endpoint."""
        self._planner = planner
        self._attempts = attempts
        self._path = path

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        """Yield a plan that says who serves, then the sound."""
        updates = self._attempts.run(
            self._planner.chosen(need_of_text(request)),
            partial(self._perform, request),
            audio_s=len(request.text) / SPOKEN_CHARACTERS_PER_S,
            is_streamed=True,
        )
        served: Served | None = None
        async with aclosing(updates):
            async for update in updates:
                if isinstance(update, Served):
                    served = update
                elif isinstance(update, SpeechPlan):
                    yield replace(update, served=served)
                else:
                    yield update

    def _perform(
        self, request: SpeechRequest, candidate: Candidate
    ) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        asked = replace(request, model=candidate.endpoint.model)
        return self._path(candidate, asked).speak(asked)


class LocalCasting:
    """Casts texts with the models of this machine; a `SpeechPath` for their endpoints."""

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

    def speaker(self, request: SpeechRequest) -> Speaker:
        """Return who speaks a text.

        Raises: UnsupportedOptionError, InvalidRequestError, ModelLoadError.
        """
        return self._deployment(cast(request, self._names(), self._voice_names, self._stand_in))
