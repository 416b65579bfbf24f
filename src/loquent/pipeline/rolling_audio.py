"""A recording of any length of which only the part still needed is held."""

from __future__ import annotations

from collections import deque

import numpy as np

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, SpeechRegion


class RollingAudio:
    """Samples come in at the end and are let go at the start, piece by piece; none is moved."""

    def __init__(self) -> None:
        self._pieces: deque[Samples] = deque()
        self._first_sample = 0
        self._end_sample = 0

    @property
    def duration_s(self) -> float:
        """Length of everything that ever came in."""
        return self._end_sample / SAMPLE_RATE_HZ

    @property
    def held_s(self) -> float:
        """Length of what is held."""
        return (self._end_sample - self._first_sample) / SAMPLE_RATE_HZ

    def append(self, samples: Samples) -> None:
        if len(samples):
            self._pieces.append(samples)
            self._end_sample += len(samples)

    def cut(self, region: SpeechRegion) -> Samples:
        """Copy the samples of `region`, which must not have been let go."""
        begin = round(region.start_s * SAMPLE_RATE_HZ)
        end = round(region.end_s * SAMPLE_RATE_HZ)
        assert begin >= self._first_sample, "the region was let go before it was cut"
        parts = []
        at = self._first_sample
        for piece in self._pieces:
            parts.append(piece[max(0, begin - at) : max(0, end - at)])
            at += len(piece)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def release_before(self, time_s: float) -> None:
        """Let go of everything before `time_s`; memory is freed piece by piece."""
        n_released = round(time_s * SAMPLE_RATE_HZ) - self._first_sample
        while self._pieces and n_released > 0:
            first = self._pieces.popleft()
            n_first = min(n_released, len(first))
            if n_first < len(first):
                self._pieces.appendleft(first[n_first:])
            self._first_sample += n_first
            n_released -= n_first
