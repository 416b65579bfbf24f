"""Lays text out on the two lines of a subtitle; knows nothing of time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate

MAX_LINE_CELLS = 42
"""Width of a subtitle line. Source: the limit for Latin scripts in the timed text guides of
broadcasters and streaming services; a wide East Asian character takes two of these cells."""

MAX_LINES = 2

_SPACING = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
"""White space and control characters. No-break spaces stay: they are part of the spelling."""

_SENTENCE_ENDS = frozenset(".!?…。！？")  # noqa: RUF001  (full-width marks end sentences too)
_CLAUSE_ENDS = frozenset(",;:—、，；：")  # noqa: RUF001  (full-width marks end clauses too)
_CLOSING_MARKS = "\"'”’»)]」』）"  # noqa: RUF001  (they may follow the mark that ends a clause)
_LONGEST_ENDING = 8


def on_one_line(text: str) -> str:
    """Replace every run of white space, newlines and control characters by one space."""
    return _SPACING.sub(" ", text).strip()


def n_cells(text: str) -> int:
    """Count the cells that `text` takes on a line."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def pause_strength(text: str) -> float:
    """Tell how well `text` ends: 1 with a sentence, less with a clause, 0 in the middle of one."""
    last = text.rstrip().rstrip(_CLOSING_MARKS)[-1:]
    if last in _SENTENCE_ENDS:
        return 1.0
    return 0.7 if last in _CLAUSE_ENDS else 0.0


def wrap(text: str) -> tuple[str, ...]:
    """Lay `text`, which has no newline, on one line if it fits, else on two.

    The lines are as even as words allow, and rather end with a clause. Text too long for two
    lines makes them longer, since a cue that grows beyond two covers the picture.
    """
    cells_before = [0, *accumulate(map(n_cells, text))]
    width = cells_before[-1]
    breaks = list(_breaks(text)) if width > MAX_LINE_CELLS else []
    if not breaks:
        return (text,)

    def cost(at: int) -> float:
        longest = max(cells_before[at], width - cells_before[at])
        overflow = max(0, longest - MAX_LINE_CELLS)
        ending = text[max(0, at - _LONGEST_ENDING) : at]
        return overflow * 4 + longest - MAX_LINE_CELLS * pause_strength(ending) / 4

    at = min(breaks, key=cost)
    return (text[:at].rstrip(), text[at:].lstrip())


def _breaks(text: str) -> Iterator[int]:
    """Yield where a line may end: at spaces, and between ideographs but not before a mark."""
    for at in range(1, len(text)):
        is_letter = unicodedata.category(text[at])[0] == "L"
        if text[at] == " " or (is_letter and _is_ideographic(text[at - 1])):
            yield at


def _is_ideographic(char: str) -> bool:
    """Tell scripts that put no space between words; Korean puts one."""
    is_wide = unicodedata.east_asian_width(char) in "WF"
    return is_wide and not "\uac00" <= char <= "\ud7a3"
