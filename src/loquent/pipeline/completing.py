"""Complete what a provider tells of a recording with what can be made of it here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Diarization, DiarizationRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.pipeline.attribution import attributed
from loquent.pipeline.derivation import spread, told_segment
from loquent.pipeline.measuring import counted_length_s
from loquent.ports import AudioDecoder, Diarizer, Transcriber

_OF_SPEAKERS = frozenset({Detail.SPEAKERS, Detail.KNOWN_SPEAKERS, Detail.SPEAKER_COUNT})


class CompletedTranscriber:
    """A `Transcriber` that adds to another one the details that it does not tell.

    Args:
        derived: what is to be made here: times of a bare text, speakers.
        diarizer: tells speakers apart, under the name `diarization_model`.
    """

    def __init__(
        self,
        inner: Transcriber,
        derived: frozenset[Detail],
        *,
        decoder: AudioDecoder,
        diarizer: Diarizer,
        diarization_model: str,
    ) -> None:
        self._inner = inner
        self._derived = derived
        self._decoder = decoder
        self._diarizer = diarizer
        self._diarization_model = diarization_model

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        """Yield what the other one does, completed; segments that were made here come last."""
        asked = replace(request, needs=request.needs - self._derived)
        diarizing: asyncio.Task[Diarization] | None = None
        if self._derived & _OF_SPEAKERS:
            asked = replace(asked, speakers=None, word_timestamps=True)
            diarizing = asyncio.create_task(self._diarize(request, source))
        try:
            n_told = 0
            async with aclosing(self._inner.transcribe(asked, source)) as updates:
                async for update in updates:
                    if isinstance(update, Segment):
                        n_told += 1
                        yield _as_asked(update, request) if diarizing else update
                        continue
                    turns = await diarizing if diarizing else None
                    transcript = await self._timed(update, source, turns)
                    if turns is not None:
                        transcript = await _by_speakers(transcript, turns, request)
                    if not n_told:
                        for segment in transcript.segments:
                            yield segment
                    yield transcript
        finally:
            if diarizing is not None:
                diarizing.cancel()
                await asyncio.gather(diarizing, return_exceptions=True)

    async def _diarize(self, request: TranscriptionRequest, source: AudioSource) -> Diarization:
        assert request.speakers is not None, "speakers are derived where they are wanted"
        wish = DiarizationRequest(self._diarization_model, request.speakers)
        return await self._diarizer.diarize(wish, source)

    async def _timed(
        self, transcript: Transcript, source: AudioSource, speakers: Diarization | None
    ) -> Transcript:
        """Add the length of the recording, and segments to a bare text, where they are needed."""
        is_bare = bool(transcript.text) and not transcript.segments
        needs_times = is_bare and (Detail.SEGMENTS in self._derived or speakers is not None)
        if needs_times or not transcript.duration_s:  # what is told may be rounded up for a bill
            counted_s = (
                speakers.duration_s if speakers else await counted_length_s(self._decoder, source)
            )
            transcript = replace(transcript, duration_s=counted_s)
        if needs_times:
            segments = spread(transcript.text, transcript.duration_s)
            return replace(transcript, segments=segments)
        if is_bare and Detail.STREAM in self._derived:  # a stream holds nothing but its segments
            whole = told_segment(0, 0.0, transcript.duration_s, transcript.text)
            return replace(transcript, segments=(whole,))
        return transcript


async def _by_speakers(
    transcript: Transcript, speakers: Diarization, request: TranscriptionRequest
) -> Transcript:
    # The words of some hours take a while: others are served meanwhile.
    joined = await asyncio.to_thread(attributed, transcript.segments, speakers.exclusive)
    return replace(transcript, segments=tuple(_as_asked(segment, request) for segment in joined))


def _as_asked(segment: Segment, request: TranscriptionRequest) -> Segment:
    """Leave out words that only tell speakers apart."""
    return segment if request.word_timestamps else replace(segment, words=())
