"""Speaks with Kokoro; knows no queue and no file format."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import numpy as np

from loquent.domain.errors import EngineError
from loquent.domain.speech import SpokenWord, VoiceMix, Waveform
from loquent.engines.espeak.library import espeak
from loquent.engines.kokoro.pronunciation import pronounced
from loquent.engines.kokoro.symbols import IDS, MAX_SIGNS, PAD
from loquent.engines.onnx import OnnxOptions, open_session
from loquent.engines.word_times import spoken_words, word_spans
from loquent.ports import PieceOptions, SpokenPiece

SAMPLE_RATE_HZ: Final = 24_000

SPEEDS: Final = (0.5, 2.0)
"""Faster than this, sounds become shorter than the model's shortest."""

_DURATIONS: Final = "/encoder/Clip_output_0"
"""The tensor inside the graph that says how many frames each sign lasts."""

_FRAME_SAMPLES: Final = 600
_STYLE_SIZE: Final = 256


class KokoroSpeaker:
    """A `SpeechMaker` with Kokoro's weights."""

    n_workers = 2
    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, folder: Path, options: OnnxOptions) -> None:
        self._voices = folder / "voices"
        self._session = open_session(folder / "model.onnx", options, more_outputs=[_DURATIONS])
        self._library = espeak()
        self._voice = lru_cache(maxsize=64)(self._read_voice)

    def speak(self, text: str, options: PieceOptions) -> SpokenPiece:
        """Speak a piece of text.

        Raises: EngineError.
        """
        signs_of = partial(pronounced, self._library, language=options.language)
        signs = signs_of(text)
        speed = min(max(options.speed, SPEEDS[0]), SPEEDS[1])
        parts = [self._part(part, options.voices, speed) for part in _parts(signs)]
        samples = np.concatenate([part for part, _ in parts] or [np.empty(0, np.float32)])
        words: tuple[SpokenWord, ...] = ()
        if options.word_times and parts:
            n_frames = np.concatenate([frames for _, frames in parts])
            ends_s = np.cumsum(n_frames * (_FRAME_SAMPLES / SAMPLE_RATE_HZ)).tolist()
            words = spoken_words(word_spans(text, signs, signs_of), ends_s)
        return SpokenPiece(samples, SAMPLE_RATE_HZ, speed, words)

    def _part(self, signs: str, voices: VoiceMix, speed: float) -> tuple[Waveform, Waveform]:
        """Return the sound of at most `MAX_SIGNS` signs, and the frames of each and of the start.

        Of the frames, the last counts the silence at the end too.
        """
        ids = [PAD, *(IDS[sign] for sign in signs), PAD]
        style = sum(share * self._voice(name)[len(signs) - 1] for name, share in voices)
        audio, frames = self._session.run(
            None,
            {
                "tokens": np.array([ids], np.int64),
                "style": np.asarray(style, np.float32).reshape(1, _STYLE_SIZE),
                "speed": np.array([speed], np.float32),
            },
        )
        return audio.ravel(), frames.ravel()[: len(signs) + 1]

    def _read_voice(self, name: str) -> Waveform:
        """Return the styles of a voice, shape (510, 256): one for each number of signs.

        Raises: EngineError.
        """
        try:
            return np.fromfile(self._voices / f"{name}.bin", np.float32).reshape(-1, _STYLE_SIZE)
        except (OSError, ValueError) as error:
            raise EngineError(f"The voice '{name}' cannot be read.") from error


def _parts(signs: str) -> list[str]:
    """Cut signs that are too many for one run, at spaces where there are some."""
    parts: list[str] = []
    while len(signs) > MAX_SIGNS:
        space = signs.rfind(" ", 1, MAX_SIGNS)
        end = space + 1 if space > 0 else MAX_SIGNS
        parts.append(signs[:end])
        signs = signs[end:]
    return [*parts, signs] if signs else parts
