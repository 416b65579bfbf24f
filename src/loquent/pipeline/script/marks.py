"""The signs and abbreviations by which writers of many languages part their sentences.

Data only; what follows from a mark is decided elsewhere.
"""
# ruff: noqa: RUF001 - signs of other scripts that look like Latin ones are meant as such

from __future__ import annotations

from typing import Final

FULL_STOPS: Final = "。！？｡．።፧།॥।۔؟։។៕᠃᙮꓿"
"""Ends of sentences that need no space behind them to be told from other uses."""

COMMAS: Final = "、，；：､،؛၊፣፤፥፦"
"""Pauses that need no space behind them."""

DASHES: Final = "–-"
"""Pauses where there is a space on both sides."""

CLOSERS: Final = "\"'”’»›)]}」』）】》〉〕］｝｣"
"""What may follow the end of a sentence and still belongs to it."""

ENDED: Final = frozenset(FULL_STOPS + COMMAS + DASHES + ".!?…:;,—")
"""After these the voice pauses without being told."""

_ENGLISH = (
    "dr mr mrs ms prof sr jr st mt rev hon gen col sgt capt lt gov sen rep vs etc cf al ca approx "
    "no nos vol fig figs eq ed eds pp ch sec dept est inc ltd co corp jan feb mar apr jun jul aug "
    "sep sept oct nov dec ave blvd rd tel i.e e.g a.m p.m u.s u.k"
)
_GERMAN = "bzw usw ggf evtl inkl exkl zzgl abs nr str hr fr hrsg bd z.b d.h u.a o.ä s.o vgl sog"
_FRENCH = "mm mme mlle mgr bd p.ex env chap"
_ROMANCE = "sra srta dra ud uds pág págs núm avda eua exmo dott sig sigg ing avv pag"
_OTHER = "dhr mevr bijv enz m.b.t np itd itp tzn ul гг ул т.е т.д т.п др"

ABBREVIATIONS: Final = frozenset(f"{_ENGLISH} {_GERMAN} {_FRENCH} {_ROMANCE} {_OTHER}".split())
"""Words whose full stop ends no sentence, in lower case and without it."""
