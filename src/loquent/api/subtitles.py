"""Answer transcripts with subtitles; hears nothing, and keeps nothing."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fastapi import FastAPI
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from loquent.api.dialects import DIALECTS
from loquent.api.json_body import receive_json
from loquent.api.live.openai_fields import complaint
from loquent.api.openapi import described_body, error_answers
from loquent.api.subtitle_question import SubtitleQuestion
from loquent.domain import errors
from loquent.render import RenderOptions, render

SUBTITLES_PATH: Final = "/subtitles"

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""Some eight hours of `verbose_json`, with words."""

N_AT_ONCE: Final = 2
"""How many transcripts are cut at the same time: none of it is paid for, and speech goes first."""

_ERRORS: Final = (
    errors.InvalidRequestError,
    errors.AuthenticationError,
    errors.PermissionDeniedError,
    errors.PayloadTooLargeError,
    errors.UnsupportedMediaTypeError,
)


def add_subtitle_routes(app: FastAPI) -> None:
    """Add subtitles of transcripts that callers have, under every prefix."""
    room = asyncio.Semaphore(N_AT_ONCE)

    async def cut_subtitles(request: Request) -> Response:
        """Write a transcript as subtitles, without its recording."""
        content_type = request.headers.get("content-type")
        body = await receive_json(content_type, request.stream(), MAX_BODY_BYTES)
        async with room:
            return await asyncio.to_thread(_subtitles, body)

    for prefix, dialect in DIALECTS.items():
        app.add_api_route(
            prefix + SUBTITLES_PATH,
            cut_subtitles,
            methods=["POST"],
            response_class=Response,
            responses={
                200: {"content": {"text/vtt": {}, "text/plain": {}}},
                **error_answers(_ERRORS, dialect.error_style),
            },
            openapi_extra=described_body(SubtitleQuestion),
        )


def _subtitles(body: dict[str, Any]) -> Response:
    """Raises: InvalidRequestError, UnsupportedOptionError: naming the field at fault."""
    try:
        question = SubtitleQuestion.model_validate(body)
    except ValidationError as error:
        raise complaint(error) from error
    transcript, subtitles = question.understood()
    options = RenderOptions(question.form, answer_id="", created_s=0, subtitles=subtitles)
    rendered = render(transcript, options)
    return Response(rendered.body, media_type=rendered.media_type)
