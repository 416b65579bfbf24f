"""Stands in for a provider that fails in one of many ways; speaks to sockets, byte by byte."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Any

TEXT = "The front itself speaks."
"""What an answer of the front says, where it says anything."""

RETRY_AFTER_S = 30

_RESET = struct.pack("ii", 1, 0)
"""Linger for no time: closing such a socket resets the connection."""

_LEAST_SENT_BYTES = 64
_BOMB_BYTES = 128 * 1024 * 1024
_N_BOMB_PIECES = 128
_PIECE_BYTES = 16 * 1024


class Fault(StrEnum):
    """What goes wrong; `NONE` is a provider in good health."""

    NONE = auto()

    REFUSED = auto()
    RESET_AT_ONCE = auto()
    RESET_AFTER_HEAD = auto()
    RESET_IN_BODY = auto()
    RESET_IN_ANSWER_HEAD = auto()
    RESET_IN_ANSWER_BODY = auto()
    CLOSED_UNANSWERED = auto()
    HALF_CLOSED = auto()
    BLACK_HOLE = auto()
    BLACK_HOLE_AFTER_REQUEST = auto()
    BLACK_HOLE_AFTER_ANSWER_HEAD = auto()
    TRICKLE = auto()

    STATUS_400 = auto()
    STATUS_401 = auto()
    STATUS_404 = auto()
    STATUS_429 = auto()
    STATUS_429_SECONDS = auto()
    STATUS_429_DATE = auto()
    STATUS_500 = auto()
    STATUS_502 = auto()
    STATUS_503 = auto()
    STATUS_503_SECONDS = auto()
    STATUS_504 = auto()
    REDIRECT_302 = auto()
    REDIRECT_307 = auto()

    NO_HTTP = auto()
    NO_JSON = auto()
    JSON_OF_OTHER_SHAPE = auto()
    EMPTY = auto()
    OTHER_TYPE = auto()
    LENGTH_TOO_LONG = auto()
    LENGTH_TOO_SHORT = auto()
    TWO_LENGTHS = auto()
    GARBAGE_IN_HEADERS = auto()
    BROKEN_CHUNKS = auto()
    EVENTS_CUT = auto()
    COMPRESSION_BOMB = auto()
    ENDLESS_BODY = auto()
    ENDLESS_HEAD = auto()
    ENDLESS_INTERIM = auto()


FAILING = tuple(fault for fault in Fault if fault is not Fault.NONE)
"""Faults with which no request can be answered."""

OF_THE_REQUEST = frozenset({Fault.STATUS_400, Fault.STATUS_404})
"""Faults by which a provider says that it does not want this very request."""


class FaultyFront:
    """A server with a fault, which may be changed while it runs, but not from or to `REFUSED`.

    Attributes:
        n_connections: that came in.
        n_requests: of which the head was read.
        url: where it listens, "http://127.0.0.1:port".
        elsewhere: where redirects lead.
        pace_s: time between two bytes that trickle.
    """

    def __init__(self, fault: Fault, *, elsewhere: str = "", pace_s: float = 0.05) -> None:
        self.fault = fault
        self.elsewhere = elsewhere
        self.pace_s = pace_s
        self.url = ""
        self.n_connections = 0
        self.n_requests = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FaultyFront]:
        """Listen on a free port of the loopback inside the block."""
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            if self.fault is Fault.REFUSED:  # a port of its own at which nobody listens
                yield self
                return
            server = await asyncio.start_server(self._serve, sock=bound, backlog=1024)
            try:
                yield self
            finally:
                server.close()
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.n_connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    exchange = Exchange(self, reader, writer)
                    await _CONDUCT.get(self.fault, _answer)(exchange)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()
            self._tasks.discard(task)


class Exchange:
    """One request and its answer, as far as they get."""

    def __init__(
        self, front: FaultyFront, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.front = front
        self._reader = reader
        self._writer = writer
        self._n_body_bytes = 0
        self.key = ""

    async def read_head(self) -> None:
        """Read the request up to its body."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.front.n_requests += 1
        headers = {}
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        self._n_body_bytes = int(headers.get("content-length", 0))
        self.key = headers.get("authorization", "").removeprefix("Bearer ")

    async def read_some(self) -> None:
        """Read a part of the body."""
        await self._reader.readexactly(min(_LEAST_SENT_BYTES, self._n_body_bytes))

    async def read_request(self) -> None:
        """Read the request to its end."""
        await self.read_head()
        await self._reader.readexactly(self._n_body_bytes)

    async def send(self, content: bytes) -> None:
        """Send bytes, whatever they are."""
        self._writer.write(content)
        await self._writer.drain()

    async def repeat(self, content: bytes) -> None:
        """Send the same over and over until nobody listens any more."""
        while not self._writer.is_closing():
            await self.send(content)
            await asyncio.sleep(0)

    def end_answer(self) -> None:
        """Say that no more bytes follow, but go on listening."""
        self._writer.write_eof()

    async def wait_until_gone(self) -> None:
        """Do nothing until the caller hangs up."""
        while await self._reader.read(_PIECE_BYTES):
            pass
        self.close()

    def close(self) -> None:
        """End the connection in order."""
        self._writer.close()

    def reset(self) -> None:
        """Break the connection."""
        self._writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _RESET
        )
        self._writer.transport.abort()


