"""Put errors on the wire: one table from error class to status, one envelope; knows no route."""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loquent.domain import errors as domain
from loquent.domain.errors import LoquentError

ALLOWED_METHODS_STATUS = 204
CLIENT_GONE_STATUS = 499
"""Never sent, only logged and counted: the caller hung up first. Source: nginx."""

_VALIDATION_STATUS = 400
_DETAILED_VALIDATION_STATUS = 422
_FAILURE_STATUS = 500

_log = structlog.get_logger("loquent.api")


class ErrorStyle(Enum):
    """How a dialect words a validation error."""

    ENVELOPE = auto()
    """Status 400 and the `error` object alone."""
    ENVELOPE_AND_DETAIL = auto()
    """Status 422 and, beside the `error` object, a `detail` list of {loc, msg, type}."""


@dataclass(frozen=True, slots=True)
class WireError:
    """One row of the table: the status of an error and its OpenAI `type`."""

    status: int
    type: str


def _at_fault_is_caller(status: int) -> WireError:
    return WireError(status, "invalid_request_error")


def _at_fault_is_server(status: int) -> WireError:
    return WireError(status, "server_error")


TABLE: Mapping[type[LoquentError], WireError] = MappingProxyType(
    {
        LoquentError: _at_fault_is_server(_FAILURE_STATUS),
        domain.InvalidRequestError: _at_fault_is_caller(_VALIDATION_STATUS),
        domain.InvalidAudioError: _at_fault_is_caller(_VALIDATION_STATUS),
        domain.MissingChannelError: _at_fault_is_caller(_VALIDATION_STATUS),
        domain.UnsupportedFormatError: _at_fault_is_caller(_VALIDATION_STATUS),
        domain.AudioTooLongError: _at_fault_is_caller(_VALIDATION_STATUS),
        domain.InputTooLongError: _at_fault_is_caller(_VALIDATION_STATUS),
        domain.UnsupportedOptionError: _at_fault_is_caller(_VALIDATION_STATUS),
        domain.PayloadTooLargeError: _at_fault_is_caller(413),
        domain.ModelNotFoundError: _at_fault_is_caller(404),
        domain.NotFoundError: _at_fault_is_caller(404),
        domain.DeploymentNotFoundError: _at_fault_is_caller(404),
        domain.MisdirectedRequestError: _at_fault_is_caller(421),
        domain.MethodNotAllowedError: _at_fault_is_caller(405),
        domain.UnsupportedMediaTypeError: _at_fault_is_caller(415),
        domain.AuthenticationError: _at_fault_is_caller(401),
        domain.PermissionDeniedError: _at_fault_is_caller(403),
        domain.IdempotencyKeyReusedError: _at_fault_is_caller(_VALIDATION_STATUS),
        domain.ConflictError: _at_fault_is_caller(409),
        domain.AlreadyExistsError: _at_fault_is_caller(409),
        domain.RequestInProgressError: _at_fault_is_caller(409),
        domain.AnswerNotKeptError: _at_fault_is_caller(409),
        domain.RateLimitError: WireError(429, "rate_limit_error"),
        domain.BudgetExceededError: WireError(429, "insufficient_quota"),
        domain.ShuttingDownError: _at_fault_is_server(503),
        domain.LedgerUnavailableError: _at_fault_is_server(503),
        domain.NoEndpointError: _at_fault_is_server(503),
        domain.UpstreamError: _at_fault_is_server(502),
        domain.UpstreamRejectedError: _at_fault_is_caller(_VALIDATION_STATUS),
        domain.UpstreamKeyError: _at_fault_is_server(502),
        domain.UpstreamThrottledError: WireError(429, "rate_limit_error"),
        domain.UpstreamUnavailableError: _at_fault_is_server(503),
        domain.UpstreamTimeoutError: _at_fault_is_server(504),
        domain.EngineError: _at_fault_is_server(_FAILURE_STATUS),
        domain.ModelLoadError: _at_fault_is_server(_FAILURE_STATUS),
        domain.ModelNotReadyError: _at_fault_is_server(503),
        domain.OverloadedError: _at_fault_is_server(503),
        domain.WorkerCrashedError: _at_fault_is_server(_FAILURE_STATUS),
    }
)


def wire_error(error: LoquentError) -> WireError:
    """Return the row of the nearest class in the table."""
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def status_of(kind: type[LoquentError], style: ErrorStyle = ErrorStyle.ENVELOPE) -> int:
    """Return the status that errors of `kind` get in `style`."""
    return _in_style(TABLE[kind].status, style)


def answered_status(error: LoquentError, style: ErrorStyle) -> int:
    """Return the status that `error` is answered with in `style`."""
    return _in_style(wire_error(error).status, style)


def code_of(error: LoquentError) -> str:
    """Return the code of `error`, or else its type."""
    return error.code or wire_error(error).type


def error_body(error: LoquentError) -> dict[str, Any]:
    """Build the envelope, all four keys present, as the official clients read it."""
    return {
        "error": {
            "message": error.message,
            "type": wire_error(error).type,
            "param": error.param,
            "code": error.code,
        }
    }


