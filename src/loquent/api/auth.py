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
        is_request = scope["type"] in {"http", "websocket"}
        if not is_request or scope["path"] in self._public_paths or self._is_known(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await refuse(WebSocket(scope, receive, send), Closing.of(_refusal(scope)))
        else:
            await error_response(_refusal(scope))(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        if self._digest is None:
            return True
        matches = [
            hmac.compare_digest(_digest(credential), self._digest)
            for credential in credentials(scope)
        ]
        return any(matches) or self._is_guest(scope)


def _digest(credential: str) -> bytes:
    """Hash to one length, so that comparing tells nothing of the key's length either."""
    return hashlib.sha256(credential.encode()).digest()


def _refusal(scope: Scope) -> AuthenticationError:
    if any(credentials(scope)):
        return AuthenticationError("The API key is not valid for this server.")
    return AuthenticationError(
        "No API key was sent. Send it as 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
    )
