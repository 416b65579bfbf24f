"""Tell at a glance what a recording is and about how long; for choosing who works on it.

A header may lie: nothing is billed and nothing refused for good by what is seen here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from loquent.codec.sniff import sniff
from loquent.domain.audio import AudioSource
from loquent.domain.errors import LoquentError

_BYTES_PER_S: Final[Mapping[str, float]] = MappingProxyType(
    {
        "flac": 32_000.0,
        "wav": 32_000.0,
        "w64": 32_000.0,
        "aiff": 88_200.0,
        "au": 8_000.0,
        "amr": 1_500.0,
        "ogg": 4_000.0,
        "matroska": 4_000.0,
        "mov": 12_000.0,
        "aac": 12_000.0,
        "mp3": 12_000.0,
    }
)
"""What speech usually takes, by container."""

_USUAL_BYTES_PER_S: Final = 12_000.0
_RIFF_HEAD_BYTES: Final = 12
_MAX_CHUNKS: Final = 16


@dataclass(frozen=True, slots=True)
class Glance:
    """What a recording seems to be.

    Attributes:
        container: its name as `sniff` tells it, "" where it is none that we know.
        audio_s: about how long it lasts, by the rate of bytes that it states or that is usual.
    """

    container: str
    audio_s: float


def glance(source: AudioSource) -> Glance:
    """Look at the beginning of a recording."""
    with source.path.open("rb") as file:
        try:
            container = sniff(file)
        except LoquentError:
            return Glance("", source.n_bytes / _USUAL_BYTES_PER_S)
        bytes_per_s = _BYTES_PER_S.get(container, _USUAL_BYTES_PER_S)
        if container == "wav":
            file.seek(0)
            bytes_per_s = _stated_bytes_per_s(file.read(4_096)) or bytes_per_s
    return Glance(container, source.n_bytes / bytes_per_s)


def _stated_bytes_per_s(head: bytes) -> float:
    """Read the byte rate in the `fmt ` chunk of a RIFF file, 0 where there is none."""
    order = ">" if head.startswith(b"RIFX") else "<"
    at = _RIFF_HEAD_BYTES
    for _ in range(_MAX_CHUNKS):
        if len(head) < at + 20:
            return 0.0
        name, n_bytes = struct.unpack_from(f"{order}4sI", head, at)
        if name == b"fmt ":
            return float(struct.unpack_from(f"{order}I", head, at + 16)[0])
        at += 8 + n_bytes + n_bytes % 2
    return 0.0
