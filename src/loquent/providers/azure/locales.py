"""Which locale of Azure Speech stands for a language, and the other way round; pure tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from loquent.providers.language_codes import our_code

_PAIRS: Final = """
    af:af-ZA am:am-ET ar:ar-SA as:as-IN az:az-AZ bg:bg-BG bn:bn-IN bs:bs-BA ca:ca-ES cs:cs-CZ
    cy:cy-GB da:da-DK de:de-DE el:el-GR en:en-US es:es-ES et:et-EE eu:eu-ES fa:fa-IR fi:fi-FI
    fr:fr-FR gl:gl-ES gu:gu-IN he:he-IL hi:hi-IN hr:hr-HR hu:hu-HU hy:hy-AM id:id-ID is:is-IS
    it:it-IT ja:ja-JP jw:jv-ID ka:ka-GE kk:kk-KZ km:km-KH kn:kn-IN ko:ko-KR lo:lo-LA lt:lt-LT
    lv:lv-LV mk:mk-MK ml:ml-IN mn:mn-MN mr:mr-IN ms:ms-MY mt:mt-MT my:my-MM ne:ne-NP nl:nl-NL
    no:nb-NO pa:pa-IN pl:pl-PL ps:ps-AF pt:pt-BR ro:ro-RO ru:ru-RU si:si-LK sk:sk-SK sl:sl-SI
    so:so-SO sq:sq-AL sr:sr-RS sv:sv-SE sw:sw-KE ta:ta-IN te:te-IN th:th-TH tl:fil-PH tr:tr-TR
    uk:uk-UA ur:ur-IN uz:uz-UZ vi:vi-VN yue:zh-HK zh:zh-CN
"""

LOCALES: Final[Mapping[str, str]] = MappingProxyType(
    {code: locale for code, _, locale in (pair.partition(":") for pair in _PAIRS.split())}
)
"""Our code and the locale in which most who speak the language are understood.

Source: Microsoft's table of languages of Azure Speech, speech to text.
"""

_OTHERWISE: Final[Mapping[str, str]] = MappingProxyType({"zh-hk": "yue", "wuu-cn": "zh"})
"""Locales that name another language than they seem to."""


def language_of(locale: str) -> str | None:
    """Return our code of the language of a locale, None where it names none."""
    return _OTHERWISE.get(locale.strip().lower()) or our_code(locale)
