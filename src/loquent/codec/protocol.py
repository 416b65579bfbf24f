"""Frames the messages between a child and its parent; runs no code that either side could supply.

Parent to child: which channel is wanted, with the recording's file descriptor attached. Child to
parent: a header of kind and length, then the payload: raw float32 samples, or an error as "code
newline text".
"""

from __future__ import annotations

import struct
from enum import Enum

import numpy as np

from loquent.codec.limits import WINDOW_SAMPLES
from loquent.domain.audio import Samples
from loquent.domain.errors import (
    AudioTooLongError,
    InvalidAudioError,
    InvalidRequestError,
    MissingChannelError,
    UnsupportedFormatError,
)

OUT_OF_MEMORY = "out_of_memory"
"""Code of a child that ran into its memory limit, and leaves after it said so."""

UNEXPECTED = "unexpected"
"""Code of an exception that no rule foresaw; the text names its type."""

_JOB = struct.Struct("!i")
JOB_BYTES = _JOB.size
_ALL_CHANNELS = -1

_HEADER = struct.Struct("!cI")
HEADER_BYTES = _HEADER.size
_SAMPLE = np.dtype(np.float32)
_ERRORS: dict[str | None, type[InvalidRequestError]] = {
    error.code: error
    for error in (
        InvalidAudioError,
        MissingChannelError,
        UnsupportedFormatError,
        AudioTooLongError,
    )
}


class Kind(Enum):
    """What a child may say."""

    READY = b"R"
    SAMPLES = b"S"
    DONE = b"D"
    ERROR = b"E"


_MAX_PAYLOAD_BYTES = {
    Kind.READY: 0,
    Kind.SAMPLES: WINDOW_SAMPLES * _SAMPLE.itemsize,
    Kind.DONE: 0,
    Kind.ERROR: 2048,
}


class ProtocolError(Exception):
    """The other side said what no sound child says."""


def job(channel: int | None) -> bytes:
    """Return what goes with a recording of which one channel is wanted, or None for all."""
    assert channel is None or channel >= 0
    return _JOB.pack(_ALL_CHANNELS if channel is None else channel)


def parse_job(message: bytes) -> int | None:
    """Return the channel that is wanted, None for all."""
    (channel,) = _JOB.unpack(message)
    return None if channel == _ALL_CHANNELS else channel


def header(kind: Kind, n_bytes: int = 0) -> bytes:
    """Return the header of a message with a payload of `n_bytes`."""
    assert n_bytes <= _MAX_PAYLOAD_BYTES[kind]
    return _HEADER.pack(kind.value, n_bytes)


def error_payload(code: str, text: str) -> bytes:
    """Return the payload of an error, its text cut to what fits."""
    return f"{code}\n{text}".encode()[: _MAX_PAYLOAD_BYTES[Kind.ERROR]]


def parse_header(message: bytearray) -> tuple[Kind, int]:
    """Return kind and payload length.

    Raises: ProtocolError: at an unknown kind, or a length that the kind does not allow.
    """
    letter, n_bytes = _HEADER.unpack(message)
    try:
        kind = Kind(letter)
    except ValueError as error:
        raise ProtocolError(f"unknown message {letter!r}") from error
    if n_bytes > _MAX_PAYLOAD_BYTES[kind]:
        raise ProtocolError(f"{kind.name} of {n_bytes} bytes")
    return kind, n_bytes


def parse_samples(payload: bytearray) -> Samples:
    """Return the samples in `payload`, which they share; there is at least one.

    Raises: ProtocolError.
    """
    if not payload or len(payload) % _SAMPLE.itemsize:
        raise ProtocolError(f"window of {len(payload)} bytes")
    return np.frombuffer(payload, dtype=_SAMPLE)


def parse_error(payload: bytearray) -> tuple[str, str]:
    """Return the code and the text of an error."""
    code, _, text = payload.decode(errors="replace").partition("\n")
    return code, text


def request_error(code: str, text: str) -> InvalidRequestError | None:
    """Return the domain error that `code` names, if it names one that a child may raise."""
    error = _ERRORS.get(code)
    return error(text) if error else None
