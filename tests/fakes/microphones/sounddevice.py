"""A `sounddevice` with one microphone at most, for a folder on PYTHONPATH.

The microphone plays the file that FAKE_MICROPHONE names, at the pace of the clock and at no other
sample rate, then it is silent. Without the variable there is none.
"""

from __future__ import annotations

import os
import threading
import wave
from collections.abc import Callable
from typing import Any

NAME = "Fake Microphone"

_SPEAKER = {"name": "Speaker", "max_input_channels": 0, "default_samplerate": 44_100.0}


class PortAudioError(Exception):
    """What PortAudio complains of."""


def query_devices(device: int | str | None = None, kind: str | None = None) -> Any:
    """Describe all devices, or the one that matches."""
    path = os.environ.get("FAKE_MICROPHONE")
    if path is None:
        if kind:
            raise PortAudioError("Error querying device -1")
        return [_SPEAKER]
    with wave.open(path) as file:
        rate_hz = float(file.getframerate())
    microphone = {"name": NAME, "max_input_channels": 1, "default_samplerate": rate_hz}
    if kind is None:
        return [_SPEAKER, microphone]
    if device not in (None, 1) and str(device).lower() not in NAME.lower():
        raise ValueError(f"No input device matching {device!r}")
    return microphone


class RawInputStream:
    """What the microphone hears."""

    def __init__(
        self,
        *,
        samplerate: int,
        blocksize: int,
        device: int | str | None,
        channels: int,
        dtype: str,
        callback: Callable[[memoryview, int, object, object], None],
        finished_callback: Callable[[], None],
    ) -> None:
        assert (channels, dtype) == (1, "int16")
        with wave.open(os.environ["FAKE_MICROPHONE"]) as file:
            if file.getframerate() != samplerate:
                raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")
            self._sound = file.readframes(file.getnframes())
        self.samplerate = float(samplerate)
        self._n_frames = blocksize
        self._callback = callback
        self._finished = finished_callback
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._is_closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _play(self) -> None:
        n_bytes, rest = 2 * self._n_frames, self._sound
        while not self._is_closed.wait(self._n_frames / self.samplerate):
            piece, rest = rest[:n_bytes].ljust(n_bytes, b"\0"), rest[n_bytes:]
            self._callback(memoryview(piece), self._n_frames, None, None)
        self._finished()
