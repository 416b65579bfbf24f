"""A transcriber that says what it was told to say, and remembers how it was treated."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import LOCAL_PROVIDER
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import SpeakerSearch
from loquent.domain.transcript import Segment, TokenCount, TokenScore, Transcript, Word, join_text

SERVING_MODEL = "fake/tiny"


class Gate:
    """A point of a script that is not passed until a test, in any thread, opens it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._opened = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def passage(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.reached.set()
        await self._opened.wait()

    def open(self) -> None:
        assert self._loop is not None, "nobody waits at the gate"
        self._loop.call_soon_threadsafe(self._opened.set)


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """What one call handed over.

    Attributes:
        references: what the recordings of known speakers held.
    """

    request: TranscriptionRequest
    content: bytes
    path: Path
    references: tuple[bytes, ...] = ()


def segment(text: str, index: int = 0) -> Segment:
    """Make a segment of one second with one word and one token."""
    start_s, end_s = float(index), float(index + 1)
    return Segment(
        id=index,
        start_s=start_s,
        end_s=end_s,
        text=text,
        tokens=(50364 + index,),
        temperature=0.0,
        avg_logprob=-0.25,
        compression_ratio=1.1,
        no_speech_prob=0.01,
        words=(Word(text.strip(), start_s, end_s, 0.9),),
        token_scores=(TokenScore(text, text.encode(), -0.25),),
    )


HELLO = (segment(" Hello there.", 0), segment(" General speech.", 1))


def voices_of(search: SpeakerSearch | None) -> tuple[bytes, ...]:
    """Read the recordings of known speakers, and check that they are as large as was told."""
    sources = [known.reference for known in search.known] if search else []
    contents = tuple(source.path.read_bytes() for source in sources)
    assert [len(content) for content in contents] == [source.n_bytes for source in sources]
    return contents


class FakeTranscriber:
    """Follows a script, then ends with the transcript of the segments it contains.

    Where speakers are asked for, they take turns: those known by name, else A and B.

    Args:
        script: segments are yielded, errors raised, gates waited at.
        provider: who it says it is.
        counted: tokens, as a provider counts them.
    """

    def __init__(
        self,
        script: Sequence[Segment | Exception | Gate] = HELLO,
        *,
        provider: str = LOCAL_PROVIDER,
        counted: TokenCount | None = None,
    ) -> None:
        self.script = script
        self._provider = provider
        self._counted = counted
        self.calls: list[ReceivedCall] = []
        self.was_cut_short = threading.Event()

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript, None]:
        content = await asyncio.to_thread(source.path.read_bytes)
        references = await asyncio.to_thread(voices_of, request.speakers)
        self.calls.append(ReceivedCall(request, content, source.path, references))
        said: list[Segment] = []
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, Gate):
                    await step.passage()
                else:
                    said.append(_as_asked(step, request))
                    yield said[-1]
        except (asyncio.CancelledError, GeneratorExit):
            self.was_cut_short.set()
            raise
        transcript = _transcript(request, tuple(said))
        yield replace(transcript, provider=self._provider, counted=self._counted)


def _as_asked(said: Segment, request: TranscriptionRequest) -> Segment:
    return replace(
        said,
        words=said.words if request.word_timestamps else (),
        token_scores=said.token_scores if request.token_scores else (),
    )


def _transcript(request: TranscriptionRequest, said: tuple[Segment, ...]) -> Transcript:
    return Transcript(
        task=request.task,
        text=join_text(said),
        language="en" if said else None,
        duration_s=len(said) + 0.47,
        segments=_with_speakers(request.speakers, said) if request.speakers else said,
        model=SERVING_MODEL,
    )


def _with_speakers(search: SpeakerSearch, said: tuple[Segment, ...]) -> tuple[Segment, ...]:
    names = cycle([known.name for known in search.known] or ["A", "B"])
    return tuple(
        replace(
            segment,
            speaker=name,
            words=tuple(replace(word, speaker=name) for word in segment.words),
        )
        for segment, name in zip(said, names, strict=False)
    )
