"""Translates codes of languages between ISO 639-3, ISO 639-1 and ours; knows no provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from loquent.domain.languages import LANGUAGES

_LONG_CODES: Final = """
    af:afr am:amh ar:ara,arb as:asm az:aze,azj ba:bak be:bel bg:bul bn:ben bo:bod,tib br:bre bs:bos
    ca:cat cs:ces,cze cy:cym,wel da:dan de:deu,ger el:ell,gre en:eng es:spa et:est,ekk eu:eus,baq
    fa:fas,per,pes fi:fin fo:fao fr:fra,fre gl:glg gu:guj ha:hau haw:haw he:heb hi:hin hr:hrv
    ht:hat hu:hun hy:hye,arm id:ind is:isl,ice it:ita ja:jpn jw:jav ka:kat,geo kk:kaz km:khm kn:kan
    ko:kor la:lat lb:ltz ln:lin lo:lao lt:lit lv:lav,lvs mg:mlg,plt mi:mri,mao mk:mkd,mac ml:mal
    mn:mon,khk mr:mar ms:msa,may,zsm mt:mlt my:mya,bur ne:nep,npi nl:nld,dut nn:nno no:nor,nob
    oc:oci pa:pan pl:pol ps:pus,pbt pt:por ro:ron,rum ru:rus sa:san sd:snd si:sin sk:slk,slo sl:slv
    sn:sna so:som sq:sqi,alb,als sr:srp su:sun sv:swe sw:swa,swh ta:tam te:tel tg:tgk th:tha tk:tuk
    tl:tgl,fil tr:tur tt:tat uk:ukr ur:urd uz:uzb,uzn vi:vie yi:yid,ydd yo:yor yue:yue
    zh:zho,chi,cmn
"""
"""Our code and the long ones of that language: ISO 639-3, with ISO 639-2/B and what is mostly
meant by a macrolanguage."""

_OURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "jv": "jw",
        "nb": "no",
        "iw": "he",
        **{
            code: ours
            for ours, _, codes in (entry.partition(":") for entry in _LONG_CODES.split())
            for code in codes.split(",")
        },
    }
)
_CODE: Final = re.compile(r"[a-z]{2,3}")


def our_code(text: str) -> str | None:
    """Return our code of the language that `text` names, such as "eng", "en" or "en-US".

    A language that has no code of ours keeps its own; what is no code at all is None.
    """
    code = text.strip().lower().replace("_", "-").partition("-")[0]
    if code in LANGUAGES:
        return code
    if _CODE.fullmatch(code) is None:
        return None
    return _OURS.get(code, code)


def iso_code(code: str) -> str:
    """Return `code`, one of ours, as ISO 639 has it now."""
    return "jv" if code == "jw" else code
