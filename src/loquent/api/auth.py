"""Find out who asks, and let pass only who may; knows neither routes nor what they do."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from loquent.accounting.entering import entered, may_enter
from loquent.accounting.keyring import KeyRing
from loquent.api.access import Access, Entrances
from loquent.api.credentials import credentials
from loquent.api.live.issued_secrets import IssuedSecrets
from loquent.api.refusing import refuse_with
from loquent.domain import accounts
from loquent.domain.accounts import Caller, Reach
from loquent.domain.deployments import Deployment
from loquent.domain.errors import AuthenticationError, LoquentError

STRANGER: Final = Caller()
"""Nobody was asked."""

ANYBODY: Final = Caller(
    scopes=frozenset({accounts.Scope.INFERENCE, accounts.Scope.USAGE}), reach=Reach.SERVER
)
"""Whoever asks while no key is needed."""

HOLDER: Final = replace(ANYBODY, key_id="static")
"""Who has the one key that is no key of the book."""

_HOW: Final = "Send it as 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."

_SINCE: Final = " This server needs one since its first was made; `loquent keys create` makes more."


class Reception:
    """Tells who asks, by all kinds of keys there are.

    Args:
        api_key: the one key that is no key of the book; None where there is none.
        keys: those of the book; None where there is no book.
        secrets: those that were given out for sockets.
    """

    def __init__(self, api_key: str | None, keys: KeyRing | None, secrets: IssuedSecrets) -> None:
        self._digest = None if api_key is None else _digest(api_key)
        self._keys = keys
        self._secrets = secrets

    async def caller(self, scope: Scope, *, takes_secrets: bool) -> Caller:
        """Return who asks.

        Raises:
            AuthenticationError: if that cannot be told, and must be.
            LedgerUnavailableError: if the keys cannot be looked up now.
        """
        presented = tuple(credentials(scope))
        if self._has_static(presented):
            return HOLDER
        guest = await self._guest(scope) if takes_secrets else None
        known = guest or (await self._keys.caller(presented) if self._keys else None)
        if known is not None:
            return known
        if await self._is_open():
            return ANYBODY
        raise self._refusal(presented)

    def _has_static(self, presented: Sequence[str]) -> bool:
        if self._digest is None:
            return False
        matches = [hmac.compare_digest(_digest(text), self._digest) for text in presented]
        return any(matches)

    async def _guest(self, scope: Scope) -> Caller | None:
        """Return who gave out the secret that is presented, if that one is still welcome."""
        secret = self._secrets.presented(scope)
        if secret is None:
            return None
        issuer: Caller | None = secret.issuer
        if secret.issuer.key_id == ANYBODY.key_id:
            issuer = ANYBODY if await self._is_open() else None
        elif secret.issuer.key_id != HOLDER.key_id:
            issuer = await self._keys.holder(secret.issuer.key_id) if self._keys else None
        if issuer is None:
            return None
        return replace(issuer, scopes=issuer.scopes & {accounts.Scope.INFERENCE})

    async def _is_open(self) -> bool:
        """Tell whether no key is needed: none was ever made."""
        return self._digest is None and not (self._keys and await self._keys.has_keys())

    def _refusal(self, presented: Sequence[str]) -> AuthenticationError:
        if presented:
            return AuthenticationError(
                "The API key is not valid for this server: it is wrong, revoked or expired."
            )
        is_new = self._digest is None
        return AuthenticationError(f"No API key was sent. {_HOW}{_SINCE if is_new else ''}")


class Authenticate:
    """Refuse every request that may not pass, before any of its body is read.

    Who asks stands in the scope as `loquent.caller`, whatever the path, so that no route is
    forgotten.

    Args:
        deployment: whose application this is; None for what all share.
    """

    def __init__(
        self,
        app: ASGIApp,
        reception: Reception,
        entrances: Entrances,
        deployment: Deployment | None = None,
    ) -> None:
        self._app = app
        self._reception = reception
        self._entrances = entrances
        self._deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        try:
            access = self._entrances.at(scope["path"], scope.get("method", ""))
            scope["loquent.caller"] = await self._admitted(scope, access)
        except LoquentError as error:
            await refuse_with(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _admitted(self, scope: Scope, access: Access) -> Caller:
        """Raises: AuthenticationError, PermissionDeniedError, LedgerUnavailableError."""
        if access.is_public:
            return STRANGER
        takes_secrets = access.takes_secrets and scope["type"] == "websocket"
        caller = await self._reception.caller(scope, takes_secrets=takes_secrets)
        access.check(caller)
        if access.is_of_models:
            may_enter(caller, self._deployment)
        return entered(caller, self._deployment) if self._deployment else caller


def _digest(credential: str) -> bytes:
    """Hash to one length, so that comparing tells nothing of the key's length either."""
    return hashlib.sha256(credential.encode(errors="surrogatepass")).digest()
