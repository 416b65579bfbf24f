"""Describe the API in OpenAPI; decides nothing that happens at run time."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, Final, TypeAlias

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from loquent.api.address_groups import GROUPS, described_parameter, group_of
from loquent.api.errors import ErrorStyle, status_of
from loquent.api.schemas import DetailedError, Error
from loquent.domain import errors
from loquent.domain.errors import InvalidRequestError, LoquentError

Document: TypeAlias = dict[str, Any]

ROUTED_ERRORS = (
    errors.NoEndpointError,
    errors.UpstreamError,
    errors.UpstreamThrottledError,
    errors.UpstreamUnavailableError,
    errors.UpstreamTimeoutError,
)
"""What may come of handing a request on to a provider."""

METERED_ERRORS = (
    errors.PermissionDeniedError,
    errors.ConflictError,
    errors.RateLimitError,
    errors.BudgetExceededError,
    errors.LedgerUnavailableError,
)
"""What may come of asking for work that is limited, paid for and written down."""

RECORDING_ERRORS = (
    errors.InvalidRequestError,
    errors.AuthenticationError,
    *METERED_ERRORS,
    errors.ModelNotFoundError,
    errors.PayloadTooLargeError,
    errors.UnsupportedMediaTypeError,
    errors.EngineError,
    errors.ModelNotReadyError,
)
"""What may come of sending a recording to be worked on."""

_REFERENCE: Final = "#/components/schemas/"

_SECURITY_SCHEMES: Document = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class DescribedApi(FastAPI):
    """A FastAPI application whose description also names keys, and no error it never sends.

    Attributes:
        public_paths: what needs no key.
    """

    public_paths: AbstractSet[str] = frozenset()

    def openapi(self) -> Document:
        document = super().openapi()
        components = document.get("components", {})
        schemas = {
            name: schema
            for name, schema in components.get("schemas", {}).items()
            if name not in {"HTTPValidationError", "ValidationError"}
        }
        schemas = dict(sorted({**schemas, **_error_schemas()}.items()))
        return {
            **document,
            "components": {**components, "schemas": schemas, "securitySchemes": _SECURITY_SCHEMES},
            "security": [{name: []} for name in _SECURITY_SCHEMES],
            "tags": [{"name": name, "description": about} for name, about in GROUPS.items()],
            "paths": {
                path: _path_item(item, group_of(path), is_public=path in self.public_paths)
                for path, item in document["paths"].items()
            },
        }


def error_answers(
    kinds: Iterable[type[LoquentError]], style: ErrorStyle = ErrorStyle.ENVELOPE
) -> dict[int | str, Document]:
    """Describe the answers to errors of `kinds`, for a route's `responses`."""
    detailed_status = status_of(InvalidRequestError, ErrorStyle.ENVELOPE_AND_DETAIL)
    statuses = sorted({status_of(kind, style) for kind in kinds})
    return {
        status: _error_answer(DetailedError if status == detailed_status else Error)
        for status in statuses
    }


def _error_answer(body: type[Error]) -> Document:
    # By reference: a model given to the framework is compiled anew for each route and status.
    return {"content": {"application/json": {"schema": {"$ref": _REFERENCE + body.__name__}}}}


@cache
def _error_schemas() -> Document:
    _, described = models_json_schema(
        [(Error, "serialization"), (DetailedError, "serialization")],
        ref_template=_REFERENCE + "{model}",
    )
    schemas: Document = described["$defs"]
    return schemas


@cache
def described_body(body: type[BaseModel]) -> Document:
    """Describe a JSON body with all that it holds in place, for a route's `openapi_extra`."""
    schema = body.model_json_schema()
    parts = schema.pop("$defs", {})
    content = {"application/json": {"schema": _in_place(schema, parts)}}
    return {"requestBody": {"required": True, "content": content}}


def _in_place(schema: Any, parts: Document) -> Any:
    match schema:
        case {"$ref": str(reference), **rest}:
            part = parts[reference.rpartition("/")[2]]
            return _in_place({**part, **rest}, parts)
        case dict():
            return {name: _in_place(value, parts) for name, value in schema.items()}
        case list():
            return [_in_place(value, parts) for value in schema]
        case _:
            return schema


def _path_item(item: Document, group: str, *, is_public: bool) -> Document:
    return {
        method: {**_operation(operation, is_public=is_public), "tags": [group]}
        for method, operation in item.items()
    }


def _operation(operation: Document, *, is_public: bool) -> Document:
    responses = {
        status: answer
        for status, answer in operation["responses"].items()
        if "HTTPValidationError" not in str(answer)  # the framework's own, never sent
    }
    security: Document = {"security": []} if is_public else {}
    parameters = [described_parameter(each) for each in operation.get("parameters", ())]
    described: Document = {"parameters": parameters} if parameters else {}
    return {**operation, **described, "responses": responses, **security}
