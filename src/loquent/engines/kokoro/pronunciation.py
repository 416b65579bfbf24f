"""Turns sounds as eSpeak writes them into the signs that Kokoro was trained on.

It reads no text but Chinese and Japanese, which eSpeak writes otherwise than the model learned.
"""
# ruff: noqa: RUF001 - letters of the phonetic alphabet look like others

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from loquent.engines.espeak.library import TIE, Espeak
from loquent.engines.espeak.phonemes import clauses, phonemised
from loquent.engines.kokoro.japanese import japanese
from loquent.engines.kokoro.mandarin import HAN, is_han, mandarin, with_spoken_numbers
from loquent.engines.kokoro.symbols import known

_Rules: TypeAlias = Sequence[tuple[str, str]]

# Source of the rules: the fallback of misaki, the front end of Kokoro's training.
_DIPHTHONGS: Final[_Rules] = (
    *(("a^ɪ", "I"), ("a^ʊ", "W"), ("e^ɪ", "A"), ("ɔ^ɪ", "Y"), ("d^ʒ", "ʤ"), ("t^ʃ", "ʧ")),
)
_ENGLISH: Final[_Rules] = (
    *(("ʔˌn\u0329", "ʔn"), ("ʔn\u0329", "ʔn"), ("ə^l", "ᵊl"), ("ʲo", "jo"), ("ʲə", "jə")),
    *(("ʲ", ""), ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l")),
    ("\u0303", ""),
)
_BRITISH: Final[_Rules] = (("e^ə", "ɛː"), ("iə", "ɪə"), ("ə^ʊ", "Q"), ("e", "A"))
_AMERICAN: Final[_Rules] = (
    *(("o^ʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("e", "A")),
    *(("o", "ɔ"), ("ɾ", "T"), ("ʔ", "t")),
)
_OTHERS: Final[_Rules] = (
    *(("d^z", "ʣ"), ("o^ʊ", "O"), ("ə^ʊ", "Q"), ("s^s", "S"), ("t^s", "ʦ"), ("-", "")),
)
_SYLLABIC: Final = re.compile("(\\S)\u0329")
_RUNS: Final = re.compile(rf"[{HAN}]+|[^\s{HAN}][^{HAN}]*")


def pronounced(library: Espeak, text: str, language: str) -> str:
    """Return the signs for `text`, only those that the model knows.

    Raises: EngineError: if nobody knows how to read the language.
    """
    if language.startswith("zh"):
        return known(_chinese(library, text))
    if language.startswith("ja"):
        read = (japanese(clause) + mark for clause, mark in clauses(text))
        return known(" ".join(part for part in read if part))
    sounds = phonemised(library, text, language)
    if language.startswith("en"):
        return known(_english(sounds, is_british=language.lower() == "en-gb"))
    return known(_replaced(sounds, (*_DIPHTHONGS, *_OTHERS)))


def _chinese(library: Espeak, text: str) -> str:
    """Read Chinese characters and digits as Chinese, and all else as English."""
    read = [
        " ".join(_read(library, run) for run in _RUNS.findall(with_spoken_numbers(clause))) + mark
        for clause, mark in clauses(text)
    ]
    return " ".join(part for part in read if part.strip())


def _read(library: Espeak, run: str) -> str:
    if is_han(run[0]):
        return mandarin(run)
    return _english(phonemised(library, run, "en-US"), is_british=False)


def _english(sounds: str, *, is_british: bool) -> str:
    region = _BRITISH if is_british else _AMERICAN
    return _SYLLABIC.sub(r"ᵊ\1", _replaced(sounds, (*_DIPHTHONGS, *_ENGLISH, *region)))


def _replaced(sounds: str, rules: _Rules) -> str:
    for old, new in rules:
        sounds = sounds.replace(old, new)
    return sounds.replace(TIE, "")
