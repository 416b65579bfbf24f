"""Answer where a request would go, and why; sends it nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

from fastapi import FastAPI
from pydantic import ConfigDict, Field, ValidationError
from starlette.requests import Request

from loquent.api.dialects import DIALECTS
from loquent.api.fields import shown
from loquent.api.json_body import receive_json
from loquent.api.openapi import error_answers
from loquent.api.route_schemas import RouteAnswer, RouteCandidate, RouteReason
from loquent.api.routing_fields import LimitFields, bounded
from loquent.api.served import in_units
from loquent.api.speech_call import complaint
from loquent.codec.sniff import ACCEPTED_FORMATS
from loquent.domain import errors
from loquent.domain.endpoints import Detail
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.languages import parse_language, parse_tag
from loquent.domain.model import Capability
from loquent.routing.need import Need
from loquent.routing.planner import Planner
from loquent.routing.ranking import Candidate

ROUTE_PATH = "/route"
MAX_BODY_BYTES = 64 * 1024

MAX_AUDIO_S = 10_000_000
MAX_SIZE = 1_000_000_000_000
"""More than anybody asks for, and little enough to reckon with."""

DEFAULT_AUDIO_S = 60.0
"""How long a recording is where the question does not say."""

DEFAULT_CHARACTERS = 900
"""How long a text is where the question does not say: spoken, about a minute."""

_CONTAINERS: Mapping[str, str] = {
    **dict.fromkeys(("m4a", "mp4", "3gp"), "mov"),
    **dict.fromkeys(("oga", "opus"), "ogg"),
    **dict.fromkeys(("webm", "mkv"), "matroska"),
    "mpga": "mp3",
    "ts": "mpegts",
}
"""Formats whose container is called otherwise."""

_Seconds: TypeAlias = Annotated[float, Field(ge=0, le=MAX_AUDIO_S, allow_inf_nan=False)]
_Size: TypeAlias = Annotated[int, Field(ge=0, le=MAX_SIZE)]


class RouteQuestion(LimitFields):
    """A request, described instead of sent; all but the model may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: Annotated[str, Field(min_length=1, max_length=200, description="Id or alias.")]
    capability: Annotated[Capability, Field(strict=False)] | None = Field(
        default=None, description="What is asked for; `transcription` if absent."
    )
    details: list[Annotated[Detail, Field(strict=False)]] | None = Field(
        default=None, description="What the answer must tell."
    )
    language: str | None = Field(default=None, description="Code of the language that is spoken.")
    audio_seconds: _Seconds | None = Field(
        default=None, description=f"How long the recording is; {DEFAULT_AUDIO_S:g} if absent."
    )
    file_bytes: _Size | None = Field(default=None, description="How large it is.")
    file_type: str | None = Field(default=None, description="Its format, such as `mp3`.")
    characters: _Size | None = Field(
        default=None, description=f"How long the text is; {DEFAULT_CHARACTERS} if absent."
    )

    def need(self) -> Need:
        """Return what the request would need.

        Raises: InvalidRequestError, UnsupportedOptionError: naming the field at fault.
        """
        capability = self.capability or Capability.TRANSCRIPTION
        is_spoken = capability is Capability.SPEECH
        heard_s = DEFAULT_AUDIO_S if self.audio_seconds is None else self.audio_seconds
        n_characters = DEFAULT_CHARACTERS if self.characters is None else self.characters
        return Need(
            model=self.model,
            capability=capability,
            details=frozenset(self.details or ()),
            language=self._language(),
            container=_container(self.file_type) if self.file_type else "",
            n_bytes=self.file_bytes or 0,
            audio_s=0.0 if is_spoken else heard_s,
            n_characters=n_characters if is_spoken else 0,
            limits=self.limits(),
        )

    def _language(self) -> str | None:
        if not self.language:
            return None
        if self.capability is Capability.SPEECH:
            return parse_tag(self.language).partition("-")[0].lower()
        return parse_language(self.language)


def _container(file_type: str) -> str:
    """Return the container of a format, as recordings are told apart.

    Raises: UnsupportedOptionError: listing the formats.
    """
    wanted = file_type.lower().removeprefix(".")
    if wanted not in ACCEPTED_FORMATS:
        raise UnsupportedOptionError(
            f"file_type: there is no format {shown(file_type)} here. Use one of"
            f" {', '.join(ACCEPTED_FORMATS)}.",
            param="file_type",
        )
    return _CONTAINERS.get(wanted, wanted)


def add_route_routes(app: FastAPI, planner: Planner, currency: str) -> None:
    """Add the dry run, under every prefix."""

    async def explain_route(request: Request) -> RouteAnswer:
        """Tell where a request would go, every candidate with its score or why it falls out."""
        content_type = request.headers.get("content-type")
        body = await receive_json(content_type, request.stream(), MAX_BODY_BYTES)
        try:
            question = RouteQuestion.model_validate(body)
        except ValidationError as error:
            raise complaint(error) from error
        need = question.need()
        need = replace(need, limits=bounded(need.limits, request.scope))
        return explained(need, planner, currency)

    kinds = (
        errors.InvalidRequestError,
        errors.AuthenticationError,
        errors.PermissionDeniedError,
        errors.ModelNotFoundError,
        errors.PayloadTooLargeError,
        errors.UnsupportedMediaTypeError,
    )
    for prefix, dialect in DIALECTS.items():
        app.add_api_route(
            prefix + ROUTE_PATH,
            explain_route,
            methods=["POST"],
            responses=error_answers(kinds, dialect.error_style),
            openapi_extra={"requestBody": _body_schema()},
        )


def explained(need: Need, planner: Planner, currency: str) -> RouteAnswer:
    """Return every candidate for a request, the one that would serve first.

    Raises: ModelNotFoundError, UnsupportedOptionError.
    """
    candidates = planner.candidates(need)
    choice = next((c.endpoint.id for c in candidates if c.is_able and c.is_up), None)
    return RouteAnswer(
        model=need.model,
        preference=need.limits.preference,
        currency=currency,
        choice=choice,
        candidates=list(_described(candidates, planner)),
    )


def _described(candidates: Iterable[Candidate], planner: Planner) -> Iterable[RouteCandidate]:
    for candidate in candidates:
        endpoint, standing = candidate.endpoint, candidate.standing
        yield RouteCandidate(
            endpoint=endpoint.id,
            provider=endpoint.provider,
            model=endpoint.model,
            region=endpoint.region or None,
            eu_native=endpoint.eu_native,
            gdpr=endpoint.gdpr,
            quantization=endpoint.quantization or None,
            is_able=candidate.is_able,
            is_up=candidate.is_up,
            score=round(candidate.score, 6) if candidate.is_able else None,
            price=in_units(candidate.price_micros),
            expected_seconds=round(standing.expected_s, 3),
            queue_wait_seconds=round(standing.queue_wait_s, 3),
            error_rate=round(standing.error_rate, 4),
            retry_in_seconds=round(standing.retry_in_s, 1),
            last_error=planner.board.last_error(endpoint),
            derived=list(candidate.fit.derived),
            ignored=list(candidate.fit.ignored),
            reasons=[RouteReason(reason=r.reason, param=r.param) for r in candidate.fit.refusals],
        )


def _body_schema() -> dict[str, Any]:
    schema = RouteQuestion.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {"required": True, "content": {"application/json": {"schema": schema}}}
