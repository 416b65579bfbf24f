"""Runs kokoro-onnx on our weights, where it is installed: `pip install kokoro-onnx==0.6.1`."""

from __future__ import annotations

import importlib
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

VOICE = "af_heart"


class KokoroPeer:
    """The peer, loaded with one voice."""

    def __init__(self, folder: Path) -> None:
        library: Any = importlib.import_module("kokoro_onnx")
        voice = np.fromfile(folder / "voices" / f"{VOICE}.bin", np.float32).reshape(-1, 1, 256)
        with tempfile.TemporaryDirectory() as scratch:
            voices = Path(scratch) / "voices.npz"
            np.savez(voices, voice)
            self._kokoro = library.Kokoro(str(folder / "model.onnx"), str(voices))
            self._kokoro.voices = {VOICE: voice}

    def speak(self, text: str) -> tuple[float, float]:
        """Return how long it took, and how long the sound is, in seconds."""
        began_s = time.perf_counter()
        samples, rate_hz = self._kokoro.create(text, voice=VOICE, lang="en-us")
        return time.perf_counter() - began_s, len(samples) / rate_hz
