"""Which scripts a text is written in, and who can read them; knows no model."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

LATIN: Final = "LATIN"
_HAN: Final = "CJK"
_GREEK: Final = r"\u0370-\u03ff\u1f00-\u1fff"
_LONE_GREEK: Final = re.compile(rf"(?<![{_GREEK}])[{_GREEK}](?![{_GREEK}])")
_KANA: Final = frozenset({"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"})

LANGUAGE_OF_SCRIPT: Final[Mapping[str, str]] = {
    "ARABIC": "ar",
    "ARMENIAN": "hy",
    "BENGALI": "bn",
    "CYRILLIC": "ru",
    "DEVANAGARI": "hi",
    "ETHIOPIC": "am",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he",
    "HIRAGANA": "ja",
    "KANNADA": "kn",
    "KATAKANA": "ja",
    "KATAKANA-HIRAGANA": "ja",
    _HAN: "zh",
    LATIN: "en",
    "MALAYALAM": "ml",
    "MYANMAR": "my",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
}
"""The language that is most often written so."""

_SCRIPTS_OF_LANGUAGE: Final[Mapping[str, frozenset[str]]] = {
    **{language: frozenset({script}) for script, language in LANGUAGE_OF_SCRIPT.items()},
    **dict.fromkeys(("ba", "be", "bg", "kk", "ky", "mk", "tt", "uk"), frozenset({"CYRILLIC"})),
    **dict.fromkeys(("fa", "sd", "ug", "ur"), frozenset({"ARABIC"})),
    **dict.fromkeys(("mr", "ne", "kok"), frozenset({"DEVANAGARI"})),
    "as": frozenset({"BENGALI"}),
    "ti": frozenset({"ETHIOPIC"}),
    "ja": _KANA | {_HAN},
    "sr": frozenset({"CYRILLIC", LATIN}),
    "yi": frozenset({"HEBREW"}),
    "yue": frozenset({_HAN}),
}


def scripts(text: str) -> Counter[str]:
    """Count the letters of each script, as Unicode's names of characters have it.

    A Greek letter by itself is a sign, as in a unit, and does not count.
    """
    letters = _LONE_GREEK.sub("", unicodedata.normalize("NFKC", text))
    return Counter(map(_script, filter(str.isalpha, letters)))


def main_script(text: str) -> str:
    """Return the script of most letters.

    Kana among Chinese characters make a text Japanese; a text without letters counts as Latin.
    """
    counts = scripts(text)
    if not counts:
        return LATIN
    n_kana = sum(counts[script] for script in _KANA)
    script, _ = counts.most_common(1)[0]
    return "HIRAGANA" if script == _HAN and n_kana else script


def can_read(language: str, script: str) -> bool:
    """Tell whether `language`, in ISO 639-1, is written in `script`."""
    return script in _SCRIPTS_OF_LANGUAGE.get(language, frozenset({LATIN}))


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0]