def answer(status: str, body: bytes, *headers: str, media_type: str = "application/json") -> bytes:
    """Write an answer with its length."""
    return head(status, *headers, f"content-length: {len(body)}", media_type=media_type) + body


def head(status: str, *headers: str, media_type: str = "application/json") -> bytes:
    """Write an answer up to its body."""
    lines = (f"HTTP/1.1 {status}", f"content-type: {media_type}", *headers, "", "")
    return "\r\n".join(lines).encode("latin-1")


def _good() -> bytes:
    return json.dumps(
        {
            "task": "transcribe",
            "language": "english",
            "duration": 0.5,
            "text": TEXT,
            "segments": [{"id": 0, "start": 0.0, "end": 0.5, "text": TEXT}],
        }
    ).encode()


_GOOD = _good()
_GOOD_ANSWER = answer("200 OK", _GOOD)


def _refusal(status: str, *headers: str) -> Callable[[Exchange], bytes]:
    """Return what refuses a request as OpenAI does, and tells more than it should."""

    def refuse(exchange: Exchange) -> bytes:
        told = f"No. Your key {exchange.key} was sent to {exchange.front.url}/v1."
        error: dict[str, Any] = {"message": told, "type": "error", "param": None, "code": None}
        return answer(status, json.dumps({"error": error}).encode(), *headers)

    return refuse


def _throttled_until(exchange: Exchange) -> bytes:
    date = formatdate(time.time() + RETRY_AFTER_S, usegmt=True)
    return _refusal("429 Too Many Requests", f"retry-after: {date}")(exchange)


def _redirect(status: str) -> Callable[[Exchange], bytes]:
    def lead_elsewhere(exchange: Exchange) -> bytes:
        place = f"location: {exchange.front.elsewhere}/v1/audio/transcriptions"
        return answer(status, b"", place)

    return lead_elsewhere


def _always(content: bytes) -> Callable[[Exchange], bytes]:
    return lambda _: content


