"""Reads whole frames of the engines' protocol, which a cluster hands from machine to machine."""

from __future__ import annotations

from loquent.engines.host import protocol
from loquent.engines.host.messages import (
    Analyse,
    Answer,
    Batch,
    Failure,
    Order,
    Outcome,
    Speak,
)
from loquent.engines.host.protocol import ProtocolError


def answer_in(frame: bytes) -> Outcome | Failure:
    """Return what a copy answered.

    Raises: ProtocolError.
    """
    message = _message(frame)
    if not isinstance(message, Outcome | Failure):
        raise ProtocolError(f"{type(message).__name__} from a copy")
    return message


def order_in(frame: bytes) -> Batch | Speak | Analyse:
    """Return what a copy is to do.

    Raises: ProtocolError.
    """
    message = _message(frame)
    if not isinstance(message, Batch | Speak | Analyse):
        raise ProtocolError(f"{type(message).__name__} for a copy")
    return message


def _message(frame: bytes) -> Order | Answer:
    head = protocol.PREFIX_BYTES
    if len(frame) < head:
        raise ProtocolError(f"a frame of {len(frame)} bytes")
    prefix = protocol.parse_prefix(frame[:head])
    end = head + prefix.n_header_bytes
    if len(frame) != end + prefix.n_array_bytes:
        raise ProtocolError(f"{len(frame)} bytes for {prefix}")
    return protocol.parse(prefix.kind, frame[head:end], frame[end:])
