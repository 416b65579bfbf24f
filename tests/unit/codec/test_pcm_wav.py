"""Plain wav files are as long as a decoder finds them, without one."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from loquent.codec.pcm_wav import pcm_length_s

RATE_HZ = 8_000


def chunk(name: bytes, content: bytes, n_bytes: int | None = None) -> bytes:
    size = len(content) if n_bytes is None else n_bytes
    return name + struct.pack("<I", size) + content + b"\0" * (len(content) % 2)


def form(kind: int = 1, n_channels: int = 2, n_bits: int = 16, frame_bytes: int = 4) -> bytes:
    rates = (RATE_HZ, RATE_HZ * frame_bytes)
    return struct.pack("<HHIIHH", kind, n_channels, *rates, frame_bytes, n_bits)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


SOUND = np.zeros(2 * RATE_HZ, np.int16).tobytes()  # one second on two channels


@pytest.mark.parametrize(
    ("content", "length_s"),
    [
        (riff(chunk(b"fmt ", form()), chunk(b"data", SOUND)), 1.0),
        (riff(chunk(b"LIST", b"odd"), chunk(b"fmt ", form()), chunk(b"data", SOUND)), 1.0),
        (riff(chunk(b"fmt ", form() + b"\0\0"), chunk(b"data", SOUND)), 1.0),
        (riff(chunk(b"fmt ", form()), chunk(b"data", SOUND, 0xFFFFFFFF)), 1.0),
        (riff(chunk(b"fmt ", form()), chunk(b"data", SOUND + b"\1\1\1")), 1.0),
        (riff(chunk(b"fmt ", form(3, 1, 32)), chunk(b"data", SOUND)), 1.0),
        (riff(chunk(b"fmt ", form(17, 1, 4, 1)), chunk(b"data", SOUND)), None),
        (riff(chunk(b"fmt ", form(frame_bytes=3)), chunk(b"data", SOUND)), None),
        (riff(chunk(b"data", SOUND)), None),
        (riff(chunk(b"fmt ", form())), None),
        (riff(chunk(b"fmt ", b"short")), None),
        (b"RIFF", None),
        (b"OggS" + bytes(60), None),
        (b"", None),
    ],
)
def test_the_length_is_that_of_the_samples_that_are_there(
    content: bytes, length_s: float | None, tmp_path: Path
) -> None:
    file = tmp_path / "sound"
    file.write_bytes(content)
    assert pcm_length_s(file) == length_s
