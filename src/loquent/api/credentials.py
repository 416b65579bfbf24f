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
    authorization = headers.get("authorization", "").strip()
    scheme, _, token = authorization.partition(" ")
    yield token.strip() if scheme.lower() == "bearer" else authorization
    yield headers.get("x-api-key", "").strip()
    if scope["type"] == "websocket":
        yield from _socket_credentials(scope)


def _socket_credentials(scope: Scope) -> Iterator[str]:
    """Yield what browsers present, whose sockets carry no headers of their own."""
    yield QueryParams(scope["query_string"]).get("api_key", "")
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(KEY_SUBPROTOCOL):
            yield offered.removeprefix(KEY_SUBPROTOCOL)
