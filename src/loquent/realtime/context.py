"""What was said just before a stretch: heard again with it, so that it is understood better.

A phrase between two silences is often too short to be understood alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from loquent.pipeline.segmentation import MAX_PAUSE_S
from loquent.realtime.utterance import Stretch

MAX_HEARD_S = 12.0
"""A stretch and what is heard again before it. Source: bench/NOTES.md."""

MAX_STRETCHES = 8


@dataclass(frozen=True, slots=True)
class Known:
    """Sound before a stretch, and what it says.

    Attributes:
        start_s: where it begins; the beginning of the stretch where nothing is known.
    """

    start_s: float
    text: str = ""


class Context:
    """The newest stretches of a session, in order."""

    def __init__(self) -> None:
        self._stretches: deque[Stretch] = deque(maxlen=MAX_STRETCHES)

    def add(self, stretch: Stretch) -> None:
        """Take a stretch that begins."""
        self._stretches.append(stretch)

    def before(self, stretch: Stretch, end_s: float, held_from_s: float) -> Known:
        """Return what is known of the sound before `stretch`, up to the last long pause.

        Args:
            end_s: where the sound of the stretch ends.
            held_from_s: sound before this time is gone.
        """
        first_s, texts = stretch.start_s, list[str]()
        for earlier in reversed(self._stretches):
            if earlier is stretch or earlier.start_s >= first_s:
                continue
            is_known = earlier.is_final and bool(earlier.text) and earlier.end_s is not None
            if not is_known or first_s - (earlier.end_s or 0.0) > MAX_PAUSE_S:
                break
            if end_s - earlier.start_s > MAX_HEARD_S or earlier.start_s < held_from_s:
                break
            first_s = earlier.start_s
            texts.append(earlier.text)
        return Known(first_s, "".join(reversed(texts)))
