"""Find the places where a speaker could pause, and how good each of them is.

It reads plain text of any language and decides nothing about where to cut.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import IntEnum

from loquent.pipeline.script.marks import ABBREVIATIONS, CLOSERS, COMMAS, DASHES, FULL_STOPS

_CLOSERS = re.escape(CLOSERS)

_BREAKS = re.compile(
    # Bounded runs, so that a page of full stops costs no more than a page of words.
    rf"(?P<line>\n+)"
    rf"|(?P<stop>[{FULL_STOPS}]{{1,40}}[{_CLOSERS}]{{0,10}}\s*)"
    rf"|(?P<end>[.!?…]{{1,40}}+[{_CLOSERS}]{{0,10}}+\s+)"
    rf"|(?P<pause>[{COMMAS}]{{1,40}}[{_CLOSERS}]{{0,10}}\s*|[,;:)\]}}]{{1,10}}+[{_CLOSERS}]{{0,10}}+\s+"
    rf"|\s?—{{1,40}}\s?|\s[{DASHES}]{{1,40}}+\s+)"
    rf"|(?P<space>\s+)"
)

_WORD_BEFORE = re.compile(r"[\w.]{1,12}\Z")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_ORDINAL = re.compile(r"\d{1,2}")


class Strength(IntEnum):
    """How much of a pause a place bears, the least first."""

    WORD = 1
    CLAUSE = 2
    SENTENCE = 3
    PARAGRAPH = 4


def borders(text: str) -> Iterator[tuple[int, Strength]]:
    """Yield every place where `text` may be cut, ascending, never its start or end.

    Args:
        text: as `make_speakable` leaves it: "\\n" ends a line, "\\n\\n" a paragraph.
    Returns: offsets of the first character behind the cut; white space belongs before it.
    """
    at = 0
    for match in _BREAKS.finditer(text):
        yield from _between_scripts(text, at, match.start())
        if 0 < match.end() < len(text):
            yield match.end(), _strength(match)
        at = match.end()
    yield from _between_scripts(text, at, len(text))


def is_wide(character: str) -> bool:
    """Tell whether `character` is of a script that writes no spaces and syllables in one sign."""
    return character >= "\u1100" and unicodedata.east_asian_width(character) in "WF"


def _strength(match: re.Match[str]) -> Strength:
    kind = match.lastgroup
    if kind == "line":
        return Strength.PARAGRAPH if len(match[0]) > 1 else Strength.CLAUSE
    if kind == "end":
        return _strength_of_end(match)
    if kind == "stop":
        return Strength.SENTENCE
    return Strength.CLAUSE if kind == "pause" else Strength.WORD


def _strength_of_end(match: re.Match[str]) -> Strength:
    """Tell the end of a sentence from that of an abbreviation."""
    if match[0].endswith("\n"):
        return Strength.PARAGRAPH if match[0].endswith("\n\n") else Strength.SENTENCE
    mark = match[0].rstrip()
    goes_on = match.string[match.end() : match.end() + 1].islower()
    if mark != ".":
        return Strength.CLAUSE if goes_on else Strength.SENTENCE
    if goes_on or _is_abbreviated(match.string, match.start()):
        return Strength.WORD
    return Strength.SENTENCE


def _is_abbreviated(text: str, end: int) -> bool:
    """Tell whether the word before `end` keeps its full stop within a sentence."""
    found = _WORD_BEFORE.search(text[max(0, end - 12) : end])
    if found is None:
        return False
    word = found[0].lower()
    is_initial = _INITIALS.fullmatch(word) is not None and not is_wide(word[-1])
    return is_initial or word in ABBREVIATIONS or _ORDINAL.fullmatch(word) is not None


def _between_scripts(text: str, start: int, end: int) -> Iterator[tuple[int, Strength]]:
    """Yield the places beside wide characters, where no space shows the words."""
    for at in range(start + 1, end):
        if is_wide(text[at]) and text[at].isalpha():
            if unicodedata.category(text[at - 1]) not in ("Ps", "Pi"):
                yield at, Strength.WORD
        elif is_wide(text[at - 1]) and text[at].isalnum():
            yield at, Strength.WORD
