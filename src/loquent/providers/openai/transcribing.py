"""Has recordings transcribed and translated by an OpenAI-compatible server; routes and tries none.

Source: OpenAI's API reference, createTranscription and createTranslation.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Endpoint
from loquent.domain.errors import UpstreamError
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.providers.failures import cleaned, unreadable
from loquent.providers.openai.asking import Asking, asking_for, form_fields
from loquent.providers.openai.events import TranscriptEvents
from loquent.providers.openai.reading import read_transcript
from loquent.providers.openai.values import OddAnswerError
from loquent.providers.upstream import Call, UpstreamClient


class OpenAiTranscriber:
    """A `Transcriber` for one endpoint."""

    def __init__(self, client: UpstreamClient, endpoint: Endpoint) -> None:
        self._client = client
        self._endpoint = endpoint

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        """Yield each segment as soon as it is told, then exactly one transcript.

        Raises: UpstreamError.
        """
        quirks = self._client.access.quirks
        asking = asking_for(self._endpoint, request, quirks)
        fields = form_fields(asking, self._endpoint, request, quirks)
        call = Call(path=asking.path, form=fields, file=source)
        answer = self._streamed if asking.streams else self._whole
        async with aclosing(answer(call, request, asking)) as updates:
            async for update in updates:
                yield update

    async def _whole(
        self, call: Call, request: TranscriptionRequest, asking: Asking
    ) -> AsyncGenerator[Segment | Transcript]:
        answer = await self._client.answer(call)
        try:
            transcript = read_transcript(answer, request, self._endpoint, asking)
        except OddAnswerError as odd:
            raise unreadable(self._client.access, str(odd)) from odd
        for segment in transcript.segments:
            yield segment
        yield transcript

    async def _streamed(
        self, call: Call, request: TranscriptionRequest, asking: Asking
    ) -> AsyncGenerator[Segment | Transcript]:
        told = TranscriptEvents(request, self._endpoint, asking)
        async with aclosing(self._client.events(call)) as events:
            async for event in events:
                self._refuse_failure(event)
                try:
                    segment = told.read(event)
                except OddAnswerError as odd:
                    raise unreadable(self._client.access, str(odd)) from odd
                if segment is not None:
                    yield segment
        try:
            transcript = told.transcript()
        except OddAnswerError as odd:
            raise unreadable(self._client.access, str(odd)) from odd
        yield transcript

    def _refuse_failure(self, event: Any) -> None:
        """Raises: UpstreamError: if the event says that the server failed half-way."""
        if not isinstance(event, dict) or not event.get("error"):
            return
        access = self._client.access
        error = event["error"]
        reason = error.get("message") if isinstance(error, dict) else error
        told = reason if isinstance(reason, str) else json.dumps(error)
        raise UpstreamError(f"{access.id} broke off its answer: {cleaned(access, told)}")
