"""Hear each channel of a recording alone, one speaker on each, and put together what is said."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from itertools import chain, count
from typing import TypeAlias

from loquent.domain.audio import AudioSource
from loquent.domain.errors import InvalidRequestError, MissingChannelError
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import letter
from loquent.domain.transcript import Segment, Transcript, join_text

TranscribeChannel: TypeAlias = Callable[
    [TranscriptionRequest, AudioSource, int], AsyncGenerator[Segment | Transcript]
]
"""Transcribe one channel, counted from 0. Raises: MissingChannelError: if there is none."""


async def channel_by_channel(
    transcribe: TranscribeChannel, request: TranscriptionRequest, source: AudioSource
) -> AsyncGenerator[Segment | Transcript]:
    """Yield the segments of all channels, sorted by time, then one transcript of them.

    Raises: InvalidRequestError: if there is only one channel.
    """
    alone = replace(request, speakers=None)
    transcripts: dict[int, Transcript] = {}
    with suppress(MissingChannelError):
        for channel in in_order():
            transcripts[channel] = await _whole(transcribe(alone, source, channel))
    refuse_single_channel(len(transcripts))
    joined = _joined([transcripts[channel] for channel in sorted(transcripts)])
    for segment in joined.segments:
        yield segment
    yield joined


def in_order() -> Iterator[int]:
    """Yield the channels to be heard until one is missing: the second first, so that nothing is
    done in vain where there is only one."""
    return chain((1, 0), count(2))


def refuse_single_channel(n_channels: int) -> None:
    """Raises: InvalidRequestError: if a recording has too few channels to be told apart by them."""
    if n_channels < 2:
        raise InvalidRequestError(
            "channels=separate needs one speaker on each of several channels; the recording has "
            "one channel. Leave the field out to tell speakers apart by their voices.",
            param="channels",
        )


async def _whole(updates: AsyncGenerator[Segment | Transcript]) -> Transcript:
    async with aclosing(updates):
        async for update in updates:
            if isinstance(update, Transcript):
                return update
    raise AssertionError("a transcription ends with its transcript")


def _joined(transcripts: Sequence[Transcript]) -> Transcript:
    """Return one transcript; speakers are named in the order in which they begin."""
    first_s = [min((s.start_s for s in t.segments), default=float("inf")) for t in transcripts]
    in_order = sorted(range(len(transcripts)), key=lambda channel: first_s[channel])
    names = {channel: letter(number) for number, channel in enumerate(in_order)}
    spoken = [
        _spoken_by(segment, names[channel])
        for channel, transcript in enumerate(transcripts)
        for segment in transcript.segments
    ]
    spoken.sort(key=lambda segment: segment.start_s)
    segments = tuple(replace(segment, id=number) for number, segment in enumerate(spoken))
    longest = max(transcripts, key=lambda transcript: len(transcript.text))
    return replace(
        longest,
        text=join_text(segments),
        duration_s=max(transcript.duration_s for transcript in transcripts),
        segments=segments,
    )


def _spoken_by(segment: Segment, speaker: str) -> Segment:
    words = tuple(replace(word, speaker=speaker) for word in segment.words)
    return replace(segment, words=words, speaker=speaker)
