"""A `pyaudio` with one microphone, for a folder on PYTHONPATH.

The microphone plays the file that FAKE_MICROPHONE names, at the pace of the clock, and is silent
after it.
"""

from __future__ import annotations

import os
import time
import wave

paInt16 = 8  # noqa: N816 - the package's own name


class PyAudio:
    """Opens the microphone."""

    def open(
        self,
        *,
        format: int,  # noqa: A002 - the package's own name
        channels: int,
        rate: int,
        input: bool,  # noqa: A002 - the package's own name
        frames_per_buffer: int,
    ) -> _Stream:
        assert (format, channels, input) == (paInt16, 1, True)
        assert frames_per_buffer > 0
        return _Stream(rate)


class _Stream:
    """What the microphone hears, from the first read on."""

    def __init__(self, rate_hz: int) -> None:
        with wave.open(os.environ["FAKE_MICROPHONE"]) as file:
            assert file.getparams()[:3] == (1, 2, rate_hz)
            self._rest: bytes = file.readframes(file.getnframes())
        self._rate_hz = rate_hz
        self._began_s = 0.0
        self._n_frames = 0

    def read(self, n_frames: int) -> bytes:
        """Wait until the next frames have been spoken."""
        self._began_s = self._began_s or time.monotonic()
        self._n_frames += n_frames
        due_s = self._began_s + self._n_frames / self._rate_hz
        time.sleep(max(0.0, due_s - time.monotonic()))
        piece, self._rest = self._rest[: 2 * n_frames], self._rest[2 * n_frames :]
        return piece.ljust(2 * n_frames, b"\0")
