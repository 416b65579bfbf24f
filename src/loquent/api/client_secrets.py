"""Gives out keys for live sessions, for pages and apps that must not hold the server's own."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI
from pydantic import Field, ValidationError
from starlette.requests import Request

from loquent.api.dialects import DIALECTS
from loquent.api.json_body import receive_json
from loquent.api.live.ids import new_id
from loquent.api.live.openai_fields import StrictPart, complaint
from loquent.api.live.openai_session import SessionConfig
from loquent.api.live.parts import LiveParts
from loquent.api.openapi import error_answers
from loquent.api.schemas import ClientSecret, TranscriptionSession
from loquent.domain import errors

PATH: Final = "/realtime/client_secrets"

MAX_BODY_BYTES: Final = 64 * 1024

MIN_LIFETIME_S: Final = 10
MAX_LIFETIME_S: Final = 7_200
DEFAULT_LIFETIME_S: Final = 600
"""Source: the OpenAI Realtime API."""

_ERRORS = (
    errors.InvalidRequestError,
    errors.AuthenticationError,
    errors.PermissionDeniedError,
    errors.PayloadTooLargeError,
    errors.UnsupportedMediaTypeError,
)

_BODY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "expires_after": {
            "description": "How long the key opens sessions.",
            "type": "object",
            "properties": {
                "anchor": {"type": "string", "enum": ["created_at"]},
                "seconds": {
                    "type": "integer",
                    "minimum": MIN_LIFETIME_S,
                    "maximum": MAX_LIFETIME_S,
                    "default": DEFAULT_LIFETIME_S,
                },
            },
        },
        "session": {
            "description": "What they begin with, as in `session.update`.",
            "type": "object",
        },
    },
}


class _ExpiresAfter(StrictPart):
    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Field(ge=MIN_LIFETIME_S, le=MAX_LIFETIME_S)] = DEFAULT_LIFETIME_S


class _Wishes(StrictPart):
    expires_after: _ExpiresAfter | None = None
    session: dict[str, Any] | None = None


def add_client_secret_routes(app: FastAPI, parts: LiveParts) -> None:
    """Add the address that gives out secrets, under every prefix."""

    async def create_client_secret(request: Request) -> ClientSecret:
        """Give out a key that opens transcription sessions, and nothing else, for a while."""
        content_type = request.headers.get("content-type")
        body = await receive_json(content_type, request.stream(), MAX_BODY_BYTES)
        wishes = _wishes(body)
        config = SessionConfig(parts.default_model).changed(wishes.session or {})
        lifetime_s = (wishes.expires_after or _ExpiresAfter()).seconds
        secret = parts.secrets.issue(config, lifetime_s, request.scope["loquent.caller"])
        session = TranscriptionSession.model_validate(
            {**config.shown(new_id("sess")), "expires_at": secret.expires_s}
        )
        return ClientSecret(value=secret.value, expires_at=secret.expires_s, session=session)

    for prefix, dialect in DIALECTS.items():
        app.add_api_route(
            prefix + PATH,
            create_client_secret,
            methods=["POST"],
            responses=error_answers(_ERRORS, dialect.error_style),
            openapi_extra={
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _BODY}},
                }
            },
        )


def _wishes(body: dict[str, Any]) -> _Wishes:
    try:
        return _Wishes.model_validate(body)
    except ValidationError as error:
        raise complaint(error) from error
