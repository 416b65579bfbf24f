"""Finds where in a window one speaker is heard alone; knows no voice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loquent.engines.voices.activity import Activity
from loquent.ports import FRAME_S

MAX_SPAN_FRAMES: Final = round(4.05 / FRAME_S)
"""Longer spans are cut: two people whom the network takes for one are then not one voice."""

MAX_PAUSE_FRAMES: Final = round(0.3 / FRAME_S)
"""A speaker who is silent for no longer, while nobody else speaks, goes on."""


@dataclass(frozen=True, slots=True)
class Span:
    """Frames `first`..`end` - 1 of a window, in which `column` speaks alone, or nobody does."""

    column: int
    first: int
    end: int


def alone(activity: Activity) -> Activity:
    """Return who speaks while nobody else does."""
    is_one: NDArray[np.bool_] = activity.sum(axis=1, keepdims=True) == 1
    return activity & is_one


def lone_spans(activity: Activity, wanted: slice) -> Iterator[Span]:
    """Yield where each speaker is alone within the frames `wanted`, column by column."""
    is_wanted = np.zeros((len(activity), 1), np.bool_)
    is_wanted[wanted] = True
    is_silent: NDArray[np.bool_] = activity.sum(axis=1) == 0
    for column, is_alone in enumerate((alone(activity) & is_wanted).T):
        for first, end in _joined(_runs(is_alone), is_silent):
            n_parts = -(-(end - first) // MAX_SPAN_FRAMES)
            edges = [first + (end - first) * part // n_parts for part in range(n_parts + 1)]
            for begin, stop in pairwise(edges):
                yield Span(column, begin, stop)


def _runs(values: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where `values` are true: the first of each run, and what is behind its last."""
    padded = np.concatenate([[False], values, [False]]).astype(np.int8)
    changes = np.diff(padded)
    begins, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def _joined(runs: list[tuple[int, int]], is_silent: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Join runs between which there is a short silence."""
    joined: list[tuple[int, int]] = []
    for first, end in runs:
        pause = slice(joined[-1][1], first) if joined else slice(0)
        is_short = joined and first - joined[-1][1] <= MAX_PAUSE_FRAMES
        if is_short and is_silent[pause].all():
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((first, end))
    return joined
