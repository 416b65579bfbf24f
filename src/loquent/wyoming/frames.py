"""Read events off a Wyoming connection, none larger than it need be; knows no event's meaning."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from wyoming.event import Event

from loquent.domain.errors import InvalidRequestError

MAX_HEADER_BYTES = 64 * 1024
"""The line that an event begins with."""

MAX_PART_BYTES = 1024 * 1024
"""What may follow that line: more of the event, and a piece of sound."""


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """Return the next event, None at the end of the connection.

    Source: the README of the wyoming package, "Format".

    Raises: InvalidRequestError: what comes is no event; nothing behind it can be read.
    """
    try:
        line = await reader.readline()
        return await _event(reader, _mapping(line)) if line else None
    except asyncio.IncompleteReadError:
        return None
    except ValueError as error:  # the line is too long, or no JSON
        raise _unreadable() from error


async def _event(reader: asyncio.StreamReader, header: dict[str, Any]) -> Event:
    kind, content = header.get("type"), header.get("data") or {}
    if not isinstance(kind, str) or not isinstance(content, dict):
        raise _unreadable()
    more = await _part(reader, header.get("data_length"))
    payload = await _part(reader, header.get("payload_length"))
    return Event(kind, {**content, **(_mapping(more) if more else {})}, payload or None)


async def _part(reader: asyncio.StreamReader, n_bytes: object) -> bytes:
    if n_bytes is None:
        return b""
    if not isinstance(n_bytes, int) or not 0 <= n_bytes <= MAX_PART_BYTES:
        raise InvalidRequestError(f"A part of an event has at most {MAX_PART_BYTES} bytes.")
    return await reader.readexactly(n_bytes)


def _mapping(text: bytes) -> dict[str, Any]:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise _unreadable()
    return content


def _unreadable() -> InvalidRequestError:
    return InvalidRequestError("What came is no event of the Wyoming protocol.")
