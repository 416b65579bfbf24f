"""Frames what an engine's child and its parent tell each other; runs no code that either supplies.

A frame is a prefix of kind and lengths, a header in JSON, and arrays as they are: samples as raw
float32, those of all utterances one behind the other, or who speaks in a window.
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

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, SpeechRegion
from loquent.domain.speech import SpokenWord
from loquent.engines.batch import Utterance, Width
from loquent.engines.host import messages, window_voices
from loquent.engines.host.messages import (
    CONFIG,
    MAX_UTTERANCES,
    Analyse,
    Analysed,
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
from loquent.engines.host.window_voices import AnalysedHeader
from loquent.ports import WINDOW_S, RecognitionOptions, SpokenPiece, WindowVoices

MAX_HEADER_BYTES = 8 << 20
"""Room for 64 recognitions with the times and scores of every token, several times over."""

MAX_SAMPLES_BYTES = MAX_UTTERANCES * 30 * 16_000 * 4
"""64 utterances of 30 s at 16 kHz; ten minutes of speech, far more than a piece may be."""

MAX_WINDOW_BYTES = round(WINDOW_S * SAMPLE_RATE_HZ) * 4

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
    ANALYSE = b"V"
    READY = b"R"
    RESULT = b"A"
    SPOKEN = b"W"
    ANALYSED = b"D"
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


@dataclass(frozen=True, slots=True)
class _AnalyseHeader:
    """A window without its samples."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Identifier
    wanted: SpeechRegion


class Prefix(NamedTuple):
    """What follows in a frame."""

    kind: Kind
    n_header_bytes: int
    n_array_bytes: int


_HEADERS: Mapping[Kind, TypeAdapter[Any]] = {
    Kind.START: TypeAdapter(messages.Start),
    Kind.BATCH: TypeAdapter(_BatchHeader),
    Kind.SPEAK: TypeAdapter(Speak),
    Kind.ANALYSE: TypeAdapter(_AnalyseHeader),
    Kind.READY: TypeAdapter(Ready),
    Kind.RESULT: TypeAdapter(Result),
    Kind.SPOKEN: TypeAdapter(_SpokenHeader),
    Kind.ANALYSED: TypeAdapter(AnalysedHeader),
    Kind.FAILURE: TypeAdapter(Failure),
}
_KINDS: Mapping[type, Kind] = {
    messages.Start: Kind.START,
    Speak: Kind.SPEAK,
    Ready: Kind.READY,
    Result: Kind.RESULT,
    Failure: Kind.FAILURE,
}
_MAX_ARRAY_BYTES: Mapping[Kind, int] = {
    Kind.BATCH: MAX_SAMPLES_BYTES,
    Kind.SPOKEN: MAX_SAMPLES_BYTES,
    Kind.ANALYSE: MAX_WINDOW_BYTES,
    Kind.ANALYSED: window_voices.max_bytes(),
}
"""Of kinds that have arrays behind their header."""


def encode(message: Order | Answer) -> bytes:
    """Return the frame of `message`.

    Raises: ProtocolError: if it is too large, or holds what is not text.
    """
    match message:
        case Batch(_, _, utterances):
            arrays = [_packed(utterance.samples) for utterance in utterances]
            return _framed(Kind.BATCH, _batch_header(message), arrays)
        case Spoken(_, piece, _):
            return _framed(Kind.SPOKEN, _spoken_header(message), [_packed(piece.samples)])
        case Analyse(identifier, samples, wanted):
            return _framed(Kind.ANALYSE, _AnalyseHeader(identifier, wanted), [_packed(samples)])
        case Analysed(_, voices, _):
            arrays = window_voices.pack(voices)
            return _framed(Kind.ANALYSED, window_voices.header_of(message), arrays)
    return _framed(_KINDS[type(message)], message, [])


