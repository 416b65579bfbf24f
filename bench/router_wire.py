"""Sends one request to a server over bare sockets, at next to no cost; understands no answer."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import httpx2

from tests.vendors.gateway import PATH, recording

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answered:
    """How a request ended.

    Attributes:
        status: 0 where the connection broke.
        head: of the answer, as it came.
    """

    status: int
    took_s: float
    head: bytes = b""


class Caller:
    """Sends the same request whenever it is asked to, over as many connections as that takes."""

    def __init__(self, url: str, request: bytes) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname, address.port
        self._request = request
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    @classmethod
    def of(cls, url: str, model: str, key: str = "") -> Self:
        """Return who posts a recording of 16 kB as OpenAI's client does."""
        request = httpx2.Request(
            "POST",
            url + PATH,
            headers={"authorization": f"Bearer {key}"} if key else {},
            data={"model": model, "response_format": "verbose_json"},
            files={"file": ("speech.wav", recording(), "audio/wav")},
        )
        body = request.read()
        lines = [f"POST {PATH} HTTP/1.1", *(f"{k}: {v}" for k, v in request.headers.items())]
        return cls(url, "\r\n".join(lines).encode() + _HEAD_END + body)

    async def call(self) -> Answered:
        """Send the request and read the answer to its end."""
        began_s = time.perf_counter()
        try:
            head = await self._exchange()
        except (OSError, asyncio.IncompleteReadError):
            return Answered(0, time.perf_counter() - began_s)
        return Answered(int(head[9:12]), time.perf_counter() - began_s, head)

    async def close(self) -> None:
        """Let go of all connections."""
        for _, writer in self._idle:
            writer.close()
            await writer.wait_closed()

    async def _exchange(self) -> bytes:
        reader, writer = await self._connection()
        try:
            writer.write(self._request)
            head = await reader.readuntil(_HEAD_END)
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
        except BaseException:
            writer.close()
            raise
        self._idle.append((reader, writer))
        return head

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)
