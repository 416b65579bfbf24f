"""Find regions of speech in a stream of probabilities, and pack them into stretches to decode.

Both are plain state machines over times: values in, values out, nothing awaited. They see
neither samples nor text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loquent.domain.audio import SpeechRegion
from loquent.domain.request import SpeechDetection

FRAME_S = 0.032
"""Time step of the probabilities. Source: Silero VAD, 512 samples at 16 kHz."""

HYSTERESIS = 0.15
"""Speech ends this far below the threshold at which it begins. Source: Silero VAD."""

MIN_THRESHOLD = 0.01

MIN_SPEECH_S = 0.1
"""Shorter bursts are clicks."""

MAX_REGION_S = 28.0
"""Regions are cut at this length; Whisper hears at most 30 s at a time."""

MAX_STRETCH_S = 15.0
"""Regions are joined, with the pauses between them, up to this length: longer stretches are not
recognised any better and keep others waiting. One region alone may be longer."""

MAX_PAUSE_S = 2.0
"""A longer pause ends a stretch: silence inside one costs time and invites invention."""


@dataclass(slots=True)
class _OpenRegion:
    begin_s: float
    speech_end_s: float
    quietest_s: float
    quietest_probability: float = 1.0


class RegionFinder:
    """Turns speech probabilities into regions as soon as each is over."""

    def __init__(self, detection: SpeechDetection, *, max_region_s: float = MAX_REGION_S) -> None:
        self._begin_above = detection.threshold
        self._end_below = max(MIN_THRESHOLD, detection.threshold - HYSTERESIS)
        self._silence_s = detection.silence_duration_ms / 1000
        # Both paddings may take half of a region, so that the other half is left for speech.
        self._pad_s = min(detection.prefix_padding_ms / 1000, max_region_s / 4)
        self._max_region_s = max_region_s
        self._now_s = 0.0
        self._free_from_s = 0.0
        self._n_frames = 0
        self._open: _OpenRegion | None = None

    def push(self, probabilities: Iterable[float]) -> list[SpeechRegion]:
        """Take the next probabilities, one per 32 ms; return the regions that ended."""
        ended = []
        for probability in probabilities:
            region = self._step(probability)
            if region is not None:
                ended.append(region)
        return ended

    def finish(self, duration_s: float) -> list[SpeechRegion]:
        """Close the recording at `duration_s`; return the region that was still open, if any."""
        region = self._close(self._open.speech_end_s, limit_s=duration_s) if self._open else None
        return [region] if region else []

    @property
    def settled_s(self) -> float:
        """Audio before this time belongs to no future region."""
        begin_s = self._open.begin_s if self._open else self._now_s
        return max(self._free_from_s, begin_s - self._pad_s)

    def _step(self, probability: float) -> SpeechRegion | None:
        begin_s = self._n_frames * FRAME_S
        self._n_frames += 1
        self._now_s = self._n_frames * FRAME_S
        if self._open is None:
            if probability >= self._begin_above:
                self._open = _OpenRegion(begin_s, self._now_s, self._now_s)
            return None
        self._watch_quietest(self._open, probability)
        if probability >= self._end_below:
            self._open.speech_end_s = self._now_s
        elif self._now_s - self._open.speech_end_s >= self._silence_s:
            return self._close(self._open.speech_end_s, limit_s=self._now_s)
        if self._now_s - self._open.begin_s + 2 * self._pad_s >= self._max_region_s:
            return self._cut(self._open)
        return None

    def _watch_quietest(self, region: _OpenRegion, probability: float) -> None:
        """Remember the best place to cut, in the later half of what is allowed."""
        in_later_half = self._now_s - region.begin_s > self._max_region_s / 2
        if in_later_half and probability <= region.quietest_probability:
            region.quietest_s, region.quietest_probability = self._now_s, probability

    def _cut(self, region: _OpenRegion) -> SpeechRegion | None:
        """End a region that grew too long where speech was least likely; the rest goes on."""
        cut_s = region.quietest_s if region.quietest_s > region.begin_s else self._now_s
        ended = self._close(cut_s, limit_s=cut_s)
        self._open = _OpenRegion(cut_s, max(cut_s, region.speech_end_s), self._now_s)
        return ended

    def _close(self, speech_end_s: float, *, limit_s: float) -> SpeechRegion | None:
        assert self._open is not None
        begin_s = self._open.begin_s
        self._open = None
        if speech_end_s - begin_s < MIN_SPEECH_S:
            return None
        padded = SpeechRegion(
            max(self._free_from_s, begin_s - self._pad_s),
            min(limit_s, speech_end_s + self._pad_s),
        )
        self._free_from_s = padded.end_s
        return padded


class StretchPacker:
    """Joins neighbouring regions into stretches that give the engine context."""

    def __init__(
        self, *, max_stretch_s: float = MAX_STRETCH_S, max_pause_s: float = MAX_PAUSE_S
    ) -> None:
        self._max_stretch_s = max_stretch_s
        self._max_pause_s = max_pause_s
        self._open: SpeechRegion | None = None

    def push(self, region: SpeechRegion) -> SpeechRegion | None:
        """Take the next region; return the stretch that is complete without it, if any."""
        if self._open is None:
            self._open = region
            return None
        is_near = region.start_s - self._open.end_s <= self._max_pause_s
        fits = region.end_s - self._open.start_s <= self._max_stretch_s
        if is_near and fits:
            self._open = SpeechRegion(self._open.start_s, region.end_s)
            return None
        complete, self._open = self._open, region
        return complete

    def pass_silence(self, until_s: float) -> SpeechRegion | None:
        """Take note that no region will begin before `until_s`; return a stretch that this ends."""
        if self._open is None or until_s - self._open.end_s <= self._max_pause_s:
            return None
        return self.finish()

    def finish(self) -> SpeechRegion | None:
        """Return the last stretch, if any."""
        complete, self._open = self._open, None
        return complete

    @property
    def needed_from_s(self) -> float | None:
        """Where the open stretch begins; audio from here on is still needed."""
        return self._open.start_s if self._open else None
