"""What is added here to what a provider tells of a recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from loquent.domain.audio import SAMPLE_RATE_HZ, AudioSource, Samples
from loquent.domain.endpoints import Detail
from loquent.domain.errors import EngineError, InvalidAudioError, UpstreamError
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import SpeakerSearch
from loquent.domain.transcript import Segment, Task, Transcript
from loquent.pipeline.completing import CompletedTranscriber
from tests.fakes.fake_diarizer import DURATION_S, FakeDiarizer
from tests.fakes.fake_transcriber import HELLO, FakeTranscriber, Gate

SPEAKERS = SpeakerSearch(n_speakers=2)
ASKED = TranscriptionRequest(
    "large", needs=frozenset({Detail.SEGMENTS, Detail.STREAM}), speakers=SPEAKERS
)
PLAIN = TranscriptionRequest("large", needs=frozenset({Detail.SEGMENTS}))
TEXT = "Hello there. General speech."


@dataclass
class Windows:
    """A decoder of recordings that last three seconds."""

    n_calls: int = 0

    async def decode(
        self, source: AudioSource, channel: int | None = None
    ) -> AsyncGenerator[Samples]:
        self.n_calls += 1
        for n_samples in (SAMPLE_RATE_HZ, 2 * SAMPLE_RATE_HZ):
            yield np.zeros(n_samples, np.float32)


@dataclass
class Told:
    """A provider that tells what is given, and keeps what it was asked."""

    updates: Sequence[Segment | Transcript]
    requests: list[TranscriptionRequest] = field(default_factory=list)

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        self.requests.append(request)
        for update in self.updates:
            yield update


def bare(text: str = TEXT, duration_s: float = 0.0, *segments: Segment) -> Transcript:
    return Transcript(Task.TRANSCRIBE, text, "en", duration_s, segments, "vendor/large", "vendor")


def completed(
    inner: FakeTranscriber | Told,
    *derived: Detail,
    decoder: Windows | None = None,
    diarizer: FakeDiarizer | None = None,
) -> CompletedTranscriber:
    return CompletedTranscriber(
        inner,
        frozenset(derived),
        decoder=decoder or Windows(),
        diarizer=diarizer or FakeDiarizer(),
        diarization_model="voices",
    )


async def answer(
    transcriber: CompletedTranscriber, source: AudioSource, request: TranscriptionRequest = ASKED
) -> tuple[list[Segment], Transcript]:
    async with aclosing(transcriber.transcribe(request, source)) as updates:
        *segments, transcript = [update async for update in updates]
    assert isinstance(transcript, Transcript)
    return [each for each in segments if isinstance(each, Segment)], transcript


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    path = tmp_path / "recording"
    path.write_bytes(b"sound")
    return AudioSource(path, 5)


def others() -> set[asyncio.Task[object]]:
    current = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not current}


async def test_what_is_complete_passes_through_untouched(source: AudioSource) -> None:
    decoder, diarizer = Windows(), FakeDiarizer()
    inner = Told([HELLO[0], HELLO[1], bare(TEXT, 2.0, *HELLO)])
    request = replace(PLAIN, word_timestamps=True)
    found = await answer(completed(inner, decoder=decoder, diarizer=diarizer), source, request)
    assert found == (list(HELLO), bare(TEXT, 2.0, *HELLO))
    assert inner.requests == [request]
    assert (decoder.n_calls, diarizer.calls) == (0, [])


async def test_a_length_that_the_provider_did_not_tell_is_counted(source: AudioSource) -> None:
    decoder = Windows()
    _, transcript = await answer(completed(Told([bare()]), decoder=decoder), source, PLAIN)
    assert transcript == bare(TEXT, 3.0)
    assert decoder.n_calls == 1


async def test_a_bare_text_is_given_times_and_they_come_before_the_transcript(
    source: AudioSource,
) -> None:
    inner = Told([bare()])
    segments, transcript = await answer(completed(inner, Detail.SEGMENTS), source, PLAIN)
    assert [(s.text, s.end_s) for s in segments] == [
        (" Hello there.", pytest.approx(3 * 13 / 28)),
        (" General speech.", 3.0),
    ]
    assert transcript.segments == tuple(segments)
    assert transcript.text == TEXT


async def test_the_provider_is_not_asked_for_what_is_made_here(source: AudioSource) -> None:
    inner = Told([bare()])
    derived = (Detail.SEGMENTS, Detail.STREAM)
    await answer(completed(inner, *derived), source, replace(PLAIN, needs=frozenset(Detail)))
    assert inner.requests[0].needs == frozenset(Detail) - set(derived)


async def test_segments_that_the_provider_tells_are_kept(source: AudioSource) -> None:
    inner = Told([bare(TEXT, 2.0, *HELLO)])
    segments, transcript = await answer(completed(inner, Detail.SEGMENTS), source, PLAIN)
    assert (tuple(segments), transcript.segments) == (HELLO, HELLO)


async def test_no_segments_are_made_where_nobody_asks(source: AudioSource) -> None:
    segments, transcript = await answer(completed(Told([bare()])), source, PLAIN)
    assert (segments, transcript.segments) == ([], ())


async def test_speakers_are_told_apart_here_by_words_that_are_asked_for(
    source: AudioSource,
) -> None:
    inner, diarizer = FakeTranscriber(), FakeDiarizer()
    _, transcript = await answer(
        completed(inner, Detail.SPEAKERS, diarizer=diarizer),
        source,
        replace(ASKED, word_timestamps=True),
    )
    assert [segment.speaker for segment in transcript.segments] == ["A", "A"]
    assert [word.speaker for word in transcript.words] == ["A", "A"]
    (asked,) = inner.calls
    assert asked.request.speakers is None
    assert asked.request.word_timestamps
    (search,) = diarizer.calls
    assert (search.request.model, search.request.search) == ("voices", SPEAKERS)
    assert search.content == b"sound"


@pytest.mark.parametrize("detail", [Detail.SPEAKERS, Detail.KNOWN_SPEAKERS, Detail.SPEAKER_COUNT])
async def test_any_wish_about_speakers_is_met_here_as_a_whole(
    source: AudioSource, detail: Detail
) -> None:
    diarizer = FakeDiarizer()
    await answer(completed(FakeTranscriber(), detail, diarizer=diarizer), source)
    assert len(diarizer.calls) == 1


async def test_words_that_only_tell_speakers_apart_are_left_out(source: AudioSource) -> None:
    segments, transcript = await answer(completed(FakeTranscriber(), Detail.SPEAKERS), source)
    assert transcript.words == ()
    assert [segment.words for segment in segments] == [(), ()]
    assert [segment.speaker for segment in transcript.segments] == ["A", "A"]


async def test_speakers_are_found_while_the_provider_works(source: AudioSource) -> None:
    hearing, telling = Gate(), Gate()
    inner, diarizer = FakeTranscriber([HELLO[0], hearing]), FakeDiarizer([telling])
    work = asyncio.create_task(answer(completed(inner, Detail.SPEAKERS, diarizer=diarizer), source))
    await asyncio.to_thread(hearing.reached.wait, 10)
    assert await asyncio.to_thread(telling.reached.wait, 10), "both work at the same time"
    hearing.open()
    telling.open()
    _, transcript = await work
    assert transcript.segments[0].speaker == "A"


async def test_streamed_segments_pass_through_before_speakers_are_known(
    source: AudioSource,
) -> None:
    telling = Gate()
    transcriber = completed(FakeTranscriber(), Detail.SPEAKERS, diarizer=FakeDiarizer([telling]))
    async with aclosing(transcriber.transcribe(ASKED, source)) as updates:
        first, second = await anext(updates), await anext(updates)
        assert [u.text for u in (first, second)] == [each.text for each in HELLO]
        await asyncio.to_thread(telling.reached.wait, 10)
        telling.open()
        (transcript,) = [update async for update in updates]
    assert isinstance(transcript, Transcript)
    assert transcript.segments[0].speaker == "A"


async def test_the_length_is_known_from_telling_speakers_apart(source: AudioSource) -> None:
    decoder = Windows()
    inner = Told([bare("Hello there.", 0.0, HELLO[0])])
    _, transcript = await answer(completed(inner, Detail.SPEAKERS, decoder=decoder), source)
    assert transcript.duration_s == DURATION_S
    assert decoder.n_calls == 0


async def test_a_provider_that_tells_no_times_after_all_still_gets_speakers(
    source: AudioSource,
) -> None:
    _, transcript = await answer(completed(Told([bare()]), Detail.SPEAKERS), source)
    assert [segment.speaker for segment in transcript.segments] == ["A", "B"]


async def test_silence_has_no_speakers(source: AudioSource) -> None:
    segments, transcript = await answer(completed(Told([bare("")]), Detail.SPEAKERS), source)
    assert (segments, transcript.segments) == ([], ())


async def test_where_the_provider_fails_speakers_are_no_longer_looked_for(
    source: AudioSource,
) -> None:
    hearing, telling, broken = Gate(), Gate(), UpstreamError("broken")
    inner, diarizer = FakeTranscriber([hearing, broken]), FakeDiarizer([telling])
    before = others()
    work = asyncio.create_task(answer(completed(inner, Detail.SPEAKERS, diarizer=diarizer), source))
    for gate in (hearing, telling):
        await asyncio.to_thread(gate.reached.wait, 10)
    hearing.open()
    with pytest.raises(UpstreamError) as raised:
        await work
    assert raised.value is broken
    assert diarizer.was_cut_short.is_set()
    assert others() <= before


@pytest.mark.parametrize("error", [InvalidAudioError("noise"), EngineError("broken")])
async def test_where_speakers_cannot_be_told_that_is_the_answer(
    source: AudioSource, error: InvalidAudioError | EngineError
) -> None:
    before = others()
    with pytest.raises(type(error)) as raised:
        await answer(
            completed(FakeTranscriber(), Detail.SPEAKERS, diarizer=FakeDiarizer([error])), source
        )
    assert raised.value is error
    assert others() <= before


async def test_who_stops_listening_stops_both(source: AudioSource) -> None:
    telling = Gate()
    inner, diarizer = FakeTranscriber(), FakeDiarizer([telling])
    before = others()
    transcriber = completed(inner, Detail.SPEAKERS, diarizer=diarizer)
    async with aclosing(transcriber.transcribe(ASKED, source)) as updates:
        await anext(updates)
        await asyncio.to_thread(telling.reached.wait, 10)
    assert inner.was_cut_short.is_set()
    assert diarizer.was_cut_short.is_set()
    assert others() <= before


async def test_a_cancelled_request_leaves_no_task_and_stays_cancelled(source: AudioSource) -> None:
    telling = Gate()
    diarizer = FakeDiarizer([telling])
    before = others()
    work = asyncio.create_task(
        answer(completed(FakeTranscriber(), Detail.SPEAKERS, diarizer=diarizer), source)
    )
    await asyncio.to_thread(telling.reached.wait, 10)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert diarizer.was_cut_short.is_set()
    assert others() <= before
