"""Puts sums of money in the order in which they are spoken; knows no other number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_SIGNS: Final = "$€£¥₹"
_WHOLE: Final = r"\d{1,3}(?:[,.' ]\d{3})+|\d+"
_AMOUNT: Final = re.compile(
    rf"(?P<before>[{_SIGNS}])\s?(?P<whole>{_WHOLE})(?:[.,](?P<part>\d\d))?(?![\d]|[.,]\d)"
    rf"|(?<![\d.,])(?P<whole_>{_WHOLE})(?:[.,](?P<part_>\d\d))?\s?(?P<behind>[{_SIGNS}])"
)


@dataclass(frozen=True, slots=True)
class _Money:
    """How a language speaks of money.

    Attributes:
        units: by sign: the unit for one, and for any other number.
        joint: what stands between the unit and its hundredths.
    """

    units: Mapping[str, tuple[str, str]]
    joint: str = ""


_ENGLISH: Final = _Money(
    {
        "$": ("dollar", "dollars"),
        "€": ("euro", "euros"),
        "£": ("pound", "pounds"),
        "¥": ("yen", "yen"),
        "₹": ("rupee", "rupees"),
    }
)
_MONEY: Final[Mapping[str, _Money]] = {
    "en": _ENGLISH,
    "de": _Money({"$": ("Dollar", "Dollar"), "€": ("Euro", "Euro"), "£": ("Pfund", "Pfund")}),
    "es": _Money(
        {"$": ("dólar", "dólares"), "€": ("euro", "euros"), "£": ("libra", "libras")}, "con"
    ),
    "fr": _Money({"$": ("dollar", "dollars"), "€": ("euro", "euros"), "£": ("livre", "livres")}),
    "it": _Money(
        {"$": ("dollaro", "dollari"), "€": ("euro", "euro"), "£": ("sterlina", "sterline")}, "e"
    ),
    "pt": _Money(
        {"$": ("dólar", "dólares"), "€": ("euro", "euros"), "£": ("libra", "libras")}, "e"
    ),
}
"""By language in ISO 639-1; in others eSpeak reads the sign where it stands."""


def with_spoken_amounts(text: str, language: str) -> str:
    """Write "$3.50" as "3 dollars 50", in the languages whose words for it are known here."""
    money = _MONEY.get(language.partition("-")[0].lower())
    if money is None:
        return text
    return _AMOUNT.sub(lambda found: _spoken(found, money), text)


def _spoken(found: re.Match[str], money: _Money) -> str:
    sign = found["before"] or found["behind"]
    units = money.units.get(sign)
    if units is None:
        return found[0]
    whole = re.sub(r"\D", "", found["whole"] or found["whole_"])
    part = found["part"] or found["part_"]
    unit = units[0] if whole == "1" else units[1]
    hundredths = f" {money.joint} {int(part)}" if part and int(part) else ""
    return re.sub(" +", " ", f"{whole} {unit}{hundredths}")
