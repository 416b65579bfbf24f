"""Sounds of a text with the pauses between them; says nothing of how a model writes sounds."""
# ruff: noqa: RUF001 - signs of other scripts that look like Latin ones are meant as such

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from loquent.engines.espeak.amounts import with_spoken_amounts
from loquent.engines.espeak.library import Espeak
from loquent.pipeline.script.borders import Strength, borders
from loquent.pipeline.script.marks import CLOSERS

_MARKS: Final = str.maketrans(
    {"。": ".", "．": ".", "！": "!", "？": "?", "，": ",", "、": ",", "；": ";", "：": ":"}
    | {"।": ".", "؟": "?", "،": ",", "؛": ";", "–": "—"}
)
_ENDS: Final = re.compile(rf"[\s.,;:!?…—।。．！？，、；：؟،؛–{re.escape(CLOSERS)}]+\Z")
_MARK: Final = re.compile(r"[.,;:!?…—]")
_OTHER_LANGUAGE: Final = re.compile(r"\([^()\s]*\)")
"""eSpeak notes in brackets where it reads a word as one of another language."""


def phonemised(library: Espeak, text: str, language: str) -> str:
    """Return the sounds of `text`, clause by clause, each with the mark that ends it.

    Args:
        text: on one line.

    Raises: EngineError.
    """
    return " ".join(
        sounds + mark
        for clause, mark in clauses(with_spoken_amounts(text, language))
        if (sounds := _OTHER_LANGUAGE.sub("", library.sounds(clause, language)).strip())
    )


def clauses(text: str) -> Iterator[tuple[str, str]]:
    """Cut `text` where a speaker pauses; yield each clause and its mark, "" for none.

    A full stop within an abbreviation or a number is no pause, and stays for eSpeak to read.
    """
    places = [place for place, strength in borders(text) if strength >= Strength.CLAUSE]
    for start, end in pairwise([0, *places, len(text)]):
        clause = text[start:end]
        ending = _ENDS.search(clause)
        mark = _MARK.search(ending[0].translate(_MARKS)) if ending else None
        yield clause[: ending.start()] if ending else clause, mark[0] if mark else ""
