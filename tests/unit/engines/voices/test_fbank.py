"""Filter banks beside those of Kaldi itself."""

from __future__ import annotations

import kaldi_native_fbank
import numpy as np
import pytest
from numpy.typing import NDArray

from loquent.domain.audio import Samples
from loquent.engines.voices.fbank import N_BINS, fbank

_CHANCE = np.random.default_rng(11)


def _kaldi(samples: Samples) -> NDArray[np.float32]:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = 16_000
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = N_BINS
    computer = kaldi_native_fbank.OnlineFbank(options)
    computer.accept_waveform(16_000, (samples * 32_768).tolist())
    computer.input_finished()
    frames = [computer.get_frame(n) for n in range(computer.num_frames_ready)]
    return np.stack(frames) if frames else np.zeros((0, N_BINS), np.float32)


def _noise(n_samples: int, loudness: float) -> Samples:
    return _CHANCE.normal(0, loudness, n_samples).astype(np.float32)


def _vowel(n_samples: int) -> Samples:
    """Return a buzz with overtones under a little noise, not centred at zero."""
    times = np.arange(n_samples) / 16_000
    overtones = np.arange(1, 30)[:, None]
    waves = np.sin(2 * np.pi * 120 * overtones * times) / overtones
    buzz: Samples = (0.1 * waves.sum(axis=0) + 0.05).astype(np.float32)
    return buzz + _noise(n_samples, 1e-3)


@pytest.mark.parametrize(
    "samples",
    [_noise(160_000, 0.1), _noise(16_000, 1e-5), _vowel(32_000), np.zeros(16_000, np.float32),
     np.clip(_noise(16_000, 3.0), -1, 1)],
    ids=["noise", "faint", "vowel", "silence", "clipped"],
)  # fmt: skip
def test_bands_are_those_of_kaldi(samples: Samples) -> None:
    ours, theirs = fbank(samples), _kaldi(samples)
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 2e-3
    assert np.abs(ours - theirs).mean() < 2e-5


@pytest.mark.parametrize("n_samples", [0, 1, 399, 400, 559, 560, 719, 720])
def test_frames_that_are_not_filled_are_left_out(n_samples: int) -> None:
    samples = _noise(n_samples, 0.1)
    assert fbank(samples).shape == _kaldi(samples).shape


def test_the_samples_stay_as_they_are() -> None:
    samples = _noise(1_600, 0.1)
    before = samples.copy()
    fbank(samples)
    assert np.array_equal(samples, before)
