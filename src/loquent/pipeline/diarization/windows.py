"""Cut a stream of samples into windows that overlap, holding only what is still needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loquent.domain.audio import Samples, SpeechRegion
from loquent.domain.audio import duration_s as length_s
from loquent.pipeline.rolling_audio import RollingAudio
from loquent.ports import WINDOW_S

HOP_S = 2.5
"""Time between the starts of two windows. Source: bench/NOTES.md."""

N_HEARINGS = 2
"""In how many windows a voice is heard: in the middle of each, where most is known around it."""

_MARGIN_S = (WINDOW_S - N_HEARINGS * HOP_S) / 2


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a recording, at most WINDOW_S.

    Attributes:
        wanted: the part of it whose voices are wanted; times count from its start.
    """

    samples: Samples
    wanted: SpeechRegion


def n_hearings(times_s: npt.NDArray[np.float64], n_windows: int) -> npt.NDArray[np.float64]:
    """Return in how many windows of a recording voices are wanted at each time, 1 or more.

    At both ends there are fewer that could hear them.
    """
    first = np.floor((times_s - WINDOW_S + _MARGIN_S) / HOP_S) + 1
    last = np.floor((times_s - _MARGIN_S) / HOP_S)
    n_wanted: npt.NDArray[np.float64] = np.minimum(last, n_windows - 1) - np.maximum(first, 0) + 1
    return np.maximum(n_wanted, 1.0)


class WindowCutter:
    """Samples in, windows out, one every HOP_S; nothing is awaited."""

    def __init__(self) -> None:
        self._audio = RollingAudio()
        self._n_cut = 0

    @property
    def duration_s(self) -> float:
        """Length of everything that came in."""
        return self._audio.duration_s

    def push(self, samples: Samples) -> list[Window]:
        """Take the next samples and return the windows that are complete and not the last."""
        self._audio.append(samples)
        windows = []
        while self._start_s + WINDOW_S < self.duration_s:
            cut = self._audio.cut(SpeechRegion(self._start_s, self._start_s + WINDOW_S))
            windows.append(Window(cut, SpeechRegion(self._wanted_from_s, WINDOW_S - _MARGIN_S)))
            self._n_cut += 1
            self._audio.release_before(self._start_s)
        return windows

    def finish(self) -> list[Window]:
        """End the recording and return its last window, if it had any sound."""
        samples = self._audio.cut(SpeechRegion(self._start_s, self.duration_s))
        end_s = length_s(samples)
        return [Window(samples, SpeechRegion(self._wanted_from_s, end_s))] if end_s else []

    @property
    def _start_s(self) -> float:
        return self._n_cut * HOP_S

    @property
    def _wanted_from_s(self) -> float:
        return _MARGIN_S if self._n_cut else 0.0
