"""Calls one provider over HTTP, within limits; knows none of its messages.

No redirect is followed and no proxy of the environment used: bytes go to the address that the
operator gave, and to no other.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

import httpx2

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import ProviderAccess
from loquent.domain.errors import UpstreamError, UpstreamTimeoutError, UpstreamUnavailableError
from loquent.providers.failures import failure_of_status, unreadable
from loquent.providers.files import CHUNK_BYTES, chunks, file_kind
from loquent.providers.limits import UpstreamLimits

Json: TypeAlias = Any

_MAX_ERROR_BYTES = 64 * 1024
_KEEP_ALIVE_S = 4.0
"""Less than the 5 s after which uvicorn and Node close a connection that nobody uses; a request
that meets such a close would be lost."""

_SSE_DATA = b"data:"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a provider.

    Attributes:
        path: below the provider's address, with a slash in front.
        form: text fields of a multipart form, in order; names may repeat.
        file: sent as the part `file_field` of the form, or as the whole body where there is no
            form (`form` is None).
        json: the body, where it is JSON.
    """

    path: str
    method: str = "POST"
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    form: tuple[tuple[str, str], ...] | None = None
    file: AudioSource | None = None
    file_field: str = "file"
    json: Json = None
    content: bytes | None = None


class UpstreamClient:
    """Connections to one provider, kept open between calls."""

    def __init__(
        self,
        access: ProviderAccess,
        authorization: Mapping[str, str],
        limits: UpstreamLimits | None = None,
    ) -> None:
        """Take how the provider is reached, the headers that carry its key, and the caps."""
        self.access = access
        self.limits = limits or UpstreamLimits()
        idle_s = self.limits.idle_timeout_s
        self._client = httpx2.AsyncClient(
            base_url=access.base_url,
            headers={"accept-encoding": "identity", **access.headers, **authorization},
            timeout=httpx2.Timeout(idle_s, connect=self.limits.connect_timeout_s),
            limits=httpx2.Limits(
                max_connections=self.limits.max_connections,
                max_keepalive_connections=self.limits.max_connections,
                keepalive_expiry=_KEEP_ALIVE_S,
            ),
            follow_redirects=False,
            trust_env=False,
            verify=_tls(),
        )

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.aclose()

    async def answer(self, call: Call) -> Json:
        """Return the answer to `call`, which must be JSON.

        Raises: UpstreamError.
        """
        async with self._sent(call) as response:
            body = await self._whole(response, self.limits.max_answer_bytes)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise unreadable(self.access, "it is no JSON") from error

    async def text(self, call: Call) -> str:
        """Return the answer to `call` as text.

        Raises: UpstreamError.
        """
        async with self._sent(call) as response:
            body = await self._whole(response, self.limits.max_answer_bytes)
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise unreadable(self.access, "it is no text") from error

    async def events(self, call: Call) -> AsyncGenerator[Json]:
        """Yield the data of each server-sent event that holds JSON; `[DONE]` ends them.

        Raises: UpstreamError.
        """
        async with self._sent(call) as response:
            async for line in self._lines(response):
                if not line.startswith(_SSE_DATA):
                    continue
                text = line[len(_SSE_DATA) :].strip()
                if text.startswith(b"[DONE]"):
                    return
                try:
                    yield json.loads(text)
                except (ValueError, RecursionError) as error:
                    raise unreadable(self.access, "an event is no JSON") from error

    async def sound(self, call: Call) -> AsyncGenerator[bytes]:
        """Yield the bytes of an answer as they come.

        Raises: UpstreamError.
        """
        async with self._sent(call) as response:
            n_bytes = 0
            async for piece in self._pieces(response):
                n_bytes += len(piece)
                if n_bytes > self.limits.max_sound_bytes:
                    raise unreadable(self.access, "it does not end")
                yield piece

    @asynccontextmanager
    async def _sent(self, call: Call) -> AsyncIterator[httpx2.Response]:
        """Send `call`; the block reads an answer that is not an error."""
        with ExitStack() as owned:
            request = self._request(call, owned)
            with _translated(self.access):
                response = await self._begun(request)
        try:
            if not response.is_success:
                body = await self._reason(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                raise failure_of_status(self.access, response.status_code, headers, body)
            yield response
        finally:
            await response.aclose()

    async def _begun(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await self._client.send(request, stream=True)
        except AttributeError as error:
            # Under uvloop, anyio asks a connection that was reset while it was made for its socket,
            # which is None by then.
            raise httpx2.ConnectError("reset while it was made", request=request) from error

    def _request(self, call: Call, owned: ExitStack) -> httpx2.Request:
        options: dict[str, Any] = {"params": call.params or None, "headers": dict(call.headers)}
        if call.form is not None:
            options["files"] = _parts(call, owned)
        elif call.file is not None:
            options["headers"].setdefault("content-type", file_kind(call.file).media_type)
            options["headers"]["content-length"] = str(call.file.n_bytes)
            options["content"] = chunks(call.file)
        elif call.content is not None:
            options["content"] = call.content
        elif call.json is not None:
            options["json"] = call.json
        request = self._client.build_request(call.method, call.path, **options)
        if call.form is not None and isinstance(request.stream, httpx2.AsyncByteStream):
            request.stream = _Gathered(request.stream)
        return request

    async def _reason(self, response: httpx2.Response) -> bytes:
        """Return the body of an error; nothing where it cannot be read, as the status says most."""
        try:
            return await self._whole(response, _MAX_ERROR_BYTES)
        except UpstreamError:
            return b""

    async def _whole(self, response: httpx2.Response, max_bytes: int) -> bytes:
        body = bytearray()
        async for piece in self._pieces(response):
            body += piece
            if len(body) > max_bytes:
                raise unreadable(self.access, f"it is larger than {max_bytes} bytes")
        return bytes(body)

    async def _lines(self, response: httpx2.Response) -> AsyncGenerator[bytes]:
        rest = b""
        async for piece in self._pieces(response):
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > self.limits.max_event_bytes:
                raise unreadable(self.access, "an event does not end")
            for line in lines:
                yield line.rstrip(b"\r")
        if rest:
            yield rest.rstrip(b"\r")

    async def _pieces(self, response: httpx2.Response) -> AsyncGenerator[bytes]:
        """Yield the bytes of an answer, which must be as they are: a few could unfold to many."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise unreadable(self.access, "it is compressed, which nobody asked for")
        with _translated(self.access):
            async for piece in response.aiter_raw():
                yield piece


class _Gathered(httpx2.AsyncByteStream):
    """A body in few pieces: each costs a call of the system, and a form comes in many."""

    def __init__(self, pieces: httpx2.AsyncByteStream) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        held = bytearray()
        async for piece in self._pieces:
            held += piece
            if len(held) >= CHUNK_BYTES:
                yield bytes(held)
                held.clear()
        yield bytes(held)

    async def aclose(self) -> None:
        """Let go of the whole."""
        await self._pieces.aclose()


@cache
def _tls() -> ssl.SSLContext:
    """Return who is trusted; the same for all providers, as it takes a while to read."""
    return httpx2.create_ssl_context(trust_env=False)


def _parts(call: Call, owned: ExitStack) -> list[tuple[str, Any]]:
    """Return the parts of a form; `owned` closes the file."""
    parts: list[tuple[str, Any]] = [(name, (None, value)) for name, value in call.form or ()]
    if call.file is not None:
        kind = file_kind(call.file)
        file = owned.enter_context(call.file.path.open("rb"))
        parts.append((call.file_field, (f"audio.{kind.extension}", file, kind.media_type)))
    return parts


@contextmanager
def _translated(access: ProviderAccess) -> Iterator[None]:
    """Turn what fails on the way to a provider into our errors."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise UpstreamTimeoutError(f"{access.id} does not answer.") from error
    except httpx2.HTTPError as error:
        raise UpstreamUnavailableError(
            f"The connection to {access.id} failed ({type(error).__name__})."
        ) from error
