"""Fits spoken pieces together: no click, and a pause as long as the writing asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from loquent.codec.tempo import at_tempo
from loquent.domain.speech import SpokenWord, Waveform
from loquent.pipeline.script.borders import Strength
from loquent.ports import SpokenPiece

QUIET: Final = 10 ** (-50 / 20)
"""Below this, relative to full scale, is the silence that models put around what they speak."""

HEAD_S: Final = 0.015
TAIL_S: Final = 0.06
"""How much of that silence is kept, so that no soft beginning or end is cut."""

FADE_S: Final = 0.004
"""In so much time sound comes from nothing, and goes."""

PAUSES_S: Final = {
    Strength.WORD: 0.0,
    Strength.CLAUSE: 0.12,
    Strength.SENTENCE: 0.28,
    Strength.PARAGRAPH: 0.55,
}
"""Silence behind a piece, at speed 1, by the place where it was cut."""


@dataclass(frozen=True, slots=True)
class FittedPiece:
    """A piece as it goes into the whole; times count from its start."""

    samples: Waveform
    words: tuple[SpokenWord, ...]


def fitted(piece: SpokenPiece, speed: float, border: Strength | None) -> FittedPiece:
    """Trim a piece, bring it to the wanted speed and let the pause follow.

    Args:
        speed: what was asked for, where the engine could not go that far itself.
        border: where it was cut; None for the last piece, which no pause follows.
    """
    rate_hz = piece.sample_rate_hz
    start, end = _sounding(piece.samples, rate_hz)
    tempo = speed / piece.speed
    sound = _faded(at_tempo(piece.samples[start:end], rate_hz, tempo), rate_hz)
    pause_s = PAUSES_S[border] / speed if border is not None else 0.0
    pause = np.zeros(round(pause_s * rate_hz), np.float32)
    head_s, length_s = start / rate_hz, len(sound) / rate_hz
    words = tuple(_moved(word, head_s, tempo, length_s) for word in piece.words)
    return FittedPiece(np.concatenate([sound, pause]), words)


def _sounding(samples: Waveform, rate_hz: int) -> tuple[int, int]:
    """Return where the sound begins and ends, with a little silence around it."""
    loud = np.flatnonzero(np.abs(samples) > QUIET)
    if not len(loud):
        return 0, 0
    start = int(loud[0]) - round(HEAD_S * rate_hz)
    end = int(loud[-1]) + 1 + round(TAIL_S * rate_hz)
    return max(0, start), min(len(samples), end)


def _faded(samples: Waveform, rate_hz: int) -> Waveform:
    n_fade = min(round(FADE_S * rate_hz), len(samples) // 2)
    ramp = np.sin(np.linspace(0, np.pi / 2, n_fade, dtype=np.float32)) ** 2
    faded = samples.copy()
    faded[:n_fade] *= ramp
    faded[len(faded) - n_fade :] *= ramp[::-1]
    return faded


def _moved(word: SpokenWord, head_s: float, tempo: float, length_s: float) -> SpokenWord:
    start_s, end_s = (
        min(max(0.0, (time_s - head_s) / tempo), length_s) for time_s in (word.start_s, word.end_s)
    )
    return replace(word, start_s=start_s, end_s=end_s)
