"""Speech as probabilities, and rules to judge it by, for the tests of live transcription."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from hypothesis import strategies as st

from loquent.domain.live import LiveRequest, SoundFormat
from loquent.domain.request import SpeechDetection
from loquent.pipeline.segmentation import FRAME_S

SPEECH, MURMUR, SILENCE = 0.95, 0.42, 0.02
"""A murmur begins no speech, but does not end it either."""

MAX_PADDING_MS, MAX_SILENCE_MS = 5_000, 30_000
"""The most that callers may ask for."""

FORMAT = SoundFormat(16_000)

Run: TypeAlias = tuple[float, int]
"""A probability, and how many frames have it."""


def n_frames(length_s: float) -> int:
    """Return the least number of frames that last at least so long."""
    n = round(length_s / FRAME_S)
    return n if n * FRAME_S >= length_s - 1e-9 else n + 1


def speech(length_s: float) -> list[float]:
    return [SPEECH] * n_frames(length_s)


def silence(length_s: float) -> list[float]:
    return [SILENCE] * n_frames(length_s)


def spelled_out(runs: Sequence[Run]) -> list[float]:
    return [probability for probability, n in runs for _ in range(n)]


def request(
    *,
    language: str | None = None,
    silence_ms: int = 500,
    padding_ms: int = 300,
    ends_by_silence: bool = True,
    interim_s: float = 0.0,
    speakers: bool = False,
) -> LiveRequest:
    """Return what a caller asks for who is content with most of the defaults."""
    return LiveRequest(
        model="a/model",
        sound=FORMAT,
        language=language,
        detection=SpeechDetection(prefix_padding_ms=padding_ms, silence_duration_ms=silence_ms),
        ends_by_silence=ends_by_silence,
        interim_s=interim_s,
        speakers=speakers,
    )


DETECTIONS = st.builds(
    SpeechDetection,
    threshold=st.sampled_from([0.0, 0.3, 0.5, 0.9]),
    prefix_padding_ms=st.sampled_from([0, 100, 300, 1_000, MAX_PADDING_MS]),
    silence_duration_ms=st.sampled_from([0, 100, 300, 500, 2_000, 9_000, MAX_SILENCE_MS]),
)

PROBABILITIES = st.one_of(
    st.sampled_from([SPEECH, MURMUR, SILENCE]), st.floats(0.0, 1.0, allow_nan=False)
)

RUNS = st.lists(
    st.tuples(PROBABILITIES, st.one_of(st.integers(1, 12), st.integers(1, 700))), max_size=6
)
"""Up to a minute or so; mostly less."""
