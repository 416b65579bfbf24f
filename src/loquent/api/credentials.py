"""Finds what a caller presents as its key; knows no key."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.datastructures import Headers, QueryParams
from starlette.types import Scope

KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""Before the key in the list of subprotocols. Source: the OpenAI Realtime API."""


def credentials(scope: Scope) -> Iterator[str]:
    """Yield what the caller presents: some clients send the bare key, without a scheme."""
    headers = Headers(scope=scope)
    found = [_token(_line(headers, "authorization")), _line(headers, "x-api-key")]
    if scope["type"] == "websocket":
        found.extend(_socket_credentials(scope))
    return filter(None, found)


def _line(headers: Headers, name: str) -> str:
    """Return a header; several of one name are one list, and no list is a key.

    Source: RFC 9110, section 5.3.
    """
    return ", ".join(headers.getlist(name)).strip()


def _token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else authorization


def _socket_credentials(scope: Scope) -> Iterator[str]:
    """Yield what browsers present, whose sockets carry no headers of their own."""
    yield QueryParams(scope["query_string"]).get("api_key", "")
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(KEY_SUBPROTOCOL):
            yield offered.removeprefix(KEY_SUBPROTOCOL)
