"""What every `Transcriber` promises, asked of each one there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from loquent.codec.limits import DecodeLimits
from loquent.codec.pool import DecoderPool
from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Served
from loquent.domain.errors import InvalidRequestError
from loquent.domain.model import ModelCard
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import SpeakerSearch
from loquent.domain.transcript import Segment, Transcript, join_text
from loquent.pipeline.transcription import LocalTranscriber
from loquent.ports import RoutedTranscriber
from loquent.routing.attempts import Attempts
from loquent.routing.router import Router
from tests.assets import SAMPLE_TEXT, sample
from tests.engines.weights import ENGLISH_ONLY, Recognizers, detector, word_error_rate
from tests.fakes.fake_speech import FakeDecoder, FakeDetector, FakeRecognizer, Line, silence, spoken
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.fakes.fake_voices import FakeAnalyst, following
from tests.unit.codec.recordings import saved, wav
from tests.unit.routing.models import TINY, names
from tests.unit.routing.places import planner

REQUEST = TranscriptionRequest(ENGLISH_ONLY)
DETAILED = TranscriptionRequest(ENGLISH_ONLY, word_timestamps=True, token_scores=True)

SERVES: ModelCard = TINY

_REAL = [pytest.mark.engine, pytest.mark.xdist_group("engines")]

REAL = [pytest.param("local", marks=_REAL), pytest.param("router", marks=_REAL)]

FAKE = [pytest.param("fake"), pytest.param("local over fakes")]


def _over_fakes() -> LocalTranscriber:
    windows = [np.concatenate([spoken(line, 2.0), silence(9.0)]) for line in range(2)]
    decoder = FakeDecoder(windows)
    return LocalTranscriber(
        SERVES.id,
        decoder=decoder,
        detector=FakeDetector(),
        recognizers=FakeRecognizer([Line("Hello there."), Line("General speech.")]),
        following=following(FakeAnalyst(), decoder),
    )


@asynccontextmanager
async def _real(name: str) -> AsyncIterator[RoutedTranscriber]:
    pool = DecoderPool(DecodeLimits(n_warm=1))
    await pool.start()
    local = LocalTranscriber(
        SERVES.id,
        decoder=pool,
        detector=detector(),
        recognizers=Recognizers(),
        following=following(FakeAnalyst(), pool),
    )
    chooser = planner(names(SERVES))
    router = Router(chooser, Attempts(chooser.board), lambda _candidate: local)
    yield local if name == "local" else router
    await pool.close()


@pytest.fixture(params=[*FAKE, *REAL])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def transcriber(name: str) -> AsyncIterator[RoutedTranscriber]:
    if name == "fake":
        yield FakeTranscriber()
    elif name == "local over fakes":
        yield _over_fakes()
    else:
        async with _real(name) as real:
            yield real


@pytest.fixture
def source(name: str, tmp_path: Path) -> AudioSource:
    """Return the sample, or for fakes a file that means nothing."""
    if name in {"local", "router"}:
        return AudioSource(sample(), sample().stat().st_size)
    return saved(tmp_path / "recording", b"sound")


only_fake = pytest.mark.parametrize("name", FAKE)
only_real = pytest.mark.parametrize("name", REAL)


async def collected(
    transcriber: RoutedTranscriber, request: TranscriptionRequest, source: AudioSource
) -> tuple[list[Segment], Transcript]:
    async with aclosing(transcriber.transcribe(request, source)) as updates:
        *seen, last = [update async for update in updates if not isinstance(update, Served)]
    assert isinstance(last, Transcript)
    segments = [update for update in seen if isinstance(update, Segment)]
    assert len(segments) == len(seen)
    return segments, last


async def test_segments_come_first_and_then_one_transcript_of_them(
    transcriber: RoutedTranscriber, source: AudioSource
) -> None:
    segments, transcript = await collected(transcriber, REQUEST, source)
    assert segments
    assert transcript.segments == tuple(segments)
    assert transcript.text == join_text(segments)
    assert [segment.id for segment in segments] == list(range(len(segments)))
    assert transcript.language == "en"


async def test_times_rise_and_stay_inside_the_recording(
    transcriber: RoutedTranscriber, source: AudioSource
) -> None:
    segments, transcript = await collected(transcriber, DETAILED, source)
    assert segments[0].start_s >= 0.0
    assert segments[-1].end_s <= transcript.duration_s
    assert all(left.end_s <= right.start_s for left, right in pairwise(segments))
    assert all(left.end_s <= right.start_s for left, right in pairwise(transcript.words))


async def test_words_and_scores_are_there_only_when_asked_for(
    transcriber: RoutedTranscriber, source: AudioSource
) -> None:
    plain, _transcript = await collected(transcriber, REQUEST, source)
    detailed, _transcript = await collected(transcriber, DETAILED, source)
    assert not any(segment.words or segment.token_scores for segment in plain)
    assert all(segment.words and segment.token_scores for segment in detailed)


@only_fake
async def test_speakers_are_told_at_the_end_only_when_asked_for(
    transcriber: RoutedTranscriber, source: AudioSource
) -> None:
    request = replace(DETAILED, speakers=SpeakerSearch())
    told, transcript = await collected(transcriber, request, source)
    _told, plain = await collected(transcriber, DETAILED, source)
    assert [segment.speaker for segment in told] == [None, None]
    assert [segment.speaker for segment in transcript.segments] == ["A", "B"]
    assert {segment.speaker for segment in plain.segments} == {None}
    for segment in transcript.segments:
        assert {word.speaker for word in segment.words} == {segment.speaker}
    assert transcript.text == plain.text


async def test_a_listener_may_leave_at_any_time(
    transcriber: RoutedTranscriber, source: AudioSource
) -> None:
    async with aclosing(transcriber.transcribe(REQUEST, source)) as updates:
        first = await anext(updates)
        assert isinstance(await anext(updates) if isinstance(first, Served) else first, Segment)
    segments, _transcript = await collected(transcriber, REQUEST, source)
    assert segments


@only_real
async def test_the_sample_is_understood(
    transcriber: RoutedTranscriber, source: AudioSource
) -> None:
    _segments, transcript = await collected(transcriber, REQUEST, source)
    assert word_error_rate(SAMPLE_TEXT, transcript.text) <= 0.2
    assert transcript.model == ENGLISH_ONLY
    assert transcript.duration_s == pytest.approx(5.3, abs=0.1)


@only_real
async def test_a_recording_without_speech_is_an_empty_transcript(
    transcriber: RoutedTranscriber, tmp_path: Path
) -> None:
    quiet = saved(tmp_path / "quiet", wav(np.zeros(16_000, np.int16)))
    segments, transcript = await collected(transcriber, REQUEST, quiet)
    assert (segments, transcript.text, transcript.language) == ([], "", None)
    assert transcript.duration_s == 1.0


@only_real
@pytest.mark.parametrize("content", [b"", b"no sound at all" * 100])
async def test_what_is_no_recording_is_a_request_error(
    transcriber: RoutedTranscriber, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(InvalidRequestError):
        await collected(transcriber, REQUEST, saved(tmp_path / "a", content))
