"""Speaks with one of Piper's voices; knows no queue and no file format."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from loquent.domain.errors import EngineError, ModelLoadError
from loquent.domain.speech import SpokenWord, VoiceMix, Waveform
from loquent.engines.espeak.library import TIE, espeak
from loquent.engines.espeak.phonemes import phonemised
from loquent.engines.onnx import OnnxOptions, open_session
from loquent.engines.piper.config import read_config
from loquent.engines.word_times import spoken_words, word_spans
from loquent.ports import PieceOptions, SpokenPiece

SPEEDS: Final = (0.5, 1.5)
"""Beyond these the model's sounds do not become as much longer or shorter as they should."""

_PAD: Final = "_"
_START: Final = "^"
_END: Final = "$"
"""Signs of the input that stand for no sound. Source: piper's phoneme_ids."""

_FRAME_SAMPLES: Final = 256
"""Source: the hop length of Piper's training."""

_DURATIONS: Final = "/Ceil_output_0"
"""The tensor inside the graph that says how many frames each id lasts."""


class PiperSpeaker:
    """A `SpeechMaker` with the weights of one voice, which may have several speakers."""

    n_workers = 2

    def __init__(self, folder: Path, options: OnnxOptions) -> None:
        weights = _only(folder, "*.onnx")
        self._config = read_config(weights.with_name(f"{weights.name}.json"))
        self._session = open_session(weights, options, more_outputs=[_DURATIONS])
        self._library = espeak()

    @property
    def sample_rate_hz(self) -> int:
        return self._config.audio.sample_rate

    def speak(self, text: str, options: PieceOptions) -> SpokenPiece:
        """Speak a piece of text, in the one language that the voice has.

        Raises: EngineError.
        """
        signs = self._signs(text)
        if not signs:
            return SpokenPiece(np.empty(0, np.float32), self.sample_rate_hz, options.speed)
        speed = min(max(options.speed, SPEEDS[0]), SPEEDS[1])
        samples, n_frames = self._run(signs, options.voices, speed, options.settings)
        words: tuple[SpokenWord, ...] = ()
        if options.word_times:
            ends_s = self._sign_ends_s(signs, n_frames)
            words = spoken_words(word_spans(text, signs, self._signs), ends_s)
        return SpokenPiece(samples, self.sample_rate_hz, speed, words)

    def _signs(self, text: str) -> str:
        sounds = phonemised(self._library, text, self._config.espeak.voice).replace(TIE, "")
        known = self._config.phoneme_id_map
        return "".join(sign for sign in unicodedata.normalize("NFD", sounds) if sign in known)

    def _run(
        self, signs: str, voices: VoiceMix, speed: float, settings: Mapping[str, float]
    ) -> tuple[Waveform, Waveform]:
        """Return the sound, and the frames of each id."""
        tuned = self._config.inference
        scales = [
            settings.get("noise_scale", tuned.noise_scale),
            tuned.length_scale / speed,
            settings.get("noise_w", tuned.noise_w),
        ]
        ids = self._ids(signs)
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if self._config.num_speakers > 1:
            inputs["sid"] = np.array([self._speaker(voices)], np.int64)
        audio, n_frames = self._session.run(None, inputs)
        return audio.ravel(), n_frames.ravel()

    def _ids(self, signs: str) -> list[int]:
        id_map = self._config.phoneme_id_map
        pad = id_map.get(_PAD, (0,))
        ids = [*id_map.get(_START, ()), *pad]
        for sign in signs:
            ids += [*id_map[sign], *pad]
        return [*ids, *id_map.get(_END, ())]

    def _sign_ends_s(self, signs: str, n_frames: Waveform) -> list[float]:
        """Return when the first sign begins, and when each ends, its padding included."""
        id_map = self._config.phoneme_id_map
        n_pad = len(id_map.get(_PAD, (0,)))
        counts = [len(id_map.get(_START, ())) + n_pad, *(len(id_map[s]) + n_pad for s in signs)]
        ends = np.cumsum(counts) - 1
        frame_s = _FRAME_SAMPLES / self.sample_rate_hz
        times: list[float] = (np.cumsum(n_frames)[ends] * frame_s).tolist()
        return times

    def _speaker(self, voices: VoiceMix) -> int:
        """Return the number of the speaker with the largest share.

        Raises: EngineError.
        """
        name = max(voices, key=lambda voice: voice[1])[0]
        numbers = self._config.speaker_id_map
        if name in numbers:
            return numbers[name]
        if name.isdecimal() and int(name) < self._config.num_speakers:
            return int(name)
        raise EngineError(f"The voice has no speaker '{name}'.")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ModelLoadError("The model's folder does not hold one voice.")
    return found[0]
