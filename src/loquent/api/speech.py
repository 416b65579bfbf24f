"""Answer texts with speech, or with the times of its words; knows fields and answers, no voice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final, TypeAlias

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from loquent.api.dialects import DIALECTS
from loquent.api.event_stream import EventStream, whole
from loquent.api.headers import header_text
from loquent.api.json_body import receive_json
from loquent.api.metering import Meter, Use
from loquent.api.metrics import Metrics
from loquent.api.openapi import METERED_ERRORS, ROUTED_ERRORS, error_answers
from loquent.api.options import ApiOptions
from loquent.api.recognition import until_disconnect
from loquent.api.routing_fields import bounded
from loquent.api.served import price_header, served_headers
from loquent.api.sounding import Sounding, sound_bytes, sound_events
from loquent.api.speech_call import (
    AudioFields,
    CaptionFields,
    SpeechCall,
    SpeechRules,
    StreamFormat,
    parse_captions,
    parse_speech,
)
from loquent.api.streamed import StreamedAnswer
from loquent.codec.encoding.encoder import StreamEncoder, encode_whole
from loquent.codec.encoding.formats import SpeechFormat, media_type
from loquent.domain import errors
from loquent.domain.model import Capability
from loquent.domain.pricing import Consumption
from loquent.domain.speech import SpeechChunk, SpeechPlan, VoiceMix
from loquent.ports import Speaker
from loquent.render import RenderOptions, ResponseFormat, render
from loquent.render.speech import spoken_transcript
from loquent.routing.estimates import Estimates

SPEECH_PATH: Final = "/audio/speech"
CAPTIONS_PATH: Final = "/audio/speech/captions"

MAX_CHARACTER_BYTES: Final = 12
"""A character outside of the basic plane, escaped in JSON."""

MAX_OTHER_BYTES: Final = 256 * 1024
"""Room for all fields but the input."""

UNLIMITED_BODY_BYTES: Final = 64 * 1024 * 1024
"""The largest body where the input has no limit of its own."""

_ERRORS = (
    errors.InvalidRequestError,
    errors.AuthenticationError,
    *METERED_ERRORS,
    errors.ModelNotFoundError,
    errors.PayloadTooLargeError,
    errors.UnsupportedMediaTypeError,
    errors.EngineError,
    errors.ModelNotReadyError,
    *ROUTED_ERRORS,
)

_Parse: TypeAlias = Callable[[Mapping[str, Any], SpeechRules], SpeechCall]


def add_speech_routes(
    app: FastAPI,
    speaker: Speaker,
    options: ApiOptions,
    metrics: Metrics,
    meter: Meter,
    estimates: Estimates,
) -> None:
    """Add speech and its captions, under every prefix."""
    endpoints = SpeechEndpoints(speaker, options, metrics, meter, estimates)
    sound: dict[str, Any] = {media_type(form): {} for form in SpeechFormat}
    captions: dict[str, Any] = {"text/vtt": {}, "text/plain": {}}
    for prefix, dialect in DIALECTS.items():
        for path, endpoint, content, fields in (
            (SPEECH_PATH, endpoints.speak, {**sound, EventStream.media_type: {}}, AudioFields),
            (CAPTIONS_PATH, endpoints.caption, captions, CaptionFields),
        ):
            schema = fields.model_json_schema()
            app.add_api_route(
                prefix + path,
                endpoint,
                methods=["POST"],
                response_class=Response,
                responses={
                    200: {"content": content},
                    **error_answers(_ERRORS, dialect.error_style),
                },
                openapi_extra={
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": schema}},
                    }
                },
            )


class SpeechEndpoints:
    """The endpoints over one speaker."""

    def __init__(
        self,
        speaker: Speaker,
        options: ApiOptions,
        metrics: Metrics,
        meter: Meter,
        estimates: Estimates,
    ) -> None:
        self._estimates = estimates
        self._speaker = speaker
        self._metrics = metrics
        self._meter = meter
        self._rules = SpeechRules(
            options.max_input_characters,
            is_strict=options.unknown_fields == "strict",
            extensions=options.extensions,
        )
        self._currency = options.currency

    async def speak(self, request: Request) -> Response:
        """Speak a text."""
        call = await self._call(request, parse_speech)
        async with AsyncExitStack() as owned:
            sounding = await self._begin(request, call, owned)
            is_whole = sounding.plan.n_pieces == 1 and call.stream_format is StreamFormat.AUDIO
            if not is_whole:
                return self._stream(request, call, sounding, owned.pop_all())
            return await _whole(call, sounding, self._currency)

    async def caption(self, request: Request) -> Response:
        """Speak a text, and answer with the times of its words alone."""
        call = await self._call(request, parse_captions)
        async with AsyncExitStack() as owned:
            sounding = await self._begin(request, call, owned)
            chunks = await until_disconnect(request.receive, _all(sounding))
            transcript = spoken_transcript(sounding.plan, chunks)
            await sounding.use.settle_speech(sounding.plan, transcript.duration_s)
        form = ResponseFormat(call.caption_format)
        render_options = RenderOptions(
            format=form, answer_id="", created_s=0, subtitles=call.subtitles
        )
        rendered = await asyncio.to_thread(render, transcript, render_options)
        headers = {
            **_headers(call, sounding.plan, self._currency),
            **_length_header(transcript.duration_s),
        }
        return Response(rendered.body, headers=headers, media_type=rendered.media_type)

    async def _call(self, request: Request, parse: _Parse) -> SpeechCall:
        n_characters = self._rules.max_characters
        limit = MAX_OTHER_BYTES + MAX_CHARACTER_BYTES * n_characters
        max_bytes = limit if n_characters else UNLIMITED_BODY_BYTES
        content_type = request.headers.get("content-type")
        call = parse(await receive_json(content_type, request.stream(), max_bytes), self._rules)
        limits = bounded(call.request.limits, request.scope)
        return replace(call, request=replace(call.request, limits=limits))

    async def _begin(self, request: Request, call: SpeechCall, owned: AsyncExitStack) -> Sounding:
        """Wait for the first sound, so that what fails before it is a plain HTTP error."""
        owned.enter_context(self._metrics.track_speech())
        estimate = self._estimates.text(call.request)
        use = await owned.enter_async_context(
            self._meter.request(request.scope, Capability.SPEECH, call.request.model, estimate)
        )
        return await until_disconnect(request.receive, self._first_sound(request, call, use, owned))

    async def _first_sound(
        self, request: Request, call: SpeechCall, use: Use, owned: AsyncExitStack
    ) -> Sounding:
        items = self._speaker.speak(call.request)
        owned.push_async_callback(items.aclose)
        plan = await anext(items)
        assert isinstance(plan, SpeechPlan)
        use.served = plan.served
        _encoder(call, plan)  # a rate that the format lacks is refused before the work
        first = await anext(items)
        assert isinstance(first, SpeechChunk)
        model = plan.casting.model
        request.scope["loquent.model"] = model
        self._metrics.count_text(model, plan.n_characters)
        return Sounding(plan, first, items, lambda s: self._metrics.count_sound(model, s), use)

    def _stream(
        self, request: Request, call: SpeechCall, sounding: Sounding, owned: AsyncExitStack
    ) -> StreamedAnswer:
        sounding.use.is_streamed = True
        headers = _headers(call, sounding.plan, self._currency)
        encoder = _encoder(call, sounding.plan)
        if call.stream_format is StreamFormat.SSE:
            request_id = request.scope["loquent.request_id"]
            chunks = whole(sound_events(sounding, encoder), request_id, sounding.use.fail)
            return EventStream(chunks, owned, headers)
        return StreamedAnswer(sound_bytes(sounding, encoder), owned, headers, encoder.media_type)


async def _whole(call: SpeechCall, sounding: Sounding, currency: str) -> Response:
    """Answer with a file whose header tells its length."""
    plan, chunk = sounding.plan, sounding.first
    duration_s = sounding.duration_s(chunk)
    sounding.on_sound(duration_s)
    body = await asyncio.to_thread(
        encode_whole, chunk.samples, call.format, plan.sample_rate_hz, call.sample_rate_hz
    )
    await sounding.use.settle_speech(plan, duration_s)
    headers = {**_headers(call, plan, currency), **_length_header(duration_s)}
    return Response(body, headers=headers, media_type=media_type(call.format))


async def _all(sounding: Sounding) -> list[SpeechChunk]:
    return [chunk async for chunk in sounding.chunks()]


def _encoder(call: SpeechCall, plan: SpeechPlan) -> StreamEncoder:
    return StreamEncoder(call.format, plan.sample_rate_hz, call.sample_rate_hz)


def _headers(call: SpeechCall, plan: SpeechPlan, currency: str) -> dict[str, str]:
    """Say who speaks, and what of the request was not done."""
    casting = plan.casting
    headers = {
        "x-loquent-model": header_text(casting.model),
        "x-loquent-voice": header_text(_mix(casting.voices)),
        "x-loquent-language": header_text(casting.language),
        "x-loquent-characters": str(plan.n_characters),
        **served_headers(plan.served, (*call.ignored, *casting.ignored)),
        **price_header(
            plan.served,
            Capability.SPEECH,
            Consumption(n_characters=plan.n_characters),
            currency,
        ),
    }
    if plan.n_skipped:
        headers["x-loquent-skipped-characters"] = str(plan.n_skipped)
    if casting.stand_in:
        headers["x-loquent-stand-in"] = header_text(casting.stand_in)
    return headers


def _length_header(duration_s: float) -> dict[str, str]:
    return {"x-loquent-audio-seconds": f"{duration_s:.3f}"}


def _mix(voices: VoiceMix) -> str:
    if len(voices) == 1:
        return voices[0][0]
    return "+".join(f"{name}({share:.3g})" for name, share in voices)