def _bomb() -> bytes:
    """Compress zeros; after the first piece each is the same bytes, so only two are made."""
    zeros, packer = bytes(_BOMB_BYTES // _N_BOMB_PIECES), zlib.compressobj(9, wbits=zlib.MAX_WBITS)
    first, other = (packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    body = first + (_N_BOMB_PIECES - 1) * other
    return answer("200 OK", body, "content-encoding: deflate")


_EVENT = f"data: {json.dumps({'type': 'transcript.text.delta', 'delta': TEXT})}\n\n".encode()
_AFTER = f"retry-after: {RETRY_AFTER_S}"
_PAGE = b"<!doctype html><title>Sign in to this network</title>"

_ANSWERS: Mapping[Fault, Callable[[Exchange], bytes]] = MappingProxyType(
    {
        Fault.NONE: _always(_GOOD_ANSWER),
        Fault.STATUS_400: _refusal("400 Bad Request"),
        Fault.STATUS_401: _refusal("401 Unauthorized"),
        Fault.STATUS_404: _refusal("404 Not Found"),
        Fault.STATUS_429: _refusal("429 Too Many Requests"),
        Fault.STATUS_429_SECONDS: _refusal("429 Too Many Requests", _AFTER),
        Fault.STATUS_429_DATE: _throttled_until,
        Fault.STATUS_500: _refusal("500 Internal Server Error"),
        Fault.STATUS_502: _always(answer("502 Bad Gateway", _PAGE, media_type="text/html")),
        Fault.STATUS_503: _refusal("503 Service Unavailable"),
        Fault.STATUS_503_SECONDS: _refusal("503 Service Unavailable", _AFTER),
        Fault.STATUS_504: _refusal("504 Gateway Timeout"),
        Fault.REDIRECT_302: _redirect("302 Found"),
        Fault.REDIRECT_307: _redirect("307 Temporary Redirect"),
        Fault.NO_HTTP: _always(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        Fault.NO_JSON: _always(answer("200 OK", _GOOD[:-10])),
        Fault.JSON_OF_OTHER_SHAPE: _always(answer("200 OK", b'{"segments": {"text": [null, 1]}}')),
        Fault.EMPTY: _always(answer("200 OK", b"")),
        Fault.OTHER_TYPE: _always(answer("200 OK", _PAGE, media_type="text/html")),
        Fault.LENGTH_TOO_SHORT: _always(head("200 OK", "content-length: 20") + _GOOD),
        Fault.TWO_LENGTHS: _always(
            head("200 OK", f"content-length: {len(_GOOD)}", "content-length: 20") + _GOOD
        ),
        Fault.GARBAGE_IN_HEADERS: _always(
            head("200 OK", "no colon", "\x00: \x07", f"content-length: {len(_GOOD)}") + _GOOD
        ),
        Fault.BROKEN_CHUNKS: _always(
            head("200 OK", "transfer-encoding: chunked") + b"zz\r\n" + _GOOD + b"\r\n0\r\n\r\n"
        ),
        Fault.COMPRESSION_BOMB: _always(_bomb()),
    }
)
"""What is answered to a request that was read to its end; the connection stays open."""


async def _answer(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.send(_ANSWERS[exchange.front.fault](exchange))


async def _reset_at_once(exchange: Exchange) -> None:
    exchange.reset()


async def _reset_after_head(exchange: Exchange) -> None:
    await exchange.read_head()
    exchange.reset()


async def _reset_in_body(exchange: Exchange) -> None:
    await exchange.read_head()
    await exchange.read_some()
    exchange.reset()


async def _reset_in_answer_head(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.send(_GOOD_ANSWER[:24])
    exchange.reset()


async def _reset_in_answer_body(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.send(_GOOD_ANSWER[:-10])
    exchange.reset()


async def _close_unanswered(exchange: Exchange) -> None:
    await exchange.read_request()
    exchange.close()


async def _half_close(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.send(_GOOD_ANSWER[:-10])
    exchange.end_answer()
    await exchange.wait_until_gone()


async def _swallow_all(exchange: Exchange) -> None:
    await exchange.wait_until_gone()


async def _swallow_request(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.wait_until_gone()


async def _stop_after_answer_head(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.send(head("200 OK", f"content-length: {len(_GOOD)}"))
    await exchange.wait_until_gone()


async def _trickle(exchange: Exchange) -> None:
    await exchange.read_request()
    for byte in _GOOD_ANSWER:
        await exchange.send(bytes([byte]))
        await asyncio.sleep(exchange.front.pace_s)


async def _promise_too_much(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.send(head("200 OK", f"content-length: {len(_GOOD) + 10}") + _GOOD)
    exchange.close()


async def _cut_events(exchange: Exchange) -> None:
    await exchange.read_request()
    opening = head("200 OK", "transfer-encoding: chunked", media_type="text/event-stream")
    await exchange.send(opening + _chunk(_EVENT + _EVENT[:20]))
    exchange.close()


async def _never_end(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.send(head("200 OK", "transfer-encoding: chunked"))
    await exchange.repeat(_chunk(b" " * _PIECE_BYTES))


async def _never_end_head(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.send(b"HTTP/1.1 200 OK\r\n")
    await exchange.repeat(b"x-more: of the same\r\n" * 100)


async def _never_begin(exchange: Exchange) -> None:
    await exchange.read_request()
    await exchange.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


_CONDUCT: Mapping[Fault, Callable[[Exchange], Awaitable[None]]] = MappingProxyType(
    {
        Fault.RESET_AT_ONCE: _reset_at_once,
        Fault.RESET_AFTER_HEAD: _reset_after_head,
        Fault.RESET_IN_BODY: _reset_in_body,
        Fault.RESET_IN_ANSWER_HEAD: _reset_in_answer_head,
        Fault.RESET_IN_ANSWER_BODY: _reset_in_answer_body,
        Fault.CLOSED_UNANSWERED: _close_unanswered,
        Fault.HALF_CLOSED: _half_close,
        Fault.BLACK_HOLE: _swallow_all,
        Fault.BLACK_HOLE_AFTER_REQUEST: _swallow_request,
        Fault.BLACK_HOLE_AFTER_ANSWER_HEAD: _stop_after_answer_head,
        Fault.TRICKLE: _trickle,
        Fault.LENGTH_TOO_LONG: _promise_too_much,
        Fault.EVENTS_CUT: _cut_events,
        Fault.ENDLESS_BODY: _never_end,
        Fault.ENDLESS_HEAD: _never_end_head,
        Fault.ENDLESS_INTERIM: _never_begin,
    }
)
"""Faults that are more than an odd answer."""
