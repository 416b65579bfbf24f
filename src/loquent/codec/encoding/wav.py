"""Writes the header of a mono wav file; the samples after it are not its business."""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final

UNKNOWN_BYTES: Final = 0xFFFF_FFFF
"""Stands for a length that the writer did not know; players then read to the end of the file."""


class WavCoding(Enum):
    """How a wav file holds its samples. Source: mmreg.h, WAVE_FORMAT_PCM and WAVE_FORMAT_MULAW."""

    LINEAR = (1, 2)
    MULAW = (7, 1)

    @property
    def tag(self) -> int:
        return self.value[0]

    @property
    def bytes_per_sample(self) -> int:
        return self.value[1]


def wav_header(coding: WavCoding, sample_rate_hz: int, n_samples: int | None = None) -> bytes:
    """Return all that stands before the samples.

    Args:
        n_samples: None where more are still to come; every length in the header is then
            `UNKNOWN_BYTES`.
    """
    width = coding.bytes_per_sample
    layout = struct.pack(
        "<HHIIHH", coding.tag, 1, sample_rate_hz, sample_rate_hz * width, width, 8 * width
    )
    chunks = b"WAVE"
    if coding is WavCoding.LINEAR:
        chunks += _chunk(b"fmt ", layout)
    else:  # others than linear tell how much extends the layout, and how many samples there are
        n_told = UNKNOWN_BYTES if n_samples is None else n_samples
        chunks += _chunk(b"fmt ", layout + bytes(2)) + _chunk(b"fact", struct.pack("<I", n_told))
    n_bytes = None if n_samples is None else n_samples * width
    n_after = None if n_bytes is None else len(chunks) + 8 + n_bytes + n_bytes % 2
    return _start(b"RIFF", n_after) + chunks + _start(b"data", n_bytes)


def padding(coding: WavCoding, n_samples: int) -> bytes:
    """Return what makes the last chunk of a file end at an even byte, as RIFF wants it."""
    return bytes(coding.bytes_per_sample * n_samples % 2)


def _chunk(name: bytes, payload: bytes) -> bytes:
    return _start(name, len(payload)) + payload


def _start(name: bytes, n_bytes: int | None) -> bytes:
    return name + struct.pack("<I", UNKNOWN_BYTES if n_bytes is None else n_bytes)
