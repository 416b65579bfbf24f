"""Makes sounds in which nobody speaks."""

from __future__ import annotations

import numpy as np

from bench.corpus import has_set, recordings
from bench.live_corpus import decoded
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples

LEVELS_DBFS = (-60, -50, -40, -30, -20)
MAINS_HZ = 50
N_HARMONICS = 6
CLICKS_PER_SECOND = 2


def unspoken(total_s: float, seed: int = 0) -> dict[str, Samples]:
    """Return about `total_s` of silence, noise, hum and clicks, and every `no_speech` recording.

    Levels are those of the root mean square against full scale.
    """
    recorded = (
        {r.path.stem: decoded(r.path) for r in recordings("no_speech")}
        if has_set("no_speech")
        else {}
    )
    recorded_s = sum(map(len, recorded.values())) / SAMPLE_RATE_HZ
    n_made = 3 + 2 * len(LEVELS_DBFS)
    n = round(max(5.0, (total_s - recorded_s) / n_made) * SAMPLE_RATE_HZ)
    chance = np.random.default_rng(seed)
    made = {"silence": np.zeros(n), "hum at -30 dBFS": _at_level(_hum(n), -30)}
    made["clicks"] = _clicks(n, chance)
    for level in LEVELS_DBFS:
        made[f"white noise at {level} dBFS"] = _at_level(chance.standard_normal(n), level)
        made[f"pink noise at {level} dBFS"] = _at_level(_pink(n, chance), level)
    return {name: sound.astype(np.float32) for name, sound in made.items()} | recorded


def _at_level(sound: np.ndarray, level_dbfs: float) -> np.ndarray:
    scale = 10 ** (level_dbfs / 20) / np.sqrt(np.mean(sound**2))
    return np.asarray(np.clip(sound * scale, -1, 1))


def _pink(n: int, chance: np.random.Generator) -> np.ndarray:
    """Return noise whose power falls as one over its frequency."""
    spectrum = np.fft.rfft(chance.standard_normal(n))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, n)


def _hum(n: int) -> np.ndarray:
    at_s = np.arange(n) / SAMPLE_RATE_HZ
    waves = [np.sin(2 * np.pi * MAINS_HZ * k * at_s) / k for k in range(1, N_HARMONICS + 1)]
    return np.asarray(np.sum(waves, axis=0))


def _clicks(n: int, chance: np.random.Generator) -> np.ndarray:
    """Return clicks of 5 ms that die away, half of full scale, at random times."""
    sound = np.zeros(n)
    length = SAMPLE_RATE_HZ // 200
    click = 0.5 * np.exp(-np.arange(length) / (length / 5)) * chance.choice((-1, 1), length)
    for begin in chance.integers(0, n - length, n * CLICKS_PER_SECOND // SAMPLE_RATE_HZ):
        sound[begin : begin + length] = click
    return sound
