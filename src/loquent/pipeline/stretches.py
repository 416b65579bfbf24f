"""Cut a stream of samples into stretches of speech, holding only what is still needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loquent.domain.audio import Samples, SpeechRegion
from loquent.domain.request import SpeechDetection
from loquent.pipeline.rolling_audio import RollingAudio
from loquent.pipeline.segmentation import RegionFinder, StretchPacker


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech to decode in one go, at most 30 s, and where in the recording it begins."""

    start_s: float
    samples: Samples


class StretchCutter:
    """Samples and their speech probabilities in, stretches out; nothing is awaited."""

    def __init__(self, detection: SpeechDetection) -> None:
        self._audio = RollingAudio()
        self._regions = RegionFinder(detection)
        self._packer = StretchPacker()

    @property
    def duration_s(self) -> float:
        """Length of everything that came in."""
        return self._audio.duration_s

    def push(self, samples: Samples, probabilities: Iterable[float]) -> list[Stretch]:
        """Take the next samples and return the stretches that are complete."""
        self._audio.append(samples)
        stretches = self._pack(self._regions.push(probabilities))
        ended = self._packer.pass_silence(self._regions.settled_s)
        if ended:
            stretches.append(self._cut(ended))
        self._release()
        return stretches

    def finish(self) -> list[Stretch]:
        """End the recording and return what was still open."""
        stretches = self._pack(self._regions.finish(self.duration_s))
        last = self._packer.finish()
        return [*stretches, self._cut(last)] if last else stretches

    def _pack(self, regions: Iterable[SpeechRegion]) -> list[Stretch]:
        complete = (self._packer.push(region) for region in regions)
        return [self._cut(region) for region in complete if region is not None]

    def _cut(self, region: SpeechRegion) -> Stretch:
        return Stretch(region.start_s, self._audio.cut(region))

    def _release(self) -> None:
        needed_from_s = self._packer.needed_from_s
        settled_s = self._regions.settled_s
        self._audio.release_before(
            settled_s if needed_from_s is None else min(needed_from_s, settled_s)
        )
