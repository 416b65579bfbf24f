"""What is heard of recordings that are written down as letters, one for each frame and person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loquent.domain.audio import SpeechRegion
from loquent.pipeline.diarization.clustering import Vectors
from loquent.pipeline.diarization.turns import FIRST_FRAME_S, Turn
from loquent.pipeline.diarization.windows import HOP_S
from loquent.ports import FRAME_S, WINDOW_S, WindowVoices
from tests.fakes.fake_voices import N_FRAMES, voice, window_voices

SECOND = round(1 / FRAME_S)
"""Frames in a second."""


def said(*parts: tuple[str, float]) -> list[str]:
    """Return who speaks in each frame of a recording, from who speaks for how long."""
    return [people for people, length_s in parts for _ in range(round(length_s / FRAME_S))]


def first_frame(number: int) -> int:
    """Return the first frame of a window."""
    return round(number * HOP_S / FRAME_S)


def heard(speaking: Sequence[str]) -> list[WindowVoices]:
    """Return the windows of a recording, voices wanted as the cutter wants them."""
    n_windows = 1
    while first_frame(n_windows - 1) + N_FRAMES < len(speaking):
        n_windows += 1
    windows = []
    for number in range(n_windows):
        own = list(speaking[first_frame(number) :][:N_FRAMES])
        begin_s = HOP_S if number else 0.0
        end_s = WINDOW_S - HOP_S if number < n_windows - 1 else WINDOW_S
        own += [""] * (N_FRAMES - len(own))
        windows.append(window_voices(own, SpeechRegion(begin_s, end_s), hearing=number))
    return windows


def voices_of_people(people: str) -> Vectors:
    """Return how each of some people sounds, in the order of their letters."""
    return np.stack([voice(person) for person in people])


def turn(first: int, end: int, person: int) -> Turn:
    """Return a turn from a frame to another."""
    return Turn(FIRST_FRAME_S + first * FRAME_S, FIRST_FRAME_S + end * FRAME_S, person)
