"""Speakers made of loud samples: an analyst that hears who speaks, and recordings with channels.

How loud samples are says which line is spoken, as for the fakes of speech; a cast says by whom.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from loquent.domain.audio import AudioSource, Samples, SpeechRegion
from loquent.domain.errors import MissingChannelError
from loquent.pipeline.diarization.following import SpeakerFollowing
from loquent.ports import (
    FRAME_S,
    N_VOICE_DIMENSIONS,
    N_WINDOW_SPEAKERS,
    AudioDecoder,
    VoiceSpan,
    WindowVoices,
)
from tests.fakes.fake_speech import LOUD, STEP

VOICES_MODEL = "fake/voices"

CAST = ("A", "B", "C", "D", "E")
"""Who speaks each line, if nothing else is said; several letters are several people at once."""

N_FRAMES = 589
FRAME_SAMPLES = 270
FIRST_MIDDLE = 991 // 2
"""Frames of a window, as the real network counts them."""

MIN_HEARD_S = 0.5

Vector: TypeAlias = npt.NDArray[np.float32]


def voice(person: str, hearing: int = 0) -> Vector:
    """Return how a person sounds, a bit different in every hearing."""
    vector = np.zeros(N_VOICE_DIMENSIONS)
    vector[ord(person)] = 1.0
    noise = np.random.default_rng(ord(person) * 10_000 + hearing).normal(size=len(vector))
    vector += 0.2 * noise / np.linalg.norm(noise)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def loudness(line: int) -> float:
    return LOUD + line * STEP


@dataclass(frozen=True, slots=True)
class HeardWindow:
    """What one call handed over."""

    samples: Samples
    wanted: SpeechRegion
    due_s: float


@dataclass
class FakeAnalyst:
    """Hears a cast, and remembers how it was treated; it is a `VoiceAnalystSource`, too.

    Attributes:
        cast: who speaks each line.
        gate: where set, what must happen before a window is understood.
        errors: raised instead, by the number of the call.
        absence: raised instead of handing out the model.
        heard: calls in the order in which they began.
        n_running, n_most: calls that go on, and the most that ever did.
        n_cancelled: calls that were cancelled.
        asked_for: ids of models.
    """

    cast: Sequence[str] = CAST
    gate: asyncio.Event | None = None
    errors: Mapping[int, Exception] = field(default_factory=dict)
    absence: Exception | None = None
    heard: list[HeardWindow] = field(default_factory=list)
    n_running: int = 0
    n_most: int = 0
    n_cancelled: int = 0
    asked_for: list[str] = field(default_factory=list)

    async def analyst(self, model_id: str) -> FakeAnalyst:
        self.asked_for.append(model_id)
        if self.absence is not None:
            raise self.absence
        return self

    async def analyse(self, samples: Samples, wanted: SpeechRegion, due_s: float) -> WindowVoices:
        call = len(self.heard)
        self.heard.append(HeardWindow(samples, wanted, due_s))
        self.n_running += 1
        self.n_most = max(self.n_most, self.n_running)
        try:
            await (asyncio.sleep(0) if self.gate is None else self.gate.wait())
        except asyncio.CancelledError:
            self.n_cancelled += 1
            raise
        finally:
            self.n_running -= 1
        if call in self.errors:
            raise self.errors[call]
        return window_voices(self._speaking(samples), wanted, hearing=call)

    def _speaking(self, samples: Samples) -> list[str]:
        """Return who speaks in each frame."""
        middles = FIRST_MIDDLE + FRAME_SAMPLES * np.arange(N_FRAMES)
        loud = np.abs(samples[middles[middles < len(samples)]])
        lines = [round((float(level) - LOUD) / STEP) for level in loud]
        speaking = [self.cast[line % len(self.cast)] if line >= 0 else "" for line in lines]
        return speaking + [""] * (N_FRAMES - len(speaking))


def window_voices(
    speaking: Sequence[str], wanted: SpeechRegion | None = None, hearing: int = 0
) -> WindowVoices:
    """Return what is heard where these people speak, one text of letters for each frame.

    Each window puts people in other columns; a fourth shares the column of the first.
    """
    people = list(dict.fromkeys("".join(speaking)))
    columns = {who: (n + hearing) % N_WINDOW_SPEAKERS for n, who in enumerate(people)}
    activity = np.zeros((len(speaking), N_WINDOW_SPEAKERS), dtype=np.bool_)
    for frame, several in enumerate(speaking):
        activity[frame, [columns[who] for who in several]] = True
    is_wanted = wanted or SpeechRegion(0.0, len(speaking) * FRAME_S)
    begin, end = round(is_wanted.start_s / FRAME_S), round(is_wanted.end_s / FRAME_S)
    spans = _spans(speaking, begin, min(end, len(speaking)))
    return WindowVoices(
        activity,
        tuple(
            VoiceSpan(columns[who], first, stop, (stop - first) * FRAME_S, voice(who, hearing))
            for who, first, stop in spans
        ),
    )


def _spans(speaking: Sequence[str], begin: int, end: int) -> Iterator[tuple[str, int, int]]:
    """Yield who is heard alone for long enough, and where."""
    for who, run in groupby(range(begin, end), key=lambda frame: speaking[frame]):
        frames = list(run)
        if len(who) == 1 and len(frames) * FRAME_S >= MIN_HEARD_S:
            yield who, frames[0], frames[-1] + 1


def following(analyst: FakeAnalyst, decoder: AudioDecoder) -> SpeakerFollowing:
    return SpeakerFollowing(VOICES_MODEL, decoder=decoder, analysts=analyst)


class FakeRecordings:
    """A decoder of several recordings, each of one channel or more.

    Args:
        channels: by name of the file, the windows of each channel; an error is raised instead.

    Attributes:
        n_begun, n_closed: decodings that began, and that ended, by themselves or from outside.
        n_windows: that were handed out.
        may_end: where set, what must happen before a recording ends.
    """

    def __init__(self, channels: Mapping[str, Sequence[Sequence[Samples | Exception]]]) -> None:
        self.n_begun = 0
        self.n_closed = 0
        self.n_windows = 0
        self.may_end: asyncio.Event | None = None
        self._channels = channels

    async def decode(
        self, source: AudioSource, channel: int | None = None
    ) -> AsyncGenerator[Samples]:
        channels = self._channels[source.path.name]
        self.n_begun += 1
        try:
            if channel is not None and channel >= len(channels):
                raise MissingChannelError(f"The recording has {len(channels)} channels.")
            heard = channels if channel is None else [channels[channel]]
            for windows in zip(*heard, strict=True):
                self.n_windows += 1
                yield _mean(windows)
            if self.may_end is not None:
                await self.may_end.wait()
        finally:
            self.n_closed += 1


def _mean(windows: Sequence[Samples | Exception]) -> Samples:
    for window in windows:
        if isinstance(window, Exception):
            raise window
    mean: Samples = np.mean([w for w in windows if not isinstance(w, Exception)], axis=0)
    return mean.astype(np.float32)


def recording(name: str = "talk") -> AudioSource:
    """Return a recording that is only known by its name."""
    return AudioSource(Path(name), 0)
