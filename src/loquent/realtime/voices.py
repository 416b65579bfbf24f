"""Follows who speaks in one session: hears voices stretch by stretch, names them in finals."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

from loquent.domain.audio import Samples, SpeechRegion, duration_s
from loquent.domain.errors import LoquentError
from loquent.domain.live import Final
from loquent.domain.speakers import SpeakerTurn
from loquent.domain.transcript import Segment
from loquent.pipeline.attribution import attributed
from loquent.pipeline.diarization.turns import FIRST_FRAME_S
from loquent.pipeline.rolling_audio import RollingAudio
from loquent.ports import FRAME_S, WINDOW_S, VoiceAnalyst, WindowVoices
from loquent.realtime.commands import Effort, Recognise
from loquent.realtime.roster import HeardVoice, Roster

MAX_STRETCHES = 1_000
"""Of an utterance whose voices are kept, the newest: a few megabytes. Nobody speaks for two hours
without a silence, but a caller may ask for it."""

BringAnalyst: TypeAlias = Callable[[], Awaitable[VoiceAnalyst]]
"""Brings the model into memory.

Raises: OverloadedError, ModelNotFoundError, ModelLoadError, ModelNotReadyError.
"""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a stretch, at most WINDOW_S, and where in the session it begins."""

    start_s: float
    samples: Samples


@dataclass(frozen=True, slots=True)
class _Heard:
    """The voices of a stretch.

    Attributes:
        end_s: up to where it was heard.
    """

    end_s: float
    voices: tuple[HeardVoice, ...]


class SpeakerWatch:
    """Who speaks in one session, as long as that is wanted; letters stay when it is not."""

    def __init__(self, bring: BringAnalyst) -> None:
        self._bring = bring
        self._analyst: VoiceAnalyst | None = None
        self._roster = Roster()
        self._heard: dict[float, _Heard] = {}
        self._last: str | None = None

    async def switch(self, *, is_on: bool) -> None:
        """Name those who speak from here on, or nobody.

        Raises: what `BringAnalyst` does; then nothing has changed.
        """
        if not is_on:
            self._analyst = None
        elif self._analyst is None:
            self._analyst = await self._bring()

    def windows(self, job: Recognise, audio: RollingAudio) -> list[Window]:
        """Return the sound in which voices are to be heard; nothing where they are not.

        It is that of the stretch alone: among others before them, voices are told apart less well.
        """
        if self._analyst is None or job.effort is not Effort.FINAL:
            return []
        length_s = job.end_s - job.start_s
        n_windows = max(1, math.ceil(length_s / WINDOW_S))
        edges_s = [job.start_s + length_s * n / n_windows for n in range(n_windows + 1)]
        return [
            Window(start_s, audio.cut(SpeechRegion(start_s, end_s)))
            for start_s, end_s in pairwise(edges_s)
        ]

    async def hear(self, job: Recognise, windows: Sequence[Window], due_s: float) -> None:
        """Take note of the voices of a stretch.

        Where the model fails nobody was heard: the text is worth more than whose it is.
        """
        analyst = self._analyst
        if analyst is None:
            return
        voices: list[HeardVoice] = []
        try:
            for window in windows:
                region = SpeechRegion(0.0, duration_s(window.samples))
                found = await analyst.analyse(window.samples, region, due_s)
                voices += _placed(found, window.start_s)
        except LoquentError:
            return
        before = self._heard.get(job.start_s)
        if before is None or before.end_s <= job.end_s:
            self._heard[job.start_s] = _Heard(job.end_s, tuple(voices))
        if len(self._heard) > MAX_STRETCHES:
            del self._heard[min(self._heard)]

    def named(self, final: Final) -> Final:
        """Return `final` with who speaks in it, and forget what was heard up to its end.

        Where there is no word nobody speaks, whatever was heard.
        """
        voices = [
            voice
            for start_s, heard in self._heard.items()
            if final.start_s <= start_s < final.end_s
            for voice in heard.voices
        ]
        self._heard = {
            start_s: heard for start_s, heard in self._heard.items() if start_s >= final.end_s
        }
        if self._analyst is None or not final.transcript.text:
            return final
        turns = self._roster.turns(voices)
        if not turns and self._last:
            turns = (SpeakerTurn(final.start_s, final.end_s, self._last),)
        if not turns:
            return final
        segments = attributed(final.transcript.segments, turns)
        self._last = _main_speaker(segments)
        transcript = replace(final.transcript, segments=segments)
        return replace(final, transcript=transcript, speaker=self._last)


def _placed(found: WindowVoices, start_s: float) -> Iterator[HeardVoice]:
    """Yield the voices of a window that begins at `start_s`.

    Their columns do not matter: two people are easily taken for one in a short sound, and seldom
    sound alike.
    """
    origin_s = start_s + FIRST_FRAME_S
    for span in found.spans:
        yield HeardVoice(
            start_s=origin_s + span.first_frame * FRAME_S,
            end_s=origin_s + span.end_frame * FRAME_S,
            heard_s=span.heard_s,
            vector=span.vector,
        )


def _main_speaker(segments: Iterable[Segment]) -> str | None:
    """Return who says the segments that last longest."""
    said_s: dict[str, float] = {}
    for segment in segments:
        if segment.speaker:
            length_s = segment.end_s - segment.start_s
            said_s[segment.speaker] = said_s.get(segment.speaker, 0.0) + length_s
    return max(said_s, key=lambda speaker: said_s[speaker], default=None)
