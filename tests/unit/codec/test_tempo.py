"""Speech at another tempo is as much shorter or longer, at its own pitch and loudness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.codec.tempo import at_tempo
from loquent.domain.speech import Waveform
from loquent.pipeline.joins import TAIL_S
from tests.unit.codec.recordings import tone

RATE_HZ = 24_000
TEMPI = (0.5, 0.75, 0.9, 1.25, 1.5, 2.0, 3.0, 4.0)


def pitch_hz(samples: Waveform) -> float:
    """Return the frequency that is loudest."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * RATE_HZ / len(samples))


def rms(samples: Waveform) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12_000), st.floats(0.5, 4.0))
def test_the_length_is_divided_by_the_tempo(n_samples: int, tempo: float) -> None:
    samples = tone(0.5, RATE_HZ, 220.0)[:n_samples]
    stretched = at_tempo(samples, RATE_HZ, tempo)
    assert len(stretched) == round(n_samples / tempo)
    assert stretched.dtype == np.float32
    assert stretched.ndim == 1


@pytest.mark.parametrize("tempo", TEMPI)
@pytest.mark.parametrize("frequency_hz", [120.0, 440.0, 1_500.0])
def test_the_pitch_and_the_loudness_stay(tempo: float, frequency_hz: float) -> None:
    samples = tone(2.0, RATE_HZ, frequency_hz)
    stretched = at_tempo(samples, RATE_HZ, tempo)
    assert pitch_hz(stretched) == pytest.approx(frequency_hz, rel=0.03)
    middle = stretched[len(stretched) // 4 : -len(stretched) // 4]
    assert rms(middle) == pytest.approx(rms(samples), rel=0.15)


@pytest.mark.parametrize("tempo", TEMPI)
def test_what_comes_in_the_middle_stays_in_the_middle(tempo: float) -> None:
    silence = np.zeros(RATE_HZ, np.float32)
    samples = np.concatenate([silence, tone(1.0, RATE_HZ), silence])
    loud = np.flatnonzero(np.abs(at_tempo(samples, RATE_HZ, tempo)) > 0.05) / RATE_HZ
    assert loud[0] == pytest.approx(1.0 / tempo, abs=0.05)
    assert loud[-1] == pytest.approx(2.0 / tempo, abs=0.05)


@pytest.mark.parametrize("tempo", TEMPI)
def test_what_is_lost_at_the_end_is_shorter_than_the_silence_behind_speech(tempo: float) -> None:
    stretched = at_tempo(tone(1.0, RATE_HZ), RATE_HZ, tempo)
    n_silent = len(stretched) - 1 - np.flatnonzero(stretched)[-1]
    assert n_silent / RATE_HZ < min(0.03, TAIL_S / tempo + 0.001)


def test_tempo_1_changes_nothing() -> None:
    samples = tone(0.1, RATE_HZ)
    assert at_tempo(samples, RATE_HZ, 1.0) is samples


@pytest.mark.parametrize("tempo", [0.5, 1.0, 2.0])
def test_nothing_stays_nothing(tempo: float) -> None:
    assert at_tempo(np.empty(0, np.float32), RATE_HZ, tempo).shape == (0,)


def test_the_loudest_sound_stays_in_range() -> None:
    square = np.sign(tone(1.0, RATE_HZ, 333.0))
    assert np.abs(at_tempo(square, RATE_HZ, 1.3)).max() <= 1.0


def test_the_samples_given_are_left_as_they_were() -> None:
    samples = tone(0.2, RATE_HZ)
    kept = samples.copy()
    at_tempo(samples, RATE_HZ, 1.7)
    assert np.array_equal(samples, kept)
