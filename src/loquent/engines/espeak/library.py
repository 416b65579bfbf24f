"""The C interface of eSpeak NG; knows no phoneme set but its own.

Source of numbers and structures: espeak-ng/speak_lib.h, version 1.52.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping
from ctypes import POINTER, c_char_p, c_int, c_short, c_uint, c_void_p
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from threading import Lock
from typing import ClassVar, Final, Protocol

import espeakng_loader
import numpy as np
import numpy.typing as npt

from loquent.domain.errors import EngineError, ModelLoadError

TIE: Final = "^"
"""Stands between the letters of one sound."""

_SYNCHRONOUS: Final = 2
_DO_NOT_EXIT: Final = 0x8000
_UTF8: Final = 1
_IPA: Final = 0x02
_WITH_TIE: Final = 0x80 | ord(TIE) << 8
_WORD_EVENT: Final = 1
_LAST_EVENT: Final = 0

_VOICES: Final[Mapping[str, str]] = {"en": "en-us", "en-gb": "en", "no": "nb", "zh": "cmn"}
"""Language -> what eSpeak calls its voice, where that differs."""


class Parameter(IntEnum):
    """What can be set before speaking."""

    RATE = 1
    """Words a minute."""
    VOLUME = 2
    PITCH = 3
    RANGE = 4
    WORD_GAP = 7
    """Pauses between words in units of 10 ms."""


class _Event(ctypes.Structure):
    _fields_: ClassVar = [
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", ctypes.c_char * 8),
    ]


class _Events(Protocol):
    """A C array whose last element says that it is the last."""

    def __getitem__(self, index: int) -> _Event: ...


_Callback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


@dataclass(frozen=True, slots=True)
class WordEvent:
    """A word begins: where in the text, in characters from 0, and when."""

    start: int
    length: int
    time_s: float


@dataclass(slots=True)
class _Take:
    """What one call of the synthesis has given so far."""

    samples: list[npt.NDArray[np.int16]] = field(default_factory=list)
    words: list[WordEvent] = field(default_factory=list)


class Espeak:
    """The library; its state is that of the process, so calls take turns. See `espeak`."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path().encode()
        except (OSError, RuntimeError) as error:
            raise ModelLoadError("eSpeak NG cannot be loaded on this machine.") from error
        self._library.espeak_TextToPhonemes.restype = c_char_p
        self._library.espeak_TextToPhonemes.argtypes = [POINTER(c_char_p), c_int, c_int]
        self.sample_rate_hz: int = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, data, _DO_NOT_EXIT
        )
        if self.sample_rate_hz <= 0:
            raise ModelLoadError("eSpeak NG cannot read its data.")
        self._turn = Lock()
        self._voice = ""
        self._take = _Take()
        self._callback = _Callback(self._on_sound)  # kept, as the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def sounds(self, text: str, language: str) -> str:
        """Return the sounds of `text` in the International Phonetic Alphabet, without any marks.

        Args:
            language: as BCP 47 has it; names are those of eSpeak where it has its own.

        Raises: EngineError: if eSpeak does not know the language.
        """
        with self._turn:
            self._choose(language)
            rest = c_char_p(text.encode())
            clauses: list[str] = []
            while rest.value is not None:
                found = self._library.espeak_TextToPhonemes(
                    ctypes.byref(rest), _UTF8, _IPA | _WITH_TIE
                )
                clauses.append(found.decode(errors="ignore"))
        return " ".join(filter(None, clauses))

    def speak(
        self, text: str, language: str, parameters: Mapping[Parameter, int]
    ) -> tuple[npt.NDArray[np.int16], list[WordEvent]]:
        """Speak `text`; return the sound and when its words begin.

        Raises: EngineError.
        """
        encoded = text.encode()
        with self._turn:
            self._choose(language)
            for parameter, value in parameters.items():
                self._library.espeak_SetParameter(int(parameter), value, 0)
            self._take = _Take()
            status = self._library.espeak_Synth(
                encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None
            )
            take, self._take = self._take, _Take()
        if status:
            raise EngineError("eSpeak NG failed at this text.")
        sound = np.concatenate(take.samples or [np.empty(0, np.int16)])
        return sound, _from_the_first(text, take.words)

    def _choose(self, language: str) -> None:
        name = _VOICES.get(language.lower(), language.lower())
        if name == self._voice:
            return
        if self._library.espeak_SetVoiceByName(name.encode()):
            raise EngineError(f"eSpeak NG does not know the language '{language}'.")
        self._voice = name

    def _on_sound(self, samples: ctypes.Array[c_short], n_samples: int, events: _Events) -> int:
        """Take what the library has made; runs inside its call. 0 is to go on."""
        if samples and n_samples:
            raw = ctypes.string_at(samples, 2 * n_samples)
            self._take.samples.append(np.frombuffer(raw, dtype=np.int16))
        self._take.words += _words(events)
        return 0


@cache
def espeak() -> Espeak:
    """Return the one eSpeak of this process, loading it first.

    Raises: ModelLoadError.
    """
    return Espeak()


def _from_the_first(text: str, words: list[WordEvent]) -> list[WordEvent]:
    """Put back the first word, of which eSpeak does not tell after it has only read."""
    first = re.search(r"\w+", text)
    if first is None or (words and words[0].start <= first.start()):
        return words
    return [WordEvent(first.start(), len(first[0]), 0.0), *words]


def _words(events: _Events) -> list[WordEvent]:
    words: list[WordEvent] = []
    index = 0
    while (event := events[index]).type != _LAST_EVENT:
        if event.type == _WORD_EVENT:
            start, time_s = event.text_position - 1, event.audio_position / 1000
            words.append(WordEvent(start, event.length, time_s))
        index += 1
    return words
