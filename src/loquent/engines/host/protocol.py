"""Frames what an engine's child and its parent tell each other; runs no code that either supplies.

A frame is a prefix of kind and lengths, a header in JSON, and samples as raw float32: those of all
utterances one behind the other, or those of a spoken piece.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from loquent.domain.speech import SpokenWord, Waveform
from loquent.engines.batch import Utterance, Width
from loquent.engines.host import messages
from loquent.engines.host.messages import (
    CONFIG,
    MAX_UTTERANCES,
    Answer,
    Batch,
    Failure,
    Identifier,
    Order,
    Ready,
    Result,
    Speak,
    Spoken,
)
from loquent.ports import RecognitionOptions, SpokenPiece

MAX_HEADER_BYTES = 8 << 20
"""Room for 64 recognitions with the times and scores of every token, several times over."""

MAX_SAMPLES_BYTES = MAX_UTTERANCES * 30 * 16_000 * 4
"""64 utterances of 30 s at 16 kHz; ten minutes of speech, far more than a piece may be."""

_PREFIX = struct.Struct("!cII")
PREFIX_BYTES = _PREFIX.size
_SAMPLE = np.dtype(np.float32)


class ProtocolError(Exception):
    """A message that no sound peer sends, or one that is too large to send."""


class Kind(Enum):
    """The first byte of a frame."""

    START = b"S"
    BATCH = b"B"
    SPEAK = b"T"
    READY = b"R"
    RESULT = b"A"
    SPOKEN = b"W"
    FAILURE = b"F"


@dataclass(frozen=True, slots=True)
class _BatchHeader:
    """A batch without its samples."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Identifier
    width: Width
    options: Annotated[
        tuple[RecognitionOptions, ...], Field(min_length=1, max_length=MAX_UTTERANCES)
    ]
    n_samples: tuple[Annotated[int, Field(ge=0)], ...]


