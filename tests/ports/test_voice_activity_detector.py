"""What every `VoiceActivityDetector` promises, asked of each one there is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.engines.silero_vad import SileroVad
from loquent.ports import VoiceActivityDetector, VoiceActivityStream
from tests.assets import sample
from tests.engines.weights import samples_of
from tests.fakes.fake_speech import FakeDetector, spoken

FRAME_SAMPLES = 512

ADAPTERS = [
    pytest.param("fake"),
    pytest.param("silero", marks=[pytest.mark.engine, pytest.mark.xdist_group("engines")]),
]


@pytest.fixture(params=ADAPTERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def detector(name: str) -> Iterator[VoiceActivityDetector]:
    if name == "fake":
        yield FakeDetector()
        return
    silero = SileroVad()
    yield silero
    silero.close()


@pytest.fixture
def speech(name: str) -> Samples:
    return spoken(0, 3.0) if name == "fake" else samples_of(sample())


async def collected(stream: VoiceActivityStream, samples: Samples, size: int) -> Samples:
    pieces = [samples[at : at + size] for at in range(0, len(samples), size)]
    return np.concatenate([await stream.probabilities(piece) for piece in pieces])


@pytest.mark.parametrize("n_samples", [0, 1, 511, 512, 513, 5_120])
async def test_there_is_one_probability_for_each_whole_frame(
    detector: VoiceActivityDetector, n_samples: int
) -> None:
    probabilities = await detector.stream().probabilities(np.zeros(n_samples, np.float32))
    assert probabilities.shape == (n_samples // FRAME_SAMPLES,)
    assert probabilities.dtype == np.float32


async def test_speech_is_told_from_silence(
    detector: VoiceActivityDetector, speech: Samples
) -> None:
    silence = np.zeros(3 * SAMPLE_RATE_HZ, np.float32)
    spoken_at = await detector.stream().probabilities(speech)
    silent_at = await detector.stream().probabilities(silence)
    assert ((spoken_at >= 0.0) & (spoken_at <= 1.0)).all()
    assert np.median(spoken_at) > 0.5
    assert silent_at.max() < 0.5


@pytest.mark.parametrize("size", [100, 512, 4_000, 80_000])
async def test_it_does_not_matter_how_the_samples_arrive(
    detector: VoiceActivityDetector, speech: Samples, size: int
) -> None:
    at_once = await detector.stream().probabilities(speech)
    piece_by_piece = await collected(detector.stream(), speech, size)
    np.testing.assert_allclose(piece_by_piece, at_once, atol=1e-3)


async def test_recordings_do_not_mix(detector: VoiceActivityDetector, speech: Samples) -> None:
    alone = await collected(detector.stream(), speech, 8_000)
    silence = np.zeros_like(speech)
    beside, _silent, again = await asyncio.gather(
        *(collected(detector.stream(), samples, 8_000) for samples in (speech, silence, speech))
    )
    np.testing.assert_array_equal(beside, alone)
    np.testing.assert_array_equal(again, alone)
