"""Rounds samples to the integers that files hold; knows no file."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from loquent.domain.speech import Waveform

Integers: TypeAlias = npt.NDArray[np.int16]

_FULL_SCALE: Final = np.float32(32_768.0)

# Source of the three: ITU-T G.711, table 2a, whose 14-bit values are taken times four.
_MULAW_BIAS: Final = 132
_MULAW_MAX: Final = 32_635
_MULAW_SEGMENT_BITS: Final = 8
"""Length of the smallest biased magnitude, 132, in bits: where segment 0 begins."""


def rounded(samples: Waveform) -> Integers:
    """Round to 16 bits, halves to even and without dither; what decoding scales back exactly.

    Args:
        samples: in [-1, 1]; 1.0 becomes 32767, the loudest there is.
    """
    integers: Integers = np.rint(samples * _FULL_SCALE).clip(-32_768, 32_767).astype("<i2")
    return integers


def linear_bytes(samples: Waveform) -> bytes:
    """Return `samples` as 16-bit little-endian integers."""
    return rounded(samples).tobytes()


def mulaw_bytes(samples: Waveform) -> bytes:
    """Return `samples` as mu-law, a byte each."""
    return mulaw(rounded(samples)).tobytes()


def mulaw(integers: Integers) -> npt.NDArray[np.uint8]:
    """Compress 16-bit integers to sign, segment and step, all bits inverted.

    Source: ITU-T G.711, table 2a; the sign of zero is positive.
    """
    biased = np.minimum(np.abs(integers.astype(np.int32)), _MULAW_MAX) + _MULAW_BIAS
    _, n_bits = np.frexp(biased)
    segment = n_bits - _MULAW_SEGMENT_BITS
    step = biased >> (segment + 3) & 0xF
    sign = np.where(integers < 0, 0x80, 0)
    code: npt.NDArray[np.uint8] = (~(sign | segment << 4 | step) & 0xFF).astype(np.uint8)
    return code
