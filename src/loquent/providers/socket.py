"""A WebSocket to one provider, within limits; knows none of its messages.

No redirect is followed and no proxy of the environment used: sound goes to the address that the
operator gave, and to no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)
from websockets.frames import Close

from loquent.domain.endpoints import ProviderAccess
from loquent.domain.errors import (
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from loquent.providers.failures import cleaned, failure_of_status, unreadable
from loquent.providers.limits import UpstreamLimits

Frame: TypeAlias = str | bytes

PING_INTERVAL_S = 15.0
PING_TIMEOUT_S = 15.0
"""A provider that leaves a ping unanswered for so long is gone."""

_CLOSE_TIMEOUT_S = 1.0
_MAX_WAITING_FRAMES = 16
_MAX_UNSENT_BYTES = 64 * 1024
_KEEPALIVE_FAILED = 1011
_UNREADABLE_CODES = {1002, 1007, 1009}
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

CloseCodes: TypeAlias = Mapping[int, type[UpstreamError]]

_CLOSE_CODES: CloseCodes = MappingProxyType(
    {
        1003: UpstreamRejectedError,
        1007: UpstreamRejectedError,
        1008: UpstreamRejectedError,
        1009: UpstreamRejectedError,
        1013: UpstreamThrottledError,
        3000: UpstreamKeyError,
        3003: UpstreamKeyError,
        3008: UpstreamTimeoutError,
    }
)
"""What a provider means by closing; all others mean that it cannot go on.

Source: RFC 6455 and the WebSocket Close Code Number Registry of IANA.
"""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a socket leads, and what opens it.

    Attributes:
        url: http, https, ws or wss; without a query.
        headers: carry the key.
        close_codes: what the provider means by codes of its own, or by common ones.
    """

    url: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    close_codes: CloseCodes = field(default_factory=dict)

    @property
    def uri(self) -> str:
        scheme, _, rest = self.url.partition("://")
        query = f"?{urlencode(self.query)}" if self.query else ""
        return f"{_SCHEMES.get(scheme, scheme)}://{rest}{query}"


class ProviderSocket:
    """An open socket; its failures are `UpstreamError`s."""

    def __init__(
        self, connection: ClientConnection, access: ProviderAccess, close_codes: CloseCodes
    ) -> None:
        self._connection = connection
        self._access = access
        self._close_codes = {**_CLOSE_CODES, **close_codes}

    async def send(self, frame: Frame) -> None:
        """Send a frame; waits while the provider does not take what was sent before.

        Raises: UpstreamError: also where the provider has closed in peace.
        """
        with self._translated():
            await self._connection.send(frame)

    async def receive(self, timeout_s: float | None = None) -> Frame | None:
        """Return the next frame, None where the provider has closed in peace.

        Raises: UpstreamError: UpstreamTimeoutError where none comes within `timeout_s`.
        """
        with self._translated():
            try:
                async with asyncio.timeout(timeout_s):
                    return await self._connection.recv()
            except ConnectionClosed as error:
                if error.rcvd is not None and error.rcvd.code == 1000:
                    return None
                raise

    def abort(self) -> None:
        """Cut the connection, so that nobody waits for it any more."""
        self._connection.transport.abort()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise UpstreamTimeoutError(f"{self._access.id} does not answer.") from error
        except ConnectionClosed as error:
            raise self._failure(error) from error
        except (WebSocketException, OSError) as error:
            raise _broken(self._access, error) from error

    def _failure(self, closed: ConnectionClosed) -> UpstreamError:
        if closed.rcvd is not None and (closed.rcvd_then_sent or closed.sent is None):
            return self.closed_with(closed.rcvd)
        if closed.sent is not None and closed.sent.code in _UNREADABLE_CODES:
            return unreadable(self._access, "a frame of it breaks the rules or is too large")
        if closed.sent is not None and closed.sent.code == _KEEPALIVE_FAILED:
            return UpstreamTimeoutError(f"{self._access.id} does not answer.")
        return UpstreamUnavailableError(f"The connection to {self._access.id} broke.")

    def closed_with(self, close: Close) -> UpstreamError:
        """Return the error that a close of the provider is."""
        kind = self._close_codes.get(close.code, UpstreamUnavailableError)
        if kind is UpstreamKeyError:
            return UpstreamKeyError(
                f"{self._access.id} refused the key of this server; its operator must see to it."
            )
        reason = cleaned(self._access, close.reason)
        told = f": {reason}" if reason else "."
        return kind(f"{self._access.id} ended the session with code {close.code}{told}")


class _Connect(connect):
    """Follows no redirect."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@asynccontextmanager
async def connected(
    access: ProviderAccess, limits: UpstreamLimits, address: Address
) -> AsyncIterator[ProviderSocket]:
    """Open a socket; leaving the context closes it.

    Raises: UpstreamError.
    """
    connection = await _opened(access, limits, address)
    try:
        yield ProviderSocket(connection, access, address.close_codes)
    finally:
        await connection.close()


async def _opened(
    access: ProviderAccess, limits: UpstreamLimits, address: Address
) -> ClientConnection:
    try:
        return await _Connect(
            address.uri,
            additional_headers={**access.headers, **address.headers},
            compression=None,
            proxy=None,
            open_timeout=limits.connect_timeout_s,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            close_timeout=_CLOSE_TIMEOUT_S,
            max_size=limits.max_event_bytes,
            max_queue=_MAX_WAITING_FRAMES,
            write_limit=_MAX_UNSENT_BYTES,
        )
    except TimeoutError as error:
        raise UpstreamTimeoutError(f"{access.id} does not answer.") from error
    except InvalidStatus as error:
        answer = error.response
        headers = {name.lower(): value for name, value in answer.headers.raw_items()}
        raise failure_of_status(
            access, answer.status_code, headers, bytes(answer.body or b"")
        ) from error
    except InvalidMessage as error:
        raise _broken(access, error) from error
    except InvalidHandshake as error:
        raise unreadable(access, "it opens no WebSocket") from error
    except (WebSocketException, OSError) as error:
        raise _broken(access, error) from error


def _broken(access: ProviderAccess, error: Exception) -> UpstreamError:
    return UpstreamUnavailableError(
        f"The connection to {access.id} failed ({type(error).__name__})."
    )
