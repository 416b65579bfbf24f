"""Let only callers with the key pass; knows one key and no routes but the public ones."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from loquent.api.credentials import credentials
from loquent.api.errors import error_response
from loquent.api.live.closing import Closing
from loquent.api.live.socket import refuse
from loquent.domain.errors import AuthenticationError

HOLDER, GUEST, ANYBODY = "static", "secret", ""
"""Who asks: by the one key, by a client secret or without; in the scope as `loquent.key`."""

PUBLIC_PATHS = frozenset({"/healthz", "/readyz"})


class RequireKey:
    """Refuse every request without the key, whatever its path, so that no route is forgotten.

    Args:
        api_key: the key, or None to let everybody in.
        public_paths: what is open to everybody.
        is_guest: tells who else may pass.
    """

    def __init__(
        self,
        app: ASGIApp,
        api_key: str | None,
        public_paths: AbstractSet[str] = PUBLIC_PATHS,
        is_guest: Callable[[Scope], bool] = lambda _scope: False,
    ) -> None:
        self._app = app
        self._public_paths = public_paths
        self._is_guest = is_guest
        self._digest = None if api_key is None else _digest(api_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        key = self._key(scope)
        if key is not None or scope["path"] in self._public_paths:
            scope["loquent.key"] = key or ANYBODY
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await refuse(WebSocket(scope, receive, send), Closing.of(_refusal(scope)))
        else:
            await error_response(_refusal(scope))(scope, receive, send)

    def _key(self, scope: Scope) -> str | None:
        """Return what the caller may pass by, None for nothing."""
        if self._is_guest(scope):
            return GUEST
        if self._digest is None:
            return ANYBODY
        matches = [
            hmac.compare_digest(_digest(credential), self._digest)
            for credential in credentials(scope)
        ]
        return HOLDER if any(matches) else None


def _digest(credential: str) -> bytes:
    """Hash to one length, so that comparing tells nothing of the key's length either."""
    return hashlib.sha256(credential.encode()).digest()


def _refusal(scope: Scope) -> AuthenticationError:
    if any(credentials(scope)):
        return AuthenticationError("The API key is not valid for this server.")
    return AuthenticationError(
        "No API key was sent. Send it as 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
    )
