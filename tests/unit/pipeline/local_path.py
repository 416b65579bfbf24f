"""The local path over fakes, and what it yields."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import numpy as np

from loquent.domain.audio import AudioSource, Samples
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.pipeline.segmentation import MAX_PAUSE_S
from loquent.pipeline.transcription import LocalTranscriber
from loquent.ports import AudioDecoder
from tests.fakes.fake_speech import FakeDecoder, FakeDetector, FakeRecognizer, silence, spoken
from tests.fakes.fake_voices import FakeAnalyst, following

PAUSE_S = 2 * MAX_PAUSE_S + 1
SPEECH_S = 2.0

SOURCE = AudioSource(Path("unread"), 0)

ENGLISH = TranscriptionRequest("any", language="en")
UNKNOWN = TranscriptionRequest("any")


def talk(n_lines: int) -> list[Samples]:
    """Return a window for each line, far enough apart that each is a stretch of its own."""
    return [
        np.concatenate([silence(1.0), spoken(line, SPEECH_S), silence(PAUSE_S)])
        for line in range(n_lines)
    ]


def path(
    recognizer: FakeRecognizer, windows: Sequence[Samples] | None = None, **options: Exception
) -> tuple[LocalTranscriber, FakeDecoder]:
    decoder = FakeDecoder(talk(len(recognizer.lines)) if windows is None else windows, **options)
    return over(decoder, recognizer, FakeAnalyst()), decoder


def over(
    decoder: AudioDecoder, recognizer: FakeRecognizer, analyst: FakeAnalyst
) -> LocalTranscriber:
    return LocalTranscriber(
        "fake/one",
        decoder=decoder,
        detector=FakeDetector(),
        recognizers=recognizer,
        following=following(analyst, decoder),
    )


async def collected(
    local: LocalTranscriber, request: TranscriptionRequest = ENGLISH
) -> tuple[list[Segment], Transcript]:
    async with aclosing(local.transcribe(request, SOURCE)) as updates:
        seen = [update async for update in updates]
    segments = [update for update in seen if isinstance(update, Segment)]
    transcript = seen[-1]
    assert isinstance(transcript, Transcript)
    assert len(segments) == len(seen) - 1
    return segments, transcript


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)
