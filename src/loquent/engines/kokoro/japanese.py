"""Reads Japanese in the signs of Kokoro's training; Open JTalk tells how its words are read."""
# ruff: noqa: RUF001 - letters of the phonetic alphabet look like others

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from loquent.domain.errors import EngineError

# Source of all tables: misaki, the front end of Kokoro's training.
_COLUMNS: Final = ("a", "i", "ɯ", "e", "o")
_ROWS: Final[Mapping[str, tuple[str, ...]]] = {
    "アイウエオ": ("", "", "", "", ""),
    "カキクケコ": ("k", "kʲ", "k", "k", "k"),
    "ガギグゲゴ": ("ɡ", "ɡʲ", "ɡ", "ɡ", "ɡ"),
    "サシスセソ": ("s", "ɕ", "s", "s", "s"),
    "ザジズゼゾ": ("ʣ", "ʥ", "z", "ʣ", "ʣ"),
    "タチツテト": ("t", "ʨ", "ʦ", "t", "t"),
    "ダヂヅデド": ("d", "ʥ", "z", "d", "d"),
    "ナニヌネノ": ("n", "ɲ", "n", "n", "n"),
    "ハヒフヘホ": ("h", "ç", "ɸ", "h", "h"),
    "バビブベボ": ("b", "bʲ", "b", "b", "b"),
    "パピプペポ": ("p", "pʲ", "p", "p", "p"),
    "マミムメモ": ("m", "mʲ", "m", "m", "m"),
    "ラリルレロ": ("ɾ", "ɾʲ", "ɾ", "ɾ", "ɾ"),
    "ワヰヴヱヲ": ("β", "", "v", "", ""),
}
_ONSETS: Final = {
    **{kana: onset for row in _ROWS for kana, onset in zip(row, _ROWS[row], strict=True)},
    **dict.fromkeys("ヤユヨ", "j"),
}
_VOWELS: Final = {
    **{kana: vowel for row in _ROWS for kana, vowel in zip(row, _COLUMNS, strict=True)},
    **dict.fromkeys("スズツヅ", "ɨ"),
    "ヤ": "a",
    "ユ": "ɯ",
    "ヨ": "o",
}
_SMALL: Final = {
    **dict(zip("ァィゥェォ", _COLUMNS, strict=True)),
    "ャ": "a",
    "ュ": "ɨ",
    "ョ": "o",
    "ヮ": "a",
}
_ROUNDED: Final = {"ク": "kᵝ", "グ": "ɡᵝ", "ウ": "β"}
_SOFTENED: Final = frozenset("テデツフヴ")
_NASALS: Final = (("mpb", "m"), ("kɡ", "ŋ"), ("ɲʨʥ", "ɲ"), ("ntdɾzʣ", "n"))
_LONE: Final = {"ー": "ː", "ッ": "ʔ"}
_NASAL: Final = "ン"

_SYMBOL: Final = "記号"


def japanese(clause: str) -> str:
    """Return the signs for a clause without marks, a space between its words.

    Raises: EngineError: if what reads Japanese is not installed.
    """
    words = (signs(_reading(word)) for word in _reader()(clause) if word["pos"] != _SYMBOL)
    return " ".join(filter(None, words))


def signs(reading: str) -> str:
    """Return the signs for a word that is written in katakana, as it is pronounced."""
    return "".join(_sound(reading, place) for place in range(len(reading)))


def _sound(reading: str, place: int) -> str:
    kana, following = reading[place], reading[place + 1 : place + 2]
    if kana in _LONE:
        return _LONE[kana]
    if kana == _NASAL:
        return _nasal(following)
    if kana in _SMALL:
        is_taken = place and reading[place - 1] in _ONSETS
        return "" if is_taken else _SMALL[kana]
    if kana in _ONSETS and following in _SMALL:
        return _onset_before(kana, following) + _SMALL[following]
    return _ONSETS.get(kana, "") + _VOWELS.get(kana, "")


def _onset_before(kana: str, small: str) -> str:
    """Return how a consonant sounds before a small vowel."""
    if small not in "ャュョゥ" and kana in _ROUNDED:
        return _ROUNDED[kana]
    is_softened = kana in _SOFTENED and small in "ィュョ"
    return _ONSETS[kana] + ("ʲ" if is_softened else "")


def _nasal(following: str) -> str:
    onset = _ONSETS.get(following, "")
    return next((nasal for onsets, nasal in _NASALS if onset and onset[0] in onsets), "ɴ")


def _reading(word: Mapping[str, Any]) -> str:
    return str(word["pron"]).replace("’", "").replace("'", "")


@cache
def _reader() -> Callable[[str], Iterator[Mapping[str, Any]]]:
    """Load Open JTalk, which is an extra of its own for its size."""
    try:
        library: Any = importlib.import_module("pyopenjtalk")
    except ImportError as error:
        raise EngineError(
            "Japanese cannot be read here; `pip install pyopenjtalk-plus` adds what is missing."
        ) from error
    reader: Callable[[str], Iterator[Mapping[str, Any]]] = library.run_frontend
    return reader