def parse_prefix(raw: bytes | bytearray) -> Prefix:
    """Return kind and lengths of the frame that begins with `raw`.

    Raises: ProtocolError: at an unknown kind, or a length beyond the limits.
    """
    letter, n_header_bytes, n_array_bytes = _PREFIX.unpack(raw)
    try:
        kind = Kind(letter)
    except ValueError as error:
        raise ProtocolError(f"unknown message {letter!r}") from error
    _check_sizes(kind, n_header_bytes, n_array_bytes)
    return Prefix(kind, n_header_bytes, n_array_bytes)


def parse(kind: Kind, header: bytes | bytearray, arrays: bytes | bytearray) -> Order | Answer:
    """Return the message in a frame; what it holds shares the memory of `arrays`.

    Raises: ProtocolError.
    """
    try:
        message = _HEADERS[kind].validate_json(bytes(header))
    except ValidationError as error:
        complaint = error.errors(include_url=False, include_input=False)[0]
        raise ProtocolError(f"{kind.name}: {complaint['loc']}: {complaint['msg']}") from error
    match message:
        case _BatchHeader(identifier, width):
            return Batch(identifier, width, _utterances(message, arrays))
        case _SpokenHeader(identifier):
            return Spoken(identifier, _piece(message, arrays), message.took_s)
        case _AnalyseHeader(identifier, wanted):
            return Analyse(identifier, _samples(arrays), wanted)
        case AnalysedHeader(identifier):
            return Analysed(identifier, _voices(message, arrays), message.took_s)
    assert isinstance(message, messages.Start | Speak | Ready | Result | Failure)
    return message


def _framed(kind: Kind, header: object, arrays: Sequence[bytes]) -> bytes:
    try:
        text = _HEADERS[kind].dump_json(header)
    except ValueError as error:  # half of a surrogate pair in a prompt
        raise ProtocolError(f"{kind.name} cannot be written") from error
    n_array_bytes = sum(map(len, arrays))
    _check_sizes(kind, len(text), n_array_bytes)
    prefix = _PREFIX.pack(kind.value, len(text), n_array_bytes)
    return b"".join([prefix, text, *arrays])


def _check_sizes(kind: Kind, n_header_bytes: int, n_array_bytes: int) -> None:
    if n_header_bytes > MAX_HEADER_BYTES or n_array_bytes > _MAX_ARRAY_BYTES.get(kind, 0):
        raise ProtocolError(f"{kind.name} of {n_header_bytes} + {n_array_bytes} bytes")


def _batch_header(batch: Batch) -> _BatchHeader:
    if not 0 < len(batch.utterances) <= MAX_UTTERANCES:
        raise ProtocolError(f"{len(batch.utterances)} utterances in a batch")
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
    samples = _samples(raw)
    ends = list(accumulate(header.n_samples))
    return tuple(
        Utterance(samples[end - n_samples : end], options)
        for end, n_samples, options in zip(ends, header.n_samples, header.options, strict=True)
    )


def _spoken_header(spoken: Spoken) -> _SpokenHeader:
    piece = spoken.piece
    return _SpokenHeader(spoken.id, piece.sample_rate_hz, piece.speed, piece.words, spoken.took_s)


def _piece(header: _SpokenHeader, raw: bytes | bytearray) -> SpokenPiece:
    return SpokenPiece(_samples(raw), header.sample_rate_hz, header.speed, header.words)


def _voices(header: AnalysedHeader, raw: bytes | bytearray) -> WindowVoices:
    try:
        return window_voices.unpack(header, raw)
    except ValueError as error:
        raise ProtocolError(f"ANALYSED: {error}") from error


def _packed(samples: Samples) -> bytes:
    assert samples.dtype == _SAMPLE
    assert samples.ndim == 1
    raw: bytes = samples.tobytes()
    return raw


def _samples(raw: bytes | bytearray) -> Samples:
    if len(raw) % _SAMPLE.itemsize:
        raise ProtocolError(f"samples in {len(raw)} bytes")
    return np.frombuffer(raw, dtype=_SAMPLE)
