"""The local path: decode, find speech, recognise stretch by stretch, in order and on the fly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from uuid import uuid4

from loquent.domain.audio import AudioSource, Samples
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, SpeakerSearch
from loquent.domain.transcript import Segment, Task, Transcript, join_text, shifted
from loquent.pipeline.attribution import attributed
from loquent.pipeline.channels import channel_by_channel
from loquent.pipeline.diarization.following import SpeakerFollower, SpeakerFollowing
from loquent.pipeline.recognising import recognised
from loquent.pipeline.stretches import Stretch, StretchCutter
from loquent.ports import (
    AudioDecoder,
    RecognitionOptions,
    RecognizerSource,
    VoiceActivityDetector,
)


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
            aclosing(recognised(recognizer, _options(request), stretches)) as recognitions,
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
