"""Tell the length of an uncompressed wav file by its bytes, as a decoder would count it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

_INTEGERS: Final = 1
_FLOATS: Final = 3
_RIFF_HEAD_BYTES: Final = 12
_CHUNK_HEAD_BYTES: Final = 8
_FORMAT_BYTES: Final = 16
_MAX_CHUNKS: Final = 32


def pcm_length_s(path: Path) -> float | None:
    """Return how long the samples of a plain wav file last, None where only a decoder can tell."""
    with path.open("rb") as file:
        head = file.read(_RIFF_HEAD_BYTES)
        if len(head) < _RIFF_HEAD_BYTES or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        n_file_bytes = path.stat().st_size
        return _length_s(file, n_file_bytes)


def _length_s(file: BinaryIO, n_file_bytes: int) -> float | None:
    bytes_per_s = frame_bytes = 0
    for _ in range(_MAX_CHUNKS):
        chunk = file.read(_CHUNK_HEAD_BYTES)
        if len(chunk) < _CHUNK_HEAD_BYTES:
            return None
        name, n_bytes = struct.unpack("<4sI", chunk)
        if name == b"data":
            there = min(n_bytes, n_file_bytes - file.tell())  # streams say more than there is
            return there // frame_bytes * frame_bytes / bytes_per_s if bytes_per_s else None
        if name == b"fmt ":
            bytes_per_s, frame_bytes = _rates(file.read(_FORMAT_BYTES))
            n_bytes -= _FORMAT_BYTES
        file.seek(max(0, n_bytes) + n_bytes % 2, 1)
    return None


def _rates(form: bytes) -> tuple[int, int]:
    """Return bytes a second and bytes of a sample of all channels, zeros where they do not fit."""
    if len(form) < _FORMAT_BYTES:
        return 0, 0
    kind, n_channels, rate_hz, _, frame_bytes, n_bits = struct.unpack("<HHIIHH", form)
    is_plain = kind in {_INTEGERS, _FLOATS} and n_bits % 8 == 0
    if not is_plain or frame_bytes != n_channels * n_bits // 8 or not frame_bytes:
        return 0, 0
    return rate_hz * frame_bytes, frame_bytes
