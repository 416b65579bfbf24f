"""Answer uploads with who speaks when; knows forms and answers, not how voices are told apart."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from loquent.api.dialects import DIALECTS
from loquent.api.fields import FieldReader
from loquent.api.form_schema import diarization_body
from loquent.api.headers import header_text, ignored_header
from loquent.api.metering import Meter
from loquent.api.metrics import Metrics
from loquent.api.openapi import RECORDING_ERRORS, error_answers
from loquent.api.options import ApiOptions
from loquent.api.reception import receive_call
from loquent.api.recognition import until_disconnect
from loquent.api.routing_fields import bounded, read_limits
from loquent.api.speaker_fields import NamedVoice, read_speaker_search
from loquent.api.speaker_schemas import DiarizationAnswer
from loquent.api.unknown_fields import part_unknown_fields
from loquent.domain.model import Capability
from loquent.domain.speakers import Diarization, DiarizationRequest, KnownSpeaker
from loquent.ports import Diarizer
from loquent.render import DiarizationFormat, DiarizationOptions, render_diarization
from loquent.routing.estimates import Estimates

DIARIZATION_PATH: Final = "/audio/diarization"

OFFERED_FORMATS: Final = (DiarizationFormat.JSON, DiarizationFormat.RTTM)


@dataclass(frozen=True, slots=True)
class DiarizationCall:
    """A form understood.

    Attributes:
        request: names no known speaker until `knowing` is told of them.
        ignored: fields without effect, safe to put in a header.
        voices: known speakers whose recordings are to be decoded.
    """

    request: DiarizationRequest
    format: DiarizationFormat
    ignored: tuple[str, ...]
    voices: tuple[NamedVoice, ...] = ()

    def knowing(self, known: tuple[KnownSpeaker, ...]) -> Self:
        """Return the call with its voices as recordings on disk."""
        search = replace(self.request.search, known=known)
        return replace(self, request=replace(self.request, search=search), voices=())


def parse_diarization(fields: Iterable[tuple[str, str]], options: ApiOptions) -> DiarizationCall:
    """Understand the form of a diarization.

    Raises: InvalidRequestError: naming the field at fault.
    """
    reader = FieldReader(fields)
    model = reader.text("model") or options.diarization_model
    word = reader.choice("response_format", OFFERED_FORMATS)
    search, voices = read_speaker_search(reader, options.limits.max_known_speakers)
    limits = read_limits(reader)
    is_strict = options.unknown_fields == "strict"
    _, ignored = part_unknown_fields(reader, frozenset(), is_strict=is_strict)
    return DiarizationCall(
        DiarizationRequest(model, search, limits),
        DiarizationFormat(word) if word else DiarizationFormat.JSON,
        tuple(ignored),
        voices,
    )


def add_diarization_routes(
    app: FastAPI,
    diarizer: Diarizer,
    options: ApiOptions,
    metrics: Metrics,
    meter: Meter,
    estimates: Estimates,
) -> None:
    """Add diarization, under every prefix."""
    endpoint = DiarizationEndpoint(diarizer, options, metrics, meter, estimates)
    content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    for prefix, dialect in DIALECTS.items():
        app.add_api_route(
            prefix + DIARIZATION_PATH,
            endpoint.diarize,
            methods=["POST"],
            response_model=DiarizationAnswer,
            responses={
                200: {"content": content},
                **error_answers(RECORDING_ERRORS, dialect.error_style),
            },
            openapi_extra=diarization_body(options.diarization_model, OFFERED_FORMATS),
        )


class DiarizationEndpoint:
    """The endpoint over one diarizer, the same in every dialect."""

    def __init__(
        self,
        diarizer: Diarizer,
        options: ApiOptions,
        metrics: Metrics,
        meter: Meter,
        estimates: Estimates,
    ) -> None:
        self._estimates = estimates
        self._diarizer = diarizer
        self._options = options
        self._metrics = metrics
        self._meter = meter

    async def diarize(self, request: Request) -> Response:
        """Tell who speaks when in a recording."""
        async with AsyncExitStack() as owned:
            received = await receive_call(request, self._understood, self._options, owned)
            asked = received.call.request
            asked = replace(asked, limits=bounded(asked.limits, request.scope))
            estimate = self._estimates.voices(asked, received.source)
            use = await owned.enter_async_context(
                self._meter.request(request.scope, Capability.DIARIZATION, asked.model, estimate)
            )
            owned.enter_context(self._metrics.track_work())
            work = self._diarizer.diarize(asked, received.source)
            diarization = await until_disconnect(request.receive, work)
            await use.settle_diarization(diarization)
        request.scope["loquent.model"] = diarization.model
        self._metrics.count_diarization(diarization)
        return _respond(received.call, diarization, received.file_name)

    def _understood(self, fields: Iterable[tuple[str, str]]) -> DiarizationCall:
        return parse_diarization(fields, self._options)


def _respond(call: DiarizationCall, diarization: Diarization, file_name: str) -> Response:
    options = DiarizationOptions(
        format=call.format,
        answer_id=f"diarization-{uuid.uuid4().hex}",
        created_s=int(time.time()),
        file_name=file_name,
    )
    rendered = render_diarization(diarization, options)
    headers = {
        "x-loquent-model": header_text(diarization.model),
        **ignored_header(call.ignored),
    }
    return Response(rendered.body, headers=headers, media_type=rendered.media_type)
