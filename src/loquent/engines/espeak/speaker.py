"""Speaks with eSpeak NG itself: every language, no weights, and the sound of a machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from loquent.domain.speech import SpokenWord
from loquent.engines.espeak.library import Parameter, WordEvent, espeak
from loquent.ports import PieceOptions, SpokenPiece

USUAL_RATE: Final = 175
"""Words a minute at speed 1. Source: speak_lib.h."""

RATES: Final = (80, 450)
"""The slowest and the fastest. Source: speak_lib.h."""

_KNOBS: Final[Mapping[str, Parameter]] = {
    "pitch": Parameter.PITCH,
    "pitch_range": Parameter.RANGE,
    "word_gap": Parameter.WORD_GAP,
}
_USUAL: Final = {Parameter.PITCH: 50, Parameter.RANGE: 50, Parameter.WORD_GAP: 0}


@dataclass(frozen=True, slots=True)
class EspeakOptions:
    """eSpeak needs to be told nothing."""


class EspeakSpeaker:
    """A `SpeechMaker` without weights; its voices are the languages."""

    n_workers = 1

    def __init__(self, _folder: Path, _options: EspeakOptions) -> None:
        self._library = espeak()

    @property
    def sample_rate_hz(self) -> int:
        return self._library.sample_rate_hz

    def speak(self, text: str, options: PieceOptions) -> SpokenPiece:
        """Speak a piece of text, within the rates that eSpeak has."""
        rate = round(min(max(USUAL_RATE * options.speed, RATES[0]), RATES[1]))
        given = {_KNOBS[name]: round(value) for name, value in options.settings.items()}
        parameters = {**_USUAL, **given, Parameter.RATE: rate}
        sound, events = self._library.speak(text, options.language, parameters)
        samples = sound.astype(np.float32) / np.float32(32_768)
        length_s = len(samples) / self.sample_rate_hz
        return SpokenPiece(
            samples,
            self.sample_rate_hz,
            speed=rate / USUAL_RATE,
            words=_spoken_words(text, events, length_s) if options.word_times else (),
        )


def _spoken_words(
    text: str, events: Sequence[WordEvent], length_s: float
) -> tuple[SpokenWord, ...]:
    """Give each word the time until the next one begins, and what is written up to there."""
    if not events:
        return ()
    ends = [event.start for event in events[1:]] + [len(text)]
    times = [event.time_s for event in events] + [length_s]
    words = (
        SpokenWord(text[event.start : end].strip(), start_s, max(start_s, end_s))
        for event, end, (start_s, end_s) in zip(events, ends, pairwise(times), strict=True)
    )
    return tuple(word for word in words if word.text)
