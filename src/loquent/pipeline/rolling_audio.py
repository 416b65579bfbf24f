"""A recording of any length of which only the part still needed is held."""

from __future__ import annotations

import numpy as np

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, SpeechRegion


class RollingAudio:
    """Samples come in at the end and are let go at the start."""

    def __init__(self) -> None:
        self._first_sample = 0
        self._held: Samples = np.zeros(0, dtype=np.float32)

    @property
    def duration_s(self) -> float:
        """Length of everything that ever came in."""
        return (self._first_sample + len(self._held)) / SAMPLE_RATE_HZ

    def append(self, samples: Samples) -> None:
        self._held = np.concatenate([self._held, samples])

    def cut(self, region: SpeechRegion) -> Samples:
        """Copy the samples of `region`, which must not have been let go."""
        begin = round(region.start_s * SAMPLE_RATE_HZ) - self._first_sample
        end = round(region.end_s * SAMPLE_RATE_HZ) - self._first_sample
        assert begin >= 0, "the region was let go before it was cut"
        return self._held[begin:end].copy()

    def release_before(self, time_s: float) -> None:
        """Let go of everything before `time_s`."""
        n_released = round(time_s * SAMPLE_RATE_HZ) - self._first_sample
        if n_released > 0:
            self._held = self._held[n_released:].copy()
            self._first_sample += n_released
