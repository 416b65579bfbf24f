"""Where nobody speaks nothing is written, down the whole local path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from loquent.domain.audio import SAMPLE_RATE_HZ, AudioSource, Samples
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Transcript
from loquent.pipeline.transcription import LocalTranscriber
from tests.assets import SAMPLE_TEXT, SPEECH_DATA, clip, clip_text, sample
from tests.engines.weights import (
    ENGLISH_ONLY,
    MULTILINGUAL,
    Recognizers,
    detector,
    samples_of,
    word_error_rate,
)
from tests.fakes.fake_speech import FakeDecoder
from tests.fakes.fake_voices import FakeAnalyst, following

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engines")]

WINDOW_SAMPLES = 5 * SAMPLE_RATE_HZ


async def transcribed(samples: Samples, model: str = MULTILINGUAL) -> Transcript:
    windows = [samples[i : i + WINDOW_SAMPLES] for i in range(0, len(samples), WINDOW_SAMPLES)]
    decoder = FakeDecoder(windows)
    local = LocalTranscriber(
        model,
        decoder=decoder,
        detector=detector(),
        recognizers=Recognizers(),
        following=following(FakeAnalyst(), decoder),
    )
    source = AudioSource(Path("unread"), 0)
    async with aclosing(local.transcribe(TranscriptionRequest(model), source)) as updates:
        *_segments, transcript = [update async for update in updates]
    assert isinstance(transcript, Transcript)
    return transcript


def noise(level: float) -> Samples:
    drawn = np.random.default_rng(3).normal(0, level, 10 * SAMPLE_RATE_HZ)
    return np.clip(drawn, -1, 1).astype(np.float32)


def hum() -> Samples:
    time_s = np.arange(20 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return (0.3 * np.sin(2 * np.pi * 50 * time_s)).astype(np.float32)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(np.zeros(20 * SAMPLE_RATE_HZ, np.float32), id="silence"),
        pytest.param(noise(0.001), id="faint noise"),
        pytest.param(noise(0.1), id="noise"),
        pytest.param(noise(0.5), id="loud noise"),
        pytest.param(hum(), id="hum"),
    ],
)
async def test_no_speech_gives_no_text(samples: Samples) -> None:
    transcript = await transcribed(samples)
    assert (transcript.text, transcript.segments) == ("", ())


async def test_a_chime_gives_no_text() -> None:
    assert (await transcribed(samples_of(clip("chime")))).text == ""


async def test_speech_between_long_silences_is_all_that_is_written() -> None:
    quiet = np.zeros(20 * SAMPLE_RATE_HZ, np.float32)
    transcript = await transcribed(np.concatenate([quiet, samples_of(sample()), quiet]))
    assert word_error_rate(SAMPLE_TEXT, transcript.text) <= 0.2
    assert transcript.segments[0].start_s == pytest.approx(20.0, abs=0.7)


@pytest.mark.parametrize(("name", "max_wer"), [("two-cities", 0.2), ("two-speakers", 0.5)])
async def test_a_clip_is_understood(name: str, max_wer: float) -> None:
    transcript = await transcribed(samples_of(clip(name)), ENGLISH_ONLY)
    assert word_error_rate(clip_text(name), transcript.text) <= max_wer


def _without_speech() -> Sequence[Path]:
    folder = SPEECH_DATA / "no_speech"
    listed = folder / "refs.jsonl"
    if not listed.exists():
        return ()
    return [folder / json.loads(line)["file"] for line in listed.read_text().splitlines() if line]


@pytest.mark.slow
@pytest.mark.parametrize("path", _without_speech(), ids=lambda path: path.name)
async def test_a_recording_without_speech_gives_no_text(path: Path) -> None:
    assert (await transcribed(samples_of(path))).text == ""
