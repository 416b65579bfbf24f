"""Computes Kaldi's filter banks: how loud 80 bands are, 100 times a second; knows no model."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples

N_BINS: Final = 80
FRAME_SAMPLES: Final = 400
HOP_SAMPLES: Final = 160
"""Frames of 25 ms every 10 ms. Source: FbankOptions of Kaldi's feat/feature-fbank.h."""

Floats: TypeAlias = NDArray[np.floating]

_FULL_SCALE: Final = 32_768.0
_PREEMPHASIS: Final = 0.97
_FFT_SAMPLES: Final = 512
_LOWEST_HZ: Final = 20.0
_FLOOR: Final = float(np.finfo(np.float32).eps)


def fbank(samples: Samples) -> NDArray[np.float32]:
    """Return the logarithms of the bands' energies, without dither.

    Args:
        samples: mono, 16 kHz, range [-1, 1].
    Returns: shape (n_frames, 80); frames that the samples do not fill are left out.
    Source: Kaldi's feat/feature-window.cc and feat/mel-computations.cc.
    """
    if len(samples) < FRAME_SAMPLES:
        return np.zeros((0, N_BINS), np.float32)
    frames = sliding_window_view(samples, FRAME_SAMPLES)[::HOP_SAMPLES] * np.float32(_FULL_SCALE)
    frames -= frames.mean(axis=1, keepdims=True)
    emphasised = frames * np.float32(1 - _PREEMPHASIS)
    emphasised[:, 1:] = frames[:, 1:] - np.float32(_PREEMPHASIS) * frames[:, :-1]
    spectrum = np.fft.rfft(emphasised * _WINDOW, _FFT_SAMPLES)[:, :-1]
    energies = (spectrum.real**2 + spectrum.imag**2) @ _BANDS
    logarithms: NDArray[np.float32] = np.log(np.maximum(energies, _FLOOR))
    return logarithms


def _mel(frequencies_hz: Floats) -> Floats:
    mels: Floats = 1127.0 * np.log1p(frequencies_hz / 700.0)
    return mels


def _bands() -> NDArray[np.float32]:
    """Return how much each frequency counts in each band, shape (256, 80)."""
    half = _FFT_SAMPLES // 2
    lowest, highest = _mel(np.array([_LOWEST_HZ, SAMPLE_RATE_HZ / 2]))
    edges = np.linspace(lowest, highest, N_BINS + 2)
    step = edges[1] - edges[0]
    mels = _mel(np.arange(half) * (SAMPLE_RATE_HZ / _FFT_SAMPLES))[:, None]
    rising, falling = (mels - edges[:-2]) / step, (edges[2:] - mels) / step
    bands: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return bands.astype(np.float32)


def _window() -> NDArray[np.float32]:
    """Return Kaldi's "povey" window."""
    turns = np.arange(FRAME_SAMPLES) / (FRAME_SAMPLES - 1)
    return ((0.5 - 0.5 * np.cos(2 * np.pi * turns)) ** 0.85).astype(np.float32)


_BANDS: Final = _bands()
_WINDOW: Final = _window()