@dataclass(frozen=True, slots=True)
class _SpokenHeader:
    """A spoken piece without its samples."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Identifier
    sample_rate_hz: Annotated[int, Field(ge=1, le=192_000)]
    speed: float
    words: tuple[SpokenWord, ...]
    took_s: float


class Prefix(NamedTuple):
    """What follows in a frame."""

    kind: Kind
    n_header_bytes: int
    n_samples_bytes: int


_HEADERS: Mapping[Kind, TypeAdapter[Any]] = {
    Kind.START: TypeAdapter(messages.Start),
    Kind.BATCH: TypeAdapter(_BatchHeader),
    Kind.SPEAK: TypeAdapter(Speak),
    Kind.READY: TypeAdapter(Ready),
    Kind.RESULT: TypeAdapter(Result),
    Kind.SPOKEN: TypeAdapter(_SpokenHeader),
    Kind.FAILURE: TypeAdapter(Failure),
}
_KINDS: Mapping[type, Kind] = {
    messages.Start: Kind.START,
    Speak: Kind.SPEAK,
    Ready: Kind.READY,
    Result: Kind.RESULT,
    Failure: Kind.FAILURE,
}
_WITH_SAMPLES = frozenset({Kind.BATCH, Kind.SPOKEN})


def encode(message: Order | Answer) -> bytes:
    """Return the frame of `message`.

    Raises: ProtocolError: if it is too large, or holds what is not text.
    """
    if isinstance(message, Batch):
        return _framed(Kind.BATCH, _batch_header(message), [u.samples for u in message.utterances])
    if isinstance(message, Spoken):
        return _framed(Kind.SPOKEN, _spoken_header(message), [message.piece.samples])
    return _framed(_KINDS[type(message)], message, [])


def parse_prefix(raw: bytes | bytearray) -> Prefix:
    """Return kind and lengths of the frame that begins with `raw`.

    Raises: ProtocolError: at an unknown kind, or a length beyond the limits.
    """
    letter, n_header_bytes, n_samples_bytes = _PREFIX.unpack(raw)
    try:
        kind = Kind(letter)
    except ValueError as error:
        raise ProtocolError(f"unknown message {letter!r}") from error
    _check_sizes(kind, n_header_bytes, n_samples_bytes)
    return Prefix(kind, n_header_bytes, n_samples_bytes)


def parse(kind: Kind, header: bytes | bytearray, samples: bytes | bytearray) -> Order | Answer:
    """Return the message in a frame; what it holds shares the memory of `samples`.

    Raises: ProtocolError.
    """
    try:
        message = _HEADERS[kind].validate_json(bytes(header))
    except ValidationError as error:
        complaint = error.errors(include_url=False, include_input=False)[0]
        raise ProtocolError(f"{kind.name}: {complaint['loc']}: {complaint['msg']}") from error
    if isinstance(message, _BatchHeader):
        return Batch(message.id, message.width, _utterances(message, samples))
    if isinstance(message, _SpokenHeader):
        return Spoken(message.id, _piece(message, samples), message.took_s)
    assert isinstance(message, messages.Start | Speak | Ready | Result | Failure)
    return message


def _framed(kind: Kind, header: object, samples: Sequence[Waveform]) -> bytes:
    try:
        text = _HEADERS[kind].dump_json(header)
    except ValueError as error:  # half of a surrogate pair in a prompt
        raise ProtocolError(f"{kind.name} cannot be written") from error
    n_samples_bytes = sum(part.nbytes for part in samples)
    _check_sizes(kind, len(text), n_samples_bytes)
    prefix = _PREFIX.pack(kind.value, len(text), n_samples_bytes)
    return b"".join([prefix, text, *(part.tobytes() for part in samples)])


def _check_sizes(kind: Kind, n_header_bytes: int, n_samples_bytes: int) -> None:
    max_samples_bytes = MAX_SAMPLES_BYTES if kind in _WITH_SAMPLES else 0
    if n_header_bytes > MAX_HEADER_BYTES or n_samples_bytes > max_samples_bytes:
        raise ProtocolError(f"{kind.name} of {n_header_bytes} + {n_samples_bytes} bytes")


def _batch_header(batch: Batch) -> _BatchHeader:
    if not 0 < len(batch.utterances) <= MAX_UTTERANCES:
        raise ProtocolError(f"{len(batch.utterances)} utterances in a batch")
    assert all(u.samples.dtype == _SAMPLE and u.samples.ndim == 1 for u in batch.utterances)
    return _BatchHeader(
        batch.id,
        batch.width,
        tuple(utterance.options for utterance in batch.utterances),
        tuple(len(utterance.samples) for utterance in batch.utterances),
    )


def _utterances(header: _BatchHeader, raw: bytes | bytearray) -> tuple[Utterance, ...]:
    if sum(header.n_samples) * _SAMPLE.itemsize != len(raw):
        raise ProtocolError(f"{sum(header.n_samples)} samples in {len(raw)} bytes")
    if len(header.n_samples) != len(header.options):
        raise ProtocolError(f"{len(header.n_samples)} lengths for {len(header.options)} utterances")
    samples = np.frombuffer(raw, dtype=_SAMPLE)
    ends = list(accumulate(header.n_samples))
    return tuple(
        Utterance(samples[end - n_samples : end], options)
        for end, n_samples, options in zip(ends, header.n_samples, header.options, strict=True)
    )


def _spoken_header(spoken: Spoken) -> _SpokenHeader:
    piece = spoken.piece
    assert piece.samples.dtype == _SAMPLE
    assert piece.samples.ndim == 1
    return _SpokenHeader(spoken.id, piece.sample_rate_hz, piece.speed, piece.words, spoken.took_s)


def _piece(header: _SpokenHeader, raw: bytes | bytearray) -> SpokenPiece:
    if len(raw) % _SAMPLE.itemsize:
        raise ProtocolError(f"samples in {len(raw)} bytes")
    samples = np.frombuffer(raw, dtype=_SAMPLE)
    return SpokenPiece(samples, header.sample_rate_hz, header.speed, header.words)
