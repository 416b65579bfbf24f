"""Frames what an engine's child and its parent tell each other; runs no code that either supplies.

A frame is a prefix of kind and lengths, a header in JSON, and the samples of all utterances, one
behind the other, as raw float32.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from typing import Annotated, Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from loquent.domain.audio import Samples
from loquent.domain.errors import EngineError, ModelLoadError
from loquent.engines.batch import Utterance, Width
from loquent.engines.host.readers import ReaderAddress, Scalar
from loquent.ports import Recognition, RecognitionOptions

MAX_UTTERANCES = 64
MAX_HEADER_BYTES = 8 << 20
"""Room for 64 recognitions with the times and scores of every token, several times over."""

MAX_SAMPLES_BYTES = MAX_UTTERANCES * 30 * 16_000 * 4
"""64 utterances of 30 s at 16 kHz."""

MAX_MESSAGE_CHARACTERS = 2_000

UNEXPECTED = "unexpected"
"""Code of an exception that no rule foresaw; the message names its type."""

_PREFIX = struct.Struct("!cII")
PREFIX_BYTES = _PREFIX.size
_SAMPLE = np.dtype(np.float32)
_ERRORS: Mapping[str | None, type[EngineError]] = {
    error.code: error for error in (EngineError, ModelLoadError)
}
_CONFIG = ConfigDict(
    strict=True,
    extra="forbid",
    ser_json_bytes="base64",
    val_json_bytes="base64",
    ser_json_inf_nan="constants",  # the log probability of nothing at all is not a number
)

Identifier: TypeAlias = Annotated[int, Field(ge=0)]


class ProtocolError(Exception):
    """A message that no sound peer sends, or one that is too large to send."""


class Kind(Enum):
    """The first byte of a frame."""

    START = b"S"
    BATCH = b"B"
    READY = b"R"
    RESULT = b"A"
    FAILURE = b"F"


@dataclass(frozen=True, slots=True)
class Start:
    """To the child, once, before all else: which weights to load."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG
    address: ReaderAddress
    folder: str
    options: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Batch:
    """To the child: recognise utterances of one `batch_key`."""

    id: int
    width: Width
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """From the child, once: the weights are loaded."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG
    n_workers: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True)
class Result:
    """From the child: a batch is done, in `took_s` seconds of its own."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG
    id: Identifier
    recognitions: Annotated[tuple[Recognition, ...], Field(max_length=MAX_UTTERANCES)]
    took_s: float


@dataclass(frozen=True, slots=True)
class Failure:
    """From the child: a batch failed, or the start where `id` is None."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG
    id: Identifier | None
    code: str
    message: str

    def to_error(self) -> EngineError:
        """Return what the child raised."""
        if self.code == UNEXPECTED:
            return EngineError("The model failed at this recording.")
        return _ERRORS.get(self.code, EngineError)(self.message)


Order: TypeAlias = Start | Batch
Answer: TypeAlias = Ready | Result | Failure


@dataclass(frozen=True, slots=True)
class _BatchHeader:
    """A batch without its samples."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG
    id: Identifier
    width: Width
    options: Annotated[
        tuple[RecognitionOptions, ...], Field(min_length=1, max_length=MAX_UTTERANCES)
    ]
    n_samples: tuple[Annotated[int, Field(ge=0)], ...]


class Prefix(NamedTuple):
    """What follows in a frame."""

    kind: Kind
    n_header_bytes: int
    n_samples_bytes: int


_HEADERS: Mapping[Kind, TypeAdapter[Any]] = {
    Kind.START: TypeAdapter(Start),
    Kind.BATCH: TypeAdapter(_BatchHeader),
    Kind.READY: TypeAdapter(Ready),
    Kind.RESULT: TypeAdapter(Result),
    Kind.FAILURE: TypeAdapter(Failure),
}
_KINDS: Mapping[type, Kind] = {
    Start: Kind.START,
    Ready: Kind.READY,
    Result: Kind.RESULT,
    Failure: Kind.FAILURE,
}


def encode(message: Order | Answer) -> bytes:
    """Return the frame of `message`.

    Raises: ProtocolError: if it is too large, or holds what is not text.
    """
    if isinstance(message, Batch):
        return _framed(Kind.BATCH, _batch_header(message), [u.samples for u in message.utterances])
    return _framed(_KINDS[type(message)], message, [])


def failure_of(error: Exception, identifier: int | None) -> Failure:
    """Tell the parent of `error`; of one that no rule foresaw, its type alone."""
    if isinstance(error, EngineError):
        return Failure(identifier, str(error.code), error.message[:MAX_MESSAGE_CHARACTERS])
    return Failure(identifier, UNEXPECTED, type(error).__name__)


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
    """Return the message in a frame; utterances share the memory of `samples`.

    Raises: ProtocolError.
    """
    try:
        message = _HEADERS[kind].validate_json(bytes(header))
    except ValidationError as error:
        complaint = error.errors(include_url=False, include_input=False)[0]
        raise ProtocolError(f"{kind.name}: {complaint['loc']}: {complaint['msg']}") from error
    if isinstance(message, _BatchHeader):
        return Batch(message.id, message.width, _utterances(message, samples))
    assert isinstance(message, Start | Ready | Result | Failure)
    return message


def _framed(kind: Kind, header: object, samples: Sequence[Samples]) -> bytes:
    try:
        text = _HEADERS[kind].dump_json(header)
    except ValueError as error:  # half of a surrogate pair in a prompt
        raise ProtocolError(f"{kind.name} cannot be written") from error
    n_samples_bytes = sum(part.nbytes for part in samples)
    _check_sizes(kind, len(text), n_samples_bytes)
    prefix = _PREFIX.pack(kind.value, len(text), n_samples_bytes)
    return b"".join([prefix, text, *(part.tobytes() for part in samples)])


def _check_sizes(kind: Kind, n_header_bytes: int, n_samples_bytes: int) -> None:
    max_samples_bytes = MAX_SAMPLES_BYTES if kind is Kind.BATCH else 0
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
