"""Packs who speaks in a window into bytes, and takes from bytes nothing that is not sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

import numpy as np
from pydantic import ConfigDict, Field

from loquent.engines.host.messages import CONFIG, Analysed, Identifier
from loquent.ports import (
    FRAME_S,
    N_VOICE_DIMENSIONS,
    N_WINDOW_SPEAKERS,
    WINDOW_S,
    VoiceSpan,
    WindowVoices,
)

MAX_FRAMES = round(WINDOW_S / FRAME_S)
MAX_SPANS = 64
"""More than there are stretches of half a second, of each speaker."""

_NUMBER = np.dtype(np.float32)
_VOICE_BYTES = N_VOICE_DIMENSIONS * _NUMBER.itemsize
_BITS = 8

_Frame: TypeAlias = Annotated[int, Field(ge=0, le=MAX_FRAMES)]


@dataclass(frozen=True, slots=True)
class SpanHeader:
    """A span without its voice."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    column: Annotated[int, Field(ge=0, lt=N_WINDOW_SPEAKERS)]
    first_frame: _Frame
    end_frame: _Frame
    heard_s: Annotated[float, Field(ge=0, le=WINDOW_S)]


@dataclass(frozen=True, slots=True)
class AnalysedHeader:
    """An analysed window without its arrays; what stands here tells how many bytes they have."""

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG
    id: Identifier
    n_frames: _Frame
    spans: Annotated[tuple[SpanHeader, ...], Field(max_length=MAX_SPANS)]
    took_s: float


def max_bytes() -> int:
    """Return the most that the arrays of a window may have."""
    return MAX_SPANS * _VOICE_BYTES + _n_activity_bytes(MAX_FRAMES)


def header_of(analysed: Analysed) -> AnalysedHeader:
    """Return what is told of the arrays that `pack` packs."""
    spans = (
        SpanHeader(span.column, span.first_frame, span.end_frame, span.heard_s)
        for span in analysed.voices.spans
    )
    n_frames = len(analysed.voices.activity)
    return AnalysedHeader(analysed.id, n_frames, tuple(spans), analysed.took_s)


def pack(found: WindowVoices) -> list[bytes]:
    """Return the voices as float32, then the activity, eight to a byte."""
    assert found.activity.dtype == np.bool_
    assert all(span.vector.dtype == _NUMBER for span in found.spans)
    voices = [span.vector.tobytes() for span in found.spans]
    return [*voices, np.packbits(found.activity).tobytes()]


def unpack(header: AnalysedHeader, raw: bytes | bytearray) -> WindowVoices:
    """Return what `pack` packed; the voices share the memory of `raw`.

    Raises: ValueError: if there is more or less than the header says, a span lies outside the
        window, or a voice is no number.
    """
    n_voice_bytes = len(header.spans) * _VOICE_BYTES
    if len(raw) != n_voice_bytes + _n_activity_bytes(header.n_frames):
        raise ValueError(f"{header.n_frames} frames, {len(header.spans)} spans: {len(raw)} bytes")
    if not all(span.first_frame < span.end_frame <= header.n_frames for span in header.spans):
        raise ValueError("a span outside the window")
    voices = np.frombuffer(raw, _NUMBER, len(header.spans) * N_VOICE_DIMENSIONS)
    if not np.isfinite(voices).all():
        raise ValueError("a voice that is no number")
    bits = np.frombuffer(raw, np.uint8, offset=n_voice_bytes)
    activity = np.unpackbits(bits, count=header.n_frames * N_WINDOW_SPEAKERS)
    spans = (
        VoiceSpan(span.column, span.first_frame, span.end_frame, span.heard_s, vector)
        for span, vector in zip(header.spans, voices.reshape(-1, N_VOICE_DIMENSIONS), strict=True)
    )
    return WindowVoices(activity.reshape(-1, N_WINDOW_SPEAKERS).astype(np.bool_), tuple(spans))


def _n_activity_bytes(n_frames: int) -> int:
    return -(-n_frames * N_WINDOW_SPEAKERS // _BITS)
