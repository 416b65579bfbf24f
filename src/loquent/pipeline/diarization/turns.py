"""From windows in which people have no names to the turns of each person; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from loquent.pipeline.diarization.clustering import Vectors
from loquent.pipeline.diarization.windows import HOP_S
from loquent.ports import FRAME_S, N_WINDOW_SPEAKERS, VoiceSpan, WindowVoices

FIRST_FRAME_S: Final = (991 - 270) / 2 / 16_000
"""Where the first frame of a window begins: the network sees 991 samples around its middle.
Source: strides and kernels of segmentation-3.0."""

MIN_TURN_S: Final = 0.1
"""Nobody says anything in less: it is where two windows disagree. Source: bench/NOTES.md."""

NEAR_FRAMES: Final = round(1.0 / FRAME_S)
FAR_VOTE: Final = 0.3
"""What a frame counts that is further from any heard voice of its column: it may be another's."""

Frames: TypeAlias = npt.NDArray[np.bool_]
"""Who speaks when: shape (n_frames, n_people)."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Who speaks when, over a whole recording.

    Attributes:
        overlapping: as many at once as speak.
        exclusive: of those, the one who is heard best.
    """

    overlapping: Frames
    exclusive: Frames


@dataclass(frozen=True, slots=True)
class Turn:
    """A span in which one person, by number, speaks."""

    start_s: float
    end_s: float
    person: int


def activity_of(windows: Sequence[WindowVoices], people: Vectors) -> Activity:
    """Lay the windows over one another; each frame is what most windows say of it.

    Args:
        windows: one every HOP_S.
        people: the voice of each person.
    """
    votes = np.zeros((_n_frames(windows), len(people)), dtype=np.float32)
    for number, window in enumerate(windows):
        for ballot in _ballots(window, people):
            votes[_first(number) + ballot.frames, ballot.people] += ballot.votes
    n_at_once = _n_at_once(windows)
    return Activity(_elected(votes, n_at_once), _elected(votes, np.minimum(n_at_once, 1)))


def speech_of(windows: Sequence[WindowVoices]) -> Frames:
    """Return when anybody speaks, as if it were one person."""
    return _n_at_once(windows)[:, None] > 0


def turns_of(frames: Frames, duration_s: float) -> list[Turn]:
    """Return the spans of `frames` that are long enough to be one, sorted by start."""
    padded = np.zeros((len(frames) + 2, frames.shape[1]), dtype=np.int8)
    padded[1:-1] = frames
    changes = np.diff(padded, axis=0)
    turns = []
    for person in range(frames.shape[1]):
        begins, ends = (np.flatnonzero(changes[:, person] == sign) for sign in (1, -1))
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            start_s = FIRST_FRAME_S + begin * FRAME_S
            end_s = min(FIRST_FRAME_S + end * FRAME_S, duration_s)
            if end_s - start_s >= MIN_TURN_S:
                turns.append(Turn(start_s, end_s, person))
    return sorted(turns, key=lambda turn: (turn.start_s, turn.end_s, turn.person))


@dataclass(frozen=True, slots=True)
class _Ballot:
    """What one column of a window says of its frames; all three have one entry for each."""

    frames: npt.NDArray[np.intp]
    people: npt.NDArray[np.intp]
    votes: npt.NDArray[np.float32]


def _ballots(window: WindowVoices, people: Vectors) -> Iterator[_Ballot]:
    """Give each active frame to the person whom the nearest span of its column sounds like.

    A column need not be one person's: the network has three, and takes similar voices for one.
    """
    if not len(people):
        return
    for column in range(N_WINDOW_SPEAKERS):
        spans = [span for span in window.spans if span.column == column]
        frames = np.flatnonzero(window.activity[:, column])
        if spans and len(frames):
            distances = np.stack([_distances(span, frames) for span in spans])
            vectors = np.stack([span.vector for span in spans])
            who = (vectors @ people.T).argmax(axis=1)[distances.argmin(axis=0)]
            is_near = distances.min(axis=0) <= NEAR_FRAMES
            yield _Ballot(frames, who, np.where(is_near, 1.0, FAR_VOTE).astype(np.float32))


def _distances(span: VoiceSpan, frames: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return how many frames lie between each of `frames` and the span, 0 inside."""
    return np.maximum(np.maximum(span.first_frame - frames, frames - span.end_frame + 1), 0)


def _n_frames(windows: Sequence[WindowVoices]) -> int:
    return max((_first(n) + len(window.activity) for n, window in enumerate(windows)), default=0)


def _n_at_once(windows: Sequence[WindowVoices]) -> npt.NDArray[np.intp]:
    """Return how many people speak in each frame, as most windows have it."""
    n_speaking = np.zeros(_n_frames(windows), dtype=np.float32)
    n_windows = np.zeros_like(n_speaking)
    for number, window in enumerate(windows):
        span = slice(_first(number), _first(number) + len(window.activity))
        n_speaking[span] += window.activity.sum(axis=1)
        n_windows[span] += 1
    return np.floor(n_speaking / np.maximum(n_windows, 1) + 0.5).astype(np.intp)


def _first(number: int) -> int:
    """Return the first frame of a window."""
    return round(number * HOP_S / FRAME_S)


def _elected(votes: npt.NDArray[np.float32], n_at_once: npt.NDArray[np.intp]) -> Frames:
    """Mark, in each frame, as many people as speak at once: those with the most votes."""
    elected = np.zeros(votes.shape, dtype=np.bool_)
    if not votes.shape[1]:
        return elected
    for rank in range(min(votes.shape[1], int(n_at_once.max(initial=0)))):
        rows = np.flatnonzero(n_at_once > rank)
        left = np.where(elected[rows], -np.inf, votes[rows])
        chosen = left.argmax(axis=1)
        elected[rows, chosen] = votes[rows, chosen] > 0
    return elected
