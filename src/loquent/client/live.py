"""Live sessions as context managers: sound in, texts out; knows no dialect by its frames."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx2
from openai import AsyncOpenAI, OpenAI
from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.asyncio.client import connect as async_connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.sync.client import ClientConnection, connect

from loquent.client import live_errors
from loquent.client.live_dialects import UpstreamComplaintError, dialect_of
from loquent.client.live_values import LiveEvent, LiveOptions


def _url(client: OpenAI | AsyncOpenAI, path: str, query: dict[str, str]) -> str:
    base = httpx2.URL(str(client.base_url))
    scheme = "wss" if base.scheme == "https" else "ws"
    address = base.copy_with(scheme=scheme, path=base.path.rstrip("/") + path, query=None)
    return str(address.copy_merge_params(query))


def _headers(client: OpenAI | AsyncOpenAI) -> dict[str, str]:
    return {"Authorization": f"Bearer {client.api_key}"}


class LiveSession:
    """One live session; what is said is read by iterating over it, from one thread.

    `send`, `commit`, `clear` and `finish` may be called from another thread, and `follow` does so.
    """

    _socket: ClientConnection

    def __init__(self, client: OpenAI, options: LiveOptions) -> None:
        self._dialect = dialect_of(options)
        self._url = _url(client, self._dialect.path, self._dialect.query())
        self._headers = _headers(client)

    def __enter__(self) -> Self:
        """Connect.

        Raises: openai.APIConnectionError.
        """
        try:
            opening: Any = connect(self._url, additional_headers=self._headers, max_size=None)
            self._socket = opening.__enter__()
        except OSError as error:
            raise live_errors.of_connecting(self._url, error) from error
        self._put(self._dialect.opening())
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, sound: bytes) -> None:
        """Send sound, 16 bits, little endian, mono; why a session is over, its events tell."""
        if sound:
            self._put(self._dialect.sound(sound))

    def commit(self) -> None:
        """End the utterance here; less than 100 ms of sound since the last one is refused.

        Raises: ValueError: in A15T's dialect, which has no such thing.
        """
        self._put(self._dialect.commit())

    def clear(self) -> None:
        """Have the sound since the last utterance forgotten.

        Raises: ValueError: in A15T's dialect, which has no such thing.
        """
        self._put(self._dialect.clear())

    def finish(self) -> None:
        """Say that no more sound comes; the last events follow, and then iteration ends."""
        for frame in self._dialect.ending():
            self._put(frame)

    def __iter__(self) -> Iterator[LiveEvent]:
        """Yield what is said, until all is.

        Raises: openai.APIError: of the class that means what the server says.
        """
        try:
            while not self._dialect.is_over:
                frame = self._socket.recv()
                yield from self._dialect.read(str(frame))
        except ConnectionClosedOK:
            return
        except ConnectionClosed as closed:
            raise live_errors.of_closing(self._url, closed) from closed
        except UpstreamComplaintError as complaint:
            raise live_errors.of_complaint(self._url, complaint) from complaint

    def follow(self, chunks: Iterable[bytes]) -> Iterator[LiveEvent]:
        """Send all of `chunks` in another thread, and yield what is said meanwhile.

        Raises: openai.APIError: as iteration does; and whatever `chunks` raises.
        """
        failures: list[BaseException] = []

        def send_all() -> None:
            try:
                for chunk in chunks:
                    self.send(chunk)
            except BaseException as failure:  # noqa: BLE001  (raised again by whoever reads)
                failures.append(failure)
            self.finish()

        threading.Thread(target=send_all, daemon=True).start()
        yield from self
        if failures:
            raise failures[0]

    def _put(self, frame: bytes | str) -> None:
        with suppress(ConnectionClosed):
            self._socket.send(frame)


class AsyncLiveSession:
    """One live session; what is said is read by iterating over it, from one task."""

    _socket: AsyncConnection

    def __init__(self, client: AsyncOpenAI, options: LiveOptions) -> None:
        self._dialect = dialect_of(options)
        self._url = _url(client, self._dialect.path, self._dialect.query())
        self._headers = _headers(client)

    async def __aenter__(self) -> Self:
        """Connect.

        Raises: openai.APIConnectionError.
        """
        try:
            self._socket = await async_connect(
                self._url, additional_headers=self._headers, max_size=None
            )
        except OSError as error:
            raise live_errors.of_connecting(self._url, error) from error
        await self._put(self._dialect.opening())
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._socket.close()

    async def send(self, sound: bytes) -> None:
        """Send sound, 16 bits, little endian, mono; why a session is over, its events tell."""
        if sound:
            await self._put(self._dialect.sound(sound))

    async def commit(self) -> None:
        """End the utterance here; less than 100 ms of sound since the last one is refused.

        Raises: ValueError: in A15T's dialect, which has no such thing.
        """
        await self._put(self._dialect.commit())

    async def clear(self) -> None:
        """Have the sound since the last utterance forgotten.

        Raises: ValueError: in A15T's dialect, which has no such thing.
        """
        await self._put(self._dialect.clear())

    async def finish(self) -> None:
        """Say that no more sound comes; the last events follow, and then iteration ends."""
        for frame in self._dialect.ending():
            await self._put(frame)

    async def __aiter__(self) -> AsyncIterator[LiveEvent]:
        """Yield what is said, until all is.

        Raises: openai.APIError: of the class that means what the server says.
        """
        try:
            while not self._dialect.is_over:
                frame = await self._socket.recv()
                for event in self._dialect.read(str(frame)):
                    yield event
        except ConnectionClosedOK:
            return
        except ConnectionClosed as closed:
            raise live_errors.of_closing(self._url, closed) from closed
        except UpstreamComplaintError as complaint:
            raise live_errors.of_complaint(self._url, complaint) from complaint

    async def follow(
        self, chunks: Iterable[bytes] | AsyncIterable[bytes]
    ) -> AsyncIterator[LiveEvent]:
        """Send all of `chunks` in another task, and yield what is said meanwhile.

        Raises: openai.APIError: as iteration does; and whatever `chunks` raises.
        """
        sending = asyncio.create_task(self._send_all(chunks))
        try:
            async for event in self:
                yield event
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send_all(self, chunks: Iterable[bytes] | AsyncIterable[bytes]) -> None:
        try:
            if isinstance(chunks, AsyncIterable):
                async for chunk in chunks:
                    await self.send(chunk)
            else:
                for chunk in chunks:
                    await self.send(chunk)
        finally:
            await self.finish()

    async def _put(self, frame: bytes | str) -> None:
        with suppress(ConnectionClosed):
            await self._socket.send(frame)
