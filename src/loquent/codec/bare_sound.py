"""From bare bytes of one channel, cut anywhere, to samples; knows no container and no session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from loquent.codec.encoding.resampler import Resampler
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.domain.live import SoundEncoding, SoundFormat

_Bytes = npt.NDArray[np.uint8]


def _mulaw_table() -> Samples:
    """Return the value of each code. Source: ITU-T G.711, mu-law."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4 & 7).astype(np.int32)
    magnitude = ((code & 15).astype(np.int32) * 2 + 33 << exponent) - 33
    value = np.where(code & 128, -magnitude, magnitude) * 4
    return (value / 32768).astype(np.float32)


def _alaw_table() -> Samples:
    """Return the value of each code. Source: ITU-T G.711, A-law."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = (code >> 4 & 7).astype(np.int32)
    mantissa = (code & 15).astype(np.int32) * 2 + 1
    magnitude = np.where(exponent == 0, mantissa, mantissa + 32 << np.maximum(exponent - 1, 0))
    value = np.where(code & 128, magnitude, -magnitude) * 8
    return (value / 32768).astype(np.float32)


_MULAW, _ALAW = _mulaw_table(), _alaw_table()


@dataclass(frozen=True, slots=True)
class _Reading:
    """How samples of an encoding are read: their size in bytes, and what they mean."""

    n_bytes: int
    samples: Callable[[_Bytes], Samples]


_READINGS: Mapping[SoundEncoding, _Reading] = MappingProxyType(
    {
        SoundEncoding.PCM_S16LE: _Reading(
            2, lambda raw: raw.view("<i2").astype(np.float32) / np.float32(32768)
        ),
        SoundEncoding.PCM_F32LE: _Reading(4, lambda raw: raw.view("<f4").astype(np.float32)),
        SoundEncoding.PCM_MULAW: _Reading(1, lambda raw: _MULAW[raw]),
        SoundEncoding.PCM_ALAW: _Reading(1, lambda raw: _ALAW[raw]),
    }
)


class BareSound:
    """A stream of bytes in, mono samples at one rate out; how it is cut changes no sample."""

    def __init__(self, sound: SoundFormat, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
        """Take what the bytes mean, and the rate of the samples."""
        self._reading = _READINGS[sound.encoding]
        self._resampler = Resampler(sound.sample_rate_hz, sample_rate_hz)
        self._odd = b""

    def push(self, sound: bytes) -> Samples:
        """Return what is known of the samples so far and was not returned before.

        What lies beyond [-1, 1] is clipped, NaN and infinities become 0.
        """
        raw = self._odd + sound
        n_whole = len(raw) // self._reading.n_bytes * self._reading.n_bytes
        self._odd = raw[n_whole:]
        samples = self._reading.samples(np.frombuffer(raw, dtype=np.uint8, count=n_whole))
        return self._resampler.resample(samples)

    def finish(self) -> Samples:
        """Return the rest; bytes that fill no sample are dropped."""
        return self._resampler.finish()
