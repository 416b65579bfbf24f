"""Reads Chinese characters in the signs that Kokoro was trained on: Pinyin, as sounds and tones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pypinyin import Style, lazy_pinyin

HAN: Final = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Chinese characters, for use in a set of a regular expression."""

_HAN: Final = re.compile(f"[{HAN}]")
_TONES: Final = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
_TONE: Final = "0"

# Source of both tables: the front end of Kokoro's training, after Duanmu and Lin. A final has a 0
# where its tone is written.
_INITIALS: Final[Mapping[str, str]] = {
    "zh": "\uab67",
    "ch": "\uab67ʰ",
    "sh": "ʂ",
    "b": "p",
    "p": "pʰ",
    "m": "m",
    "f": "f",
    "d": "t",
    "t": "tʰ",
    "n": "n",
    "l": "l",
    "g": "k",
    "k": "kʰ",
    "h": "x",
    "j": "ʨ",
    "q": "ʨʰ",
    "x": "ɕ",
    "r": "ɻ",
    "z": "ʦ",
    "c": "ʦʰ",
    "s": "s",
}
_FINALS: Final[Mapping[str, str]] = {
    "a": "a0",
    "ai": "ai0",
    "an": "a0n",
    "ang": "a0ŋ",
    "ao": "au0",
    "e": "ɤ0",
    "ei": "ei0",
    "en": "ə0n",
    "eng": "ə0ŋ",
    "er": "ɚ0",
    "i": "i0",
    "ia": "ja0",
    "ian": "jɛ0n",
    "iang": "ja0ŋ",
    "iao": "jau0",
    "ie": "je0",
    "in": "i0n",
    "ing": "i0ŋ",
    "io": "jɔ0",
    "iong": "jʊ0ŋ",
    "iou": "jou0",
    "o": "wo0",
    "ong": "ʊ0ŋ",
    "ou": "ou0",
    "u": "u0",
    "ua": "wa0",
    "uai": "wai0",
    "uan": "wa0n",
    "uang": "wa0ŋ",
    "uei": "wei0",
    "uen": "wə0n",
    "ueng": "wə0ŋ",
    "uo": "wo0",
    "v": "y0",
    "ve": "ɥe0",
    "van": "ɥɛ0n",
    "vn": "y0n",
    "ê": "ɛ0",
    "m": "m0",
    "n": "n0",
    "ng": "ŋ0",
}
_RETROFLEX: Final = frozenset({"zh", "ch", "sh", "r"})
_SIBILANT: Final = frozenset({"z", "c", "s"})
_BUZZ: Final = "ɨ0"
"""The vowel of zhi and zi, which Pinyin writes as another one."""

_NUMBER: Final = re.compile(r"(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d+))?")
_DIGITS: Final = "零一二三四五六七八九"
_UNITS: Final = ("", "十", "百", "千")
_GROUPS: Final = ("", "万", "亿", "万亿")
_MAX_DIGITS: Final = 16


def is_han(character: str) -> bool:
    """Tell whether `character` is a Chinese one."""
    return _HAN.match(character) is not None


def mandarin(characters: str) -> str:
    """Return the signs for a run of Chinese characters."""
    parts = (
        lazy_pinyin(characters, style=Style.INITIALS, strict=True),
        lazy_pinyin(characters, style=Style.FINALS_TONE3, strict=True, neutral_tone_with_five=True),
        lazy_pinyin(characters, style=Style.NORMAL),
    )
    return "".join(_syllable(*syllable) for syllable in zip(*parts, strict=True))


def with_spoken_numbers(text: str) -> str:
    """Write numbers as they are read, in Chinese characters."""
    return _NUMBER.sub(_spoken_number, text)


def number(digits: str) -> str:
    """Write a whole number in Chinese characters; digit by digit where it is too long for that."""
    plain = "".join(str(int(digit)) for digit in digits)
    if len(plain) > _MAX_DIGITS or (plain.startswith("0") and len(plain) > 1):
        return _digit_by_digit(plain)
    groups = [int(plain[max(0, end - 4) : end]) for end in range(len(plain), 0, -4)]
    written, skips_zeros = "", False
    for group, unit in reversed(list(zip(groups, _GROUPS, strict=False))):
        if group:
            zero = "零" if written and (skips_zeros or group < 1000) else ""
            written += zero + _group(str(group)) + unit
        skips_zeros = not group
    return re.sub("^一十", "十", re.sub("零+", "零", written)) or _DIGITS[0]


def _spoken_number(found: re.Match[str]) -> str:
    part = f"点{_digit_by_digit(found['part'])}" if found["part"] else ""
    return number(found["whole"].replace(",", "")) + part


def _digit_by_digit(digits: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _group(digits: str) -> str:
    units = reversed(_UNITS[: len(digits)])
    signs = (
        _DIGITS[int(digit)] + (unit if digit != "0" else "")
        for digit, unit in zip(digits, units, strict=True)
    )
    return "".join(signs).rstrip("零")


def _syllable(initial: str, final: str, plain: str) -> str:
    """Return the signs for a syllable; some, such as "ng", have neither initial nor final."""
    tone = _TONES.get(final[-1:])
    vowel = final[:-1] if tone is not None else final
    if vowel == "i" and initial in _RETROFLEX | _SIBILANT:
        sound = _BUZZ
    elif initial or vowel:
        sound = _FINALS.get(vowel.replace("ü", "v"), "")
    else:
        sound = _FINALS.get(plain, "")
    return _INITIALS.get(initial, "") + sound.replace(_TONE, tone or "")
