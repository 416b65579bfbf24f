"""From everything that was heard in a recording to who speaks when; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from loquent.domain.speakers import Diarization, SpeakerSearch, SpeakerTurn, letter
from loquent.pipeline.diarization.clustering import HeadCount, Vectors, Voices, people
from loquent.pipeline.diarization.naming import names_of
from loquent.pipeline.diarization.turns import FIRST_FRAME_S, Turn, activity_of, speech_of, turns_of
from loquent.pipeline.diarization.windows import HOP_S, n_hearings
from loquent.ports import FRAME_S, N_VOICE_DIMENSIONS, WindowVoices

MIN_SPAN_S: Final = 0.6
"""Voices heard for less do not decide who there is, unless there are no others."""


def resolve(
    windows: Sequence[WindowVoices],
    duration_s: float,
    search: SpeakerSearch,
    known: Mapping[str, Vectors],
    model: str,
) -> Diarization:
    """Tell who speaks when.

    Args:
        windows: of the whole recording, in order.
        known: voices by name, each of shape (1, n_dimensions).
    """
    voices = people(voices_of(windows), head_count(search))
    if not len(voices) and any(window.activity.any() for window in windows):
        return _one_person(windows, duration_s, model)
    activity = activity_of(windows, voices)
    turns = turns_of(activity.overlapping, duration_s)
    in_order = dict.fromkeys(turn.person for turn in turns)
    names = names_of(voices, in_order, known)
    return Diarization(
        turns=_named(turns, names),
        exclusive=_named(turns_of(activity.exclusive, duration_s), names),
        duration_s=duration_s,
        model=model,
    )


def _one_person(windows: Sequence[WindowVoices], duration_s: float, model: str) -> Diarization:
    """Take all speech for one person's, where nobody is heard well enough to have a voice."""
    turns = _named(turns_of(speech_of(windows), duration_s), {0: letter(0)})
    return Diarization(turns, turns, duration_s, model)


def head_count(search: SpeakerSearch) -> HeadCount:
    """Return the bounds that a caller set."""
    if search.n_speakers is not None:
        return HeadCount(search.n_speakers, search.n_speakers)
    return HeadCount(search.min_speakers, search.max_speakers)


def voices_of(windows: Sequence[WindowVoices]) -> Voices:
    """Return the voices that decide who there is; the same speech is heard in several windows."""
    spans = [(number, span) for number, window in enumerate(windows) for span in window.spans]
    spans = [(number, span) for number, span in spans if span.heard_s >= MIN_SPAN_S] or spans
    if not spans:
        return Voices(np.zeros((0, N_VOICE_DIMENSIONS), dtype=np.float32), np.zeros(0))
    middles_s = [
        number * HOP_S + FIRST_FRAME_S + (span.first_frame + span.end_frame) / 2 * FRAME_S
        for number, span in spans
    ]
    heard_s = np.array([span.heard_s for _, span in spans])
    heard_s /= n_hearings(np.array(middles_s), len(windows))
    return Voices(np.stack([span.vector for _, span in spans]), heard_s)


def _named(turns: Sequence[Turn], names: Mapping[int, str]) -> tuple[SpeakerTurn, ...]:
    return tuple(SpeakerTurn(turn.start_s, turn.end_s, names[turn.person]) for turn in turns)
