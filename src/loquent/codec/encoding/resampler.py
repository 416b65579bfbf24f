"""Makes samples sound and brings them to another rate, chunk by chunk; knows no format."""

from __future__ import annotations

import numpy as np
import soxr

from loquent.codec.sound import mono
from loquent.domain.speech import Waveform

_NOTHING = np.empty(0, dtype=np.float32)
_NOTHING.flags.writeable = False


class Resampler:
    """A stream of samples at one rate in, at another one out; how it is cut changes no sample."""

    def __init__(self, source_rate_hz: int, sample_rate_hz: int) -> None:
        self._stream = (
            None
            if source_rate_hz == sample_rate_hz
            else soxr.ResampleStream(
                source_rate_hz, sample_rate_hz, 1, dtype="float32", quality="HQ"
            )
        )

    def resample(self, samples: Waveform) -> Waveform:
        """Return what is known of the output so far and was not returned before.

        Args:
            samples: what lies beyond [-1, 1] is clipped, NaN and infinities become 0.
        """
        sound = mono(samples.reshape(1, -1)) if samples.size else _NOTHING
        return sound if self._stream is None else _clipped(self._stream.resample_chunk(sound))

    def finish(self) -> Waveform:
        """Return the rest; in all, the length of the source times the ratio of rates, rounded."""
        if self._stream is None:
            return _NOTHING
        return _clipped(self._stream.resample_chunk(_NOTHING, last=True))


def _clipped(samples: Waveform) -> Waveform:
    """Undo the resampler's overshoot at steep edges."""
    return samples.clip(-1.0, 1.0)
