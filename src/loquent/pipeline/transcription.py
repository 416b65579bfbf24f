"""The local path: decode, find speech, recognise stretch by stretch, in order and on the fly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from loquent.domain.audio import AudioSource, Samples
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, SpeakerSearch
from loquent.domain.transcript import Segment, Task, Transcript, join_text, shifted
from loquent.pipeline.attribution import attributed
from loquent.pipeline.channels import channel_by_channel
from loquent.pipeline.diarization.following import SpeakerFollower, SpeakerFollowing
from loquent.pipeline.stretches import Stretch, StretchCutter
from loquent.ports import (
    AudioDecoder,
    Lane,
    Recognition,
    RecognitionOptions,
    RecognizerSource,
    SpeechRecognizer,
    VoiceActivityDetector,
)

N_IN_FLIGHT = 16
"""Stretches of one recording that may wait for the engine: two full batches on two cores."""

OPENING_S = 30.0
"""Speech that begins this early in a recording is as urgent as a short recording."""


class LocalTranscriber:
    """A `Transcriber` that runs one model on this machine, and another to tell speakers apart."""

    def __init__(
        self,
        model_id: str,
        *,
        decoder: AudioDecoder,
        detector: VoiceActivityDetector,
        recognizers: RecognizerSource,
        following: SpeakerFollowing,
    ) -> None:
        self._model_id = model_id
        self._decoder = decoder
        self._detector = detector
        self._recognizers = recognizers
        self._following = following

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        """Yield each segment as soon as it is known, in order, then exactly one transcript.

        Who speaks is only known at the end: segments with speakers are those of the transcript.
        """
        if request.speakers and request.speakers.channels is Channels.SEPARATE:
            updates = channel_by_channel(self._transcribe, request, source)
        else:
            updates = self._transcribe(request, source)
        async with aclosing(updates):
            async for update in updates:
                yield update

    async def _transcribe(
        self, request: TranscriptionRequest, source: AudioSource, channel: int | None = None
    ) -> AsyncGenerator[Segment | Transcript]:
        """Transcribe all channels as one, or one of them."""
        recognizer = await self._recognizers.recognizer(self._model_id)
        cutter = StretchCutter(request.detection)
        segments: list[Segment] = []
        language = request.language
        n_prompt_tokens = 0
        async with (
            self._follower(request.speakers) as follower,
            aclosing(self._decoder.decode(source, channel)) as windows,
            aclosing(self._stretches(windows, cutter, follower)) as stretches,
            aclosing(_recognised(recognizer, request, stretches)) as recognitions,
        ):
            async for start_s, recognition in recognitions:
                n_prompt_tokens = recognition.n_prompt_tokens
                for segment in recognition.segments:
                    segments.append(shifted(segment, start_s, len(segments)))
                    language = recognition.language
                    yield _as_asked(segments[-1], request)
            if follower is not None:
                diarization = await follower.finish()
                # The words of some hours take a while: others are served meanwhile.
                joined = await asyncio.to_thread(attributed, segments, diarization.exclusive)
                segments = list(joined)
        yield Transcript(
            task=request.task,
            text=join_text(segments),
            language=language,
            duration_s=cutter.duration_s,
            segments=tuple(_as_asked(segment, request) for segment in segments),
            model=self._model_id,
            n_prompt_tokens=n_prompt_tokens,
        )

    @asynccontextmanager
    async def _follower(
        self, search: SpeakerSearch | None
    ) -> AsyncIterator[SpeakerFollower | None]:
        """Follow who speaks, if that is wanted."""
        if search is None:
            yield None
            return
        async with self._following.follow(search) as follower:
            yield follower

    async def _stretches(
        self,
        windows: AsyncGenerator[Samples],
        cutter: StretchCutter,
        follower: SpeakerFollower | None,
    ) -> AsyncGenerator[Stretch]:
        """Yield the speech of a recording that is being decoded."""
        activity = self._detector.stream()
        async for samples in windows:
            if follower is not None:
                await follower.hear(samples)
            for stretch in cutter.push(samples, await activity.probabilities(samples)):
                yield stretch
        for stretch in cutter.finish():
            yield stretch


async def _recognised(
    recognizer: SpeechRecognizer,
    request: TranscriptionRequest,
    stretches: AsyncGenerator[Stretch],
) -> AsyncGenerator[tuple[float, Recognition]]:
    """Recognise many stretches at a time; yield (start_s, recognition) in order, each when due."""
    flight = _Flight()
    feeding = asyncio.create_task(_feed(recognizer, _options(request), stretches, flight))
    try:
        while next_ := await flight.begun.get():
            recognition = await next_.work
            flight.room.release()
            yield next_.start_s, recognition
        await feeding
    finally:
        for task in (feeding, *flight.running):
            task.cancel()
        await asyncio.gather(feeding, *flight.running, return_exceptions=True)


async def _feed(
    recognizer: SpeechRecognizer,
    options: RecognitionOptions,
    stretches: AsyncGenerator[Stretch],
    flight: _Flight,
) -> None:
    """Begin the recognition of each stretch, as long as not too many wait; None is the last.

    The first stretch in which something is said decides the language of the recording; until
    then stretches go one by one.
    """
    try:
        async for stretch in stretches:
            lane = Lane.SHORT if stretch.start_s < OPENING_S else Lane.LONG
            await flight.room.acquire()
            recognising = recognizer.recognize(stretch.samples, replace(options, lane=lane))
            work = flight.begin(stretch.start_s, recognising)
            if options.language is None and (recognition := await work).segments:
                options = replace(options, language=recognition.language)
    finally:
        flight.begun.put_nowait(None)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A stretch that is being recognised."""

    start_s: float
    work: asyncio.Task[Recognition]


class _Flight:
    """The stretches of one recording that are with the engine, in order; None is the last."""

    def __init__(self) -> None:
        self.room = asyncio.Semaphore(N_IN_FLIGHT)
        self.begun: asyncio.Queue[_Begun | None] = asyncio.Queue()
        self.running: set[asyncio.Task[Recognition]] = set()

    def begin(
        self, start_s: float, recognising: Coroutine[Any, Any, Recognition]
    ) -> asyncio.Task[Recognition]:
        """Start a stretch for which there is room."""
        work = asyncio.create_task(recognising)
        self.running.add(work)
        work.add_done_callback(self.running.discard)
        self.begun.put_nowait(_Begun(start_s, work))
        return work


def _options(request: TranscriptionRequest) -> RecognitionOptions:
    return RecognitionOptions(
        task=request.task,
        language=request.language,
        prompt=request.prompt,
        hotwords=request.hotwords,
        temperature=request.temperature,
        beam_size=request.search.beam_size,
        best_of=request.search.best_of,
        word_timestamps=request.word_timestamps or _needs_words(request),
        token_scores=request.token_scores,
        share=uuid4().hex,
    )


def _as_asked(segment: Segment, request: TranscriptionRequest) -> Segment:
    """Leave out words that only tell speakers apart."""
    return segment if request.word_timestamps else replace(segment, words=())


def _needs_words(request: TranscriptionRequest) -> bool:
    """Tell whether speakers are joined word by word; the words of a translation have no times."""
    return request.speakers is not None and request.task is Task.TRANSCRIBE
