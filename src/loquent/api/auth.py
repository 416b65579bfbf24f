"""Let only callers with the key pass; knows one key and no routes but the public ones."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from loquent.api.errors import error_response
from loquent.domain.errors import AuthenticationError

PUBLIC_PATHS = frozenset({"/healthz", "/readyz"})


class RequireKey:
    """Refuse every request without the key, whatever its path, so that no route is forgotten.

    Args:
        api_key: the key, or None to let everybody in.
        public_paths: what is open to everybody.
    """

    def __init__(
        self, app: ASGIApp, api_key: str | None, public_paths: AbstractSet[str] = PUBLIC_PATHS
    ) -> None:
        self._app = app
        self._public_paths = public_paths
        self._digest = None if api_key is None else _digest(api_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._public_paths or self._is_known(scope):
            await self._app(scope, receive, send)
            return
        await error_response(_refusal(scope))(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        if self._digest is None:
            return True
        matches = [
            hmac.compare_digest(_digest(credential), self._digest)
            for credential in _credentials(Headers(scope=scope))
        ]
        return any(matches)


def _credentials(headers: Headers) -> Iterator[str]:
    """Yield what the caller presents: some clients send the bare key, without a scheme."""
    authorization = headers.get("authorization", "").strip()
    scheme, _, token = authorization.partition(" ")
    yield token.strip() if scheme.lower() == "bearer" else authorization
    yield headers.get("x-api-key", "").strip()


def _digest(credential: str) -> bytes:
    """Hash to one length, so that comparing tells nothing of the key's length either."""
    return hashlib.sha256(credential.encode()).digest()


def _refusal(scope: Scope) -> AuthenticationError:
    if any(_credentials(Headers(scope=scope))):
        return AuthenticationError("The API key is not valid for this server.")
    return AuthenticationError(
        "No API key was sent. Send it as 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
    )