def encoded_error(error: LoquentError) -> bytes:
    """Write the envelope as one line of JSON."""
    return _encode(error_body(error))


def error_response(
    error: LoquentError,
    style: ErrorStyle = ErrorStyle.ENVELOPE,
    *,
    location: str = "body",
) -> Response:
    """Answer `error`.

    Args:
        location: where `error.param` stood, "body" or "query"; only the detailed style says it.
    """
    status = answered_status(error, style)
    body = error_body(error)
    if status == _DETAILED_VALIDATION_STATUS:
        body["detail"] = [_detail(error, location)]
    return Response(_encode(body), status, _headers(error), "application/json")


def reveal(cause: Exception, request_id: str) -> LoquentError:
    """Return what the caller may know of `cause`; what is the server's fault is logged too.

    Of a failure that nobody foresaw the caller learns nothing but the request id.
    """
    error = shown(cause)
    if wire_error(error).status == _FAILURE_STATUS:
        _log_failure(cause, request_id)
    return error


def shown(cause: Exception) -> LoquentError:
    """Return what the caller may know of `cause`."""
    return cause if isinstance(cause, LoquentError) else _unforeseen()


def _in_style(status: int, style: ErrorStyle) -> int:
    is_detailed = style is ErrorStyle.ENVELOPE_AND_DETAIL and status == _VALIDATION_STATUS
    return _DETAILED_VALIDATION_STATUS if is_detailed else status


def _unforeseen() -> LoquentError:
    return LoquentError(
        "The server failed at this request. Its operator finds the cause under the request id.",
        code="internal_error",
    )


def _encode(body: dict[str, Any]) -> bytes:
    # ASCII escapes: a message may quote what the caller sent, lone surrogates included.
    return json.dumps(body).encode()


def _log_failure(cause: Exception, request_id: str) -> None:
    """Log where a request failed, without the exception's text: that may quote the caller."""
    frames = traceback.extract_tb(cause.__traceback__)
    _log.error(
        "request failed",
        request_id=request_id,
        error=type(cause).__qualname__,
        cause=type(cause.__cause__).__qualname__ if cause.__cause__ else None,
        frames=[f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames],
    )


def install_error_responses(app: FastAPI, style_at: Callable[[str], ErrorStyle]) -> None:
    """Make `app` answer every foreseen error in the envelope.

    Args:
        style_at: tells the style of the dialect that owns a path.
    """

    def respond(request: Request, error: LoquentError) -> Response:
        location = "query" if request.method == "GET" else "body"
        return error_response(error, style_at(request.scope["path"]), location=location)

    async def on_loquent_error(request: Request, error: Exception) -> Response:
        return respond(request, reveal(error, request.scope["loquent.request_id"]))

    async def on_framework_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        if "Allow" in headers:
            headers["Allow"] = _allowed_methods(request)
            if request.method == "OPTIONS":
                return Response(status_code=ALLOWED_METHODS_STATUS, headers=headers)
        response = respond(request, _from_framework(error, request.scope["path"], headers))
        response.headers.update(headers)
        return response

    async def on_invalid_parameter(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return respond(request, _from_validation(error))

    app.add_exception_handler(LoquentError, on_loquent_error)
    app.add_exception_handler(HTTPException, on_framework_error)
    app.add_exception_handler(RequestValidationError, on_invalid_parameter)


def _headers(error: LoquentError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if not error.retryable:
        headers["x-should-retry"] = "false"
    if error.retry_after_s is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, domain.AuthenticationError):
        headers["www-authenticate"] = "Bearer"
    return headers


def _detail(error: LoquentError, location: str) -> dict[str, Any]:
    loc = [location, error.param] if error.param else [location]
    return {"loc": loc, "msg": error.message, "type": error.code or "value_error"}


def _allowed_methods(request: Request) -> str:
    """List the methods of an address; the framework names those of its first route alone."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    found = (route for route in routes if route.path_regex.match(request.scope["path"]))
    return ", ".join(sorted({method for route in found for method in route.methods or ()}))


def _from_framework(error: HTTPException, path: str, headers: Mapping[str, str]) -> LoquentError:
    """Translate what routing and parsing of the framework refuse."""
    if error.status_code == status_of(domain.NotFoundError):
        return domain.NotFoundError(f"There is nothing at {path}.")
    if error.status_code == status_of(domain.MethodNotAllowedError):
        allowed = headers.get("Allow", "other methods")
        return domain.MethodNotAllowedError(f"{path} answers to {allowed} only.")
    if error.status_code >= _FAILURE_STATUS:
        return _unforeseen()
    return domain.InvalidRequestError(str(error.detail))


def _from_validation(error: RequestValidationError) -> LoquentError:
    first = error.errors()[0]
    param = str(first["loc"][-1])
    return domain.UnsupportedOptionError(f"{param}: {first['msg']}.", param=param)
