"""Keeps keys that open live sessions for a few minutes; in memory, so a restart ends them all."""

from __future__ import annotations

import hashlib
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex

from starlette.types import Scope

from loquent.api.credentials import credentials
from loquent.api.live.openai_session import SessionConfig
from loquent.domain.accounts import Caller

MAX_SECRETS = 10_000
"""Beyond so many, who has most gives up the one that would expire first."""

PREFIX = "ek_"


@dataclass(frozen=True, slots=True)
class IssuedSecret:
    """A key for sockets, and the session that they begin with.

    Attributes:
        expires_s: Unix time from which it opens none.
        issuer: who gave it out, as that was then.
    """

    value: str = field(repr=False)
    expires_s: int
    config: SessionConfig
    issuer: Caller


class IssuedSecrets:
    """The secrets that were given out; known by their digests, so that nothing tells them apart.

    Args:
        clock: Unix time.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, max_secrets: int = MAX_SECRETS
    ) -> None:
        self._clock = clock
        self._max_secrets = max_secrets
        self._secrets: dict[bytes, IssuedSecret] = {}
        self._by_expiry: dict[str, list[tuple[int, bytes]]] = {}
        """Heaps, by the key that gave them out: nobody makes room at the cost of others."""

    @property
    def n_kept(self) -> int:
        """How many are kept, some of them perhaps over."""
        return len(self._secrets)

    def issue(self, config: SessionConfig, lifetime_s: int, issuer: Caller) -> IssuedSecret:
        """Give out a new secret."""
        now_s = self._clock()
        self._make_room(now_s)
        secret = IssuedSecret(PREFIX + token_hex(16), int(now_s) + lifetime_s, config, issuer)
        self._secrets[_digest(secret.value)] = secret
        own = self._by_expiry.setdefault(issuer.key_id, [])
        heapq.heappush(own, (secret.expires_s, _digest(secret.value)))
        return secret

    def find(self, value: str) -> IssuedSecret | None:
        """Return the secret that is spelled so, None if there is none or its time is over."""
        secret = self._secrets.get(_digest(value))
        return secret if secret and self._clock() < secret.expires_s else None

    def presented(self, scope: Scope) -> IssuedSecret | None:
        """Return the secret that a caller presents, if it does."""
        found = (self.find(value) for value in credentials(scope))
        return next((secret for secret in found if secret), None)

    def _make_room(self, now_s: float) -> None:
        """Forget what is over, and more if there is no room for one more."""
        for key_id, own in tuple(self._by_expiry.items()):
            while own and own[0][0] <= now_s:
                del self._secrets[heapq.heappop(own)[1]]
            if not own:
                del self._by_expiry[key_id]
        while len(self._secrets) >= self._max_secrets:
            most = max(self._by_expiry.values(), key=len)
            del self._secrets[heapq.heappop(most)[1]]


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode(errors="replace")).digest()
