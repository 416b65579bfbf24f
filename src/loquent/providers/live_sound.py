"""From a caller's bytes to frames of sound as a provider takes them; knows no session."""

from __future__ import annotations

import numpy as np

from loquent.codec.bare_sound import BareSound
from loquent.domain.audio import Samples
from loquent.domain.live import SoundFormat

FRAME_S = 0.05
"""Sound is sent in frames of at least this length, so that no caller pays for tiny ones."""

MAX_FRAME_S = 0.5
"""Of sound that comes faster than it is spoken."""

_SAMPLE_BYTES = 2


class VendorSound:
    """A stream of bytes in, frames of 16-bit samples out; how it is cut changes no sample.

    Args:
        least_frame_s: no frame is shorter, and so as much is held back for the last one.
    """

    def __init__(self, sound: SoundFormat, sample_rate_hz: int, least_frame_s: float) -> None:
        self._sound = BareSound(sound, sample_rate_hz)
        self._sample_rate_hz = sample_rate_hz
        self._frame_bytes = self._n_bytes(FRAME_S)
        self._most_bytes = self._n_bytes(MAX_FRAME_S)
        self._least_bytes = self._n_bytes(least_frame_s)
        self._waiting = bytearray()
        self._n_sent_bytes = 0

    @property
    def sent_s(self) -> float:
        """How much sound is in the frames that were returned."""
        return self._n_sent_bytes / _SAMPLE_BYTES / self._sample_rate_hz

    def push(self, sound: bytes) -> list[bytes]:
        """Return the frames that are full now."""
        self._take_in(self._sound.push(sound))
        frames = []
        while len(self._waiting) >= self._frame_bytes + self._least_bytes:
            n_bytes = min(self._most_bytes, len(self._waiting) - self._least_bytes)
            frames.append(self._take_out(n_bytes))
        return frames

    def flush(self) -> list[bytes]:
        """Return what waits, unless it is too short for a frame."""
        n_bytes = len(self._waiting)
        if n_bytes < max(self._least_bytes, _SAMPLE_BYTES):
            return []
        return [self._take_out(n_bytes)]

    def finish(self) -> list[bytes]:
        """Return the rest, filled up with silence where it is too short for a frame."""
        self._take_in(self._sound.finish())
        if self._waiting:
            self._waiting += bytes(max(0, self._least_bytes - len(self._waiting)))
        frames = []
        while len(self._waiting) >= self._most_bytes + self._least_bytes:
            frames.append(self._take_out(self._most_bytes))
        return [*frames, *self.flush()]

    def _take_in(self, samples: Samples) -> None:
        self._waiting += _pcm(samples)

    def _take_out(self, n_bytes: int) -> bytes:
        frame = bytes(self._waiting[:n_bytes])
        del self._waiting[:n_bytes]
        self._n_sent_bytes += n_bytes
        return frame

    def _n_bytes(self, duration_s: float) -> int:
        return round(duration_s * self._sample_rate_hz) * _SAMPLE_BYTES


def _pcm(samples: Samples) -> bytes:
    """Return samples of [-1, 1] in 16 bits; those that were 16 bits wide are the same again."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()
