"""Answer uploads with transcripts and translations; knows forms and answers, not recognition."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, TypeAlias

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from loquent.api.dialects import DIALECTS, Dialect
from loquent.api.event_stream import EventStream, event_chunks, whole
from loquent.api.form_schema import request_body
from loquent.api.forms import (
    FormRules,
    TranscriptionCall,
    parse_transcription,
    parse_translation,
)
from loquent.api.headers import header_text
from loquent.api.metering import Meter, Use
from loquent.api.metrics import Metrics
from loquent.api.openapi import RECORDING_ERRORS, ROUTED_ERRORS, error_answers
from loquent.api.options import ApiOptions, Services
from loquent.api.reception import Fields, receive_call
from loquent.api.recognition import Recognition, recognising, until_disconnect
from loquent.api.routing_fields import bounded
from loquent.api.schemas import JsonAnswer, VerboseAnswer
from loquent.api.served import consumption_of, price_header, served_headers
from loquent.api.speaker_schemas import DiarizedAnswer
from loquent.api.usage import usage_form
from loquent.api.waiting import first_event, loading_on
from loquent.domain.endpoints import Served
from loquent.domain.pricing import Consumption
from loquent.domain.transcript import Transcript
from loquent.render import RenderOptions, TranscriptEvents, render
from loquent.routing.names import CAPABILITY_OF_TASK

TRANSCRIPTION_PATHS = ("/audio/transcriptions", "/speech/transcriptions")
TRANSLATION_PATHS = ("/audio/translations",)

_TEXT_FORMS = ("text/plain", "text/vtt")

Parse: TypeAlias = Callable[[Fields, FormRules], TranscriptionCall]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


def add_transcription_routes(
    app: FastAPI,
    services: Services,
    options: ApiOptions,
    metrics: Metrics,
    meter: Meter,
) -> None:
    """Add transcriptions and translations, under every prefix."""
    endpoints = TranscriptionEndpoints(services, options, metrics, meter)
    for prefix, dialect in DIALECTS.items():
        for path in TRANSCRIPTION_PATHS:
            _add(app, prefix + path, dialect, endpoints.transcribe(dialect))
        for path in TRANSLATION_PATHS:
            _add(app, prefix + path, dialect, endpoints.translate(dialect))


class TranscriptionEndpoints:
    """The endpoints that recordings are sent to; each dialect gets its own."""

    def __init__(
        self,
        services: Services,
        options: ApiOptions,
        metrics: Metrics,
        meter: Meter,
    ) -> None:
        self._estimates = services.estimates
        self._transcriber = services.transcriber
        self._loading = loading_on(services.board)
        self._options = options
        self._metrics = metrics
        self._meter = meter

    def transcribe(self, dialect: Dialect) -> Endpoint:
        """Return the endpoint that answers in the words that were spoken."""

        async def create_transcription(request: Request) -> Response:
            """Transcribe a recording in the language spoken in it."""
            return await self._answer(request, parse_transcription, self._rules(dialect))

        return create_transcription

    def translate(self, dialect: Dialect) -> Endpoint:
        """Return the endpoint that answers in English."""

        async def create_translation(request: Request) -> Response:
            """Translate a recording into English."""
            return await self._answer(request, parse_translation, self._rules(dialect))

        return create_translation

    def _rules(self, dialect: Dialect) -> FormRules:
        return FormRules(
            default_format=dialect.default_format,
            always_segments=dialect.always_segments,
            unknown_fields=self._options.unknown_fields,
            max_known_speakers=self._options.limits.max_known_speakers,
            extensions=self._options.extensions,
        )

    async def _answer(self, request: Request, parse: Parse, rules: FormRules) -> Response:
        began_s = time.monotonic()
        async with AsyncExitStack() as owned:
            received = await receive_call(
                request, lambda fields: parse(fields, rules), self._options, owned
            )
            call, source = _bounded(received.call, request), received.source
            use = await owned.enter_async_context(
                self._meter.request(
                    request.scope,
                    CAPABILITY_OF_TASK[call.request.task],
                    call.request.model,
                    self._estimates.recording(call.request, source),
                )
            )
            owned.enter_context(self._metrics.track_work())
            items = self._transcriber.transcribe(call.request, source)
            recognition = await owned.enter_async_context(recognising(items))
            owned.callback(_note_progress, use, recognition)
            if call.stream:
                first = first_event(recognition, self._loading)
                await until_disconnect(request.receive, first)
                return self._stream(request, call, recognition, use, owned.pop_all())
            transcript = await until_disconnect(request.receive, recognition.transcript())
            await use.settle_transcript(transcript, recognition.served)
        self._note(request, transcript)
        headers = {
            **self._headers(call, transcript, recognition.served),
            "x-loquent-seconds": f"{time.monotonic() - began_s:.3f}",
        }
        return await _respond(call, transcript, headers)

    def _headers(
        self, call: TranscriptionCall, transcript: Transcript, served: Served | None
    ) -> dict[str, str]:
        capability, used = CAPABILITY_OF_TASK[transcript.task], consumption_of(transcript)
        return {
            **served_headers(served, call.ignored),
            **price_header(served, capability, used, self._options.currency),
        }

    def _stream(
        self,
        request: Request,
        call: TranscriptionCall,
        recognition: Recognition,
        use: Use,
        owned: AsyncExitStack,
    ) -> EventStream:
        async def settle(transcript: Transcript) -> None:
            await use.settle_transcript(transcript, recognition.served)
            self._note(request, transcript)

        use.served, use.is_streamed = recognition.served, True
        events = event_chunks(
            recognition,
            TranscriptEvents(
                logprobs=call.logprobs,
                speakers=call.request.speakers is not None,
                granularities=call.granularities,
            ),
            on_transcript=settle,
            loading=self._loading,
        )
        chunks = whole(events, request.scope["loquent.request_id"], use.fail)
        return EventStream(chunks, owned, served_headers(recognition.served, call.ignored))

    def _note(self, request: Request, transcript: Transcript) -> None:
        request.scope["loquent.model"] = transcript.model
        self._metrics.count_transcript(transcript)


def _note_progress(use: Use, recognition: Recognition) -> None:
    """Tell what has been done by now, for whoever hangs up."""
    use.served, use.done = recognition.served, Consumption(recognition.reached_s)


def _bounded(call: TranscriptionCall, request: Request) -> TranscriptionCall:
    limits = bounded(call.request.limits, request.scope)
    return replace(call, request=replace(call.request, limits=limits))


async def _respond(
    call: TranscriptionCall, transcript: Transcript, headers: Mapping[str, str]
) -> Response:
    options = RenderOptions(
        format=call.format,
        answer_id=f"transcription-{uuid.uuid4().hex}",
        created_s=int(time.time()),
        granularities=call.granularities,
        logprobs=call.logprobs,
        usage_form=usage_form(call.request.model),
        subtitles=call.subtitles,
    )
    # The cues of some hours take a while to be chosen: others are served meanwhile.
    is_slow = call.subtitles is not None
    rendered = (
        await asyncio.to_thread(render, transcript, options)
        if is_slow
        else render(transcript, options)
    )
    named = {"x-loquent-model": header_text(transcript.model), **headers}
    return Response(rendered.body, headers=named, media_type=rendered.media_type)


def _add(app: FastAPI, path: str, dialect: Dialect, endpoint: Endpoint) -> None:
    is_translation = path.endswith(TRANSLATION_PATHS)
    content: dict[str, Any] = {form: {"schema": {"type": "string"}} for form in _TEXT_FORMS}
    answer: Any = JsonAnswer | VerboseAnswer
    if not is_translation:
        content[EventStream.media_type] = {}
        answer |= DiarizedAnswer
    app.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        response_model=answer,
        responses={
            200: {"content": content},
            **error_answers((*RECORDING_ERRORS, *ROUTED_ERRORS), dialect.error_style),
        },
        openapi_extra=request_body(dialect, is_translation=is_translation),
    )
