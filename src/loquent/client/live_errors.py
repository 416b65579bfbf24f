"""Why a live session ended badly, as the exceptions of openai's client; opens no socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx2
import openai
from websockets.exceptions import ConnectionClosed

from loquent.client.live_dialects import UpstreamComplaintError

_STATUSES: Final[Mapping[int, int]] = {1008: 400, 1013: 429, 3000: 401, 3003: 403, 3008: 408}
"""The status of an HTTP answer that means what a close code does."""

_CLASSES: Final[Mapping[int, type[openai.APIStatusError]]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
}


def of_closing(url: str, closed: ConnectionClosed) -> openai.APIError:
    """Return what a close code means; a socket that is cut off is a failed connection."""
    request = httpx2.Request("GET", url)
    if closed.rcvd is None:
        message = "The connection broke before all was said."
        return openai.APIConnectionError(message=message, request=request)
    code, _, message = closed.rcvd.reason.partition(": ")
    status = 404 if code == "model_not_found" else _STATUSES.get(closed.rcvd.code, 500)
    kind = _CLASSES.get(status, openai.APIStatusError)
    body = {"message": message or code, "code": code if message else None}
    response = httpx2.Response(status, request=request)
    return kind(f"{closed.rcvd.code}: {closed.rcvd.reason}", response=response, body=body)


def of_complaint(url: str, complaint: UpstreamComplaintError) -> openai.APIError:
    """Return what the server says is wrong with a message."""
    body: Any = dict(complaint.error)
    response = httpx2.Response(400, request=httpx2.Request("GET", url))
    return openai.BadRequestError(str(complaint), response=response, body=body)


def of_connecting(url: str, error: OSError) -> openai.APIConnectionError:
    """Return why nobody could be reached."""
    request = httpx2.Request("GET", url)
    if isinstance(error, TimeoutError):
        return openai.APITimeoutError(request)
    return openai.APIConnectionError(message=f"Connection error: {error}", request=request)
