"""Parts a transcript into pieces of text that no line break may cut; knows no width of lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from loquent.domain.transcript import Segment
from loquent.render.lines import n_cells, on_one_line
from loquent.render.phrasing import may_break

MAX_TIME_S = 1e9
"""Thirty years; keeps nonsense from an engine printable."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A piece of text that stays on one line, and when it is said.

    Attributes:
        text: without white space at its ends, not empty.
        gap: what stands before it on the same line: a space, or nothing.
        n_cells: that `text` takes.
        word: number of the recognised word that it belongs to, among those of its segment.
        ends_segment: whether it is the last of its segment.
    """

    text: str
    gap: str
    n_cells: int
    start_ms: int
    end_ms: int
    word: int
    ends_segment: bool = False


class _Spoken(NamedTuple):
    """A span of a text, by character, and when it is said."""

    begin: int
    end: int
    start_s: float
    end_s: float

    def time_s(self, position: int) -> float:
        """Tell when the character at `position` is reached, as if all took equally long."""
        share = (position - self.begin) / (self.end - self.begin)
        return self.start_s + (self.end_s - self.start_s) * min(max(share, 0.0), 1.0)


def atoms_of(segments: Iterable[Segment]) -> tuple[Atom, ...]:
    """Part what one speaker says.

    Times come from words; where a segment has none that fit its text, each character gets an equal
    share of the segment.

    Returns: atoms in the order of the text, whose starts never fall.
    """
    said = [segment for segment in segments if on_one_line(segment.text)]
    gaps = ["", *(_gap(left.text, right.text) for left, right in pairwise(said))]
    parted = (atom for pair in zip(said, gaps, strict=False) for atom in _parted(*pair))
    return tuple(_steady(parted))


def _gap(left: str, right: str) -> str:
    """Return what stands between two texts: a space, or nothing."""
    return "" if on_one_line(left[-1]) and on_one_line(right[0]) else " "


def _parted(segment: Segment, first_gap: str) -> Iterator[Atom]:
    text = on_one_line(segment.text)
    owners = _owners(text, _spoken(segment, text))
    cuts = [0, *(at for at in range(1, len(text)) if may_break(text, at)), len(text)]
    for begin, end in pairwise(cuts):
        first = begin + (text[begin] == " ")
        shown = text[first:end]
        number, opening = owners[first]
        yield Atom(
            text=shown,
            gap=text[begin:first] if begin else first_gap,
            n_cells=n_cells(shown),
            start_ms=_milliseconds(opening.time_s(first)),
            end_ms=_milliseconds(owners[end - 1][1].time_s(end)),
            word=number,
            ends_segment=end == len(text),
        )


def _spoken(segment: Segment, text: str) -> Sequence[_Spoken]:
    """Find the segment's words in its text; the text as a whole where they disagree."""
    found: list[_Spoken] = []
    position = 0
    for word in segment.words:
        spelled = on_one_line(word.text)
        if not spelled:
            continue
        at = text.find(spelled, position)
        if at < 0:
            break
        position = at + len(spelled)
        found.append(_Spoken(at, position, word.start_s, word.end_s))
    else:
        if found:
            return found
    return [_Spoken(0, len(text), segment.start_s, segment.end_s)]


def _owners(text: str, spoken: Sequence[_Spoken]) -> list[tuple[int, _Spoken]]:
    """Return for each character the word that it is said with, and its number.

    Marks between two words, such as a comma, belong to the first as far as the next space.
    """
    owners: list[tuple[int, _Spoken]] = []
    for number, word in enumerate(spoken):
        limit = spoken[number + 1].begin if number + 1 < len(spoken) else len(text)
        space = text.find(" ", word.end, limit)
        is_last = number + 1 == len(spoken)
        end = limit if is_last or space < 0 else space
        owners += [(number, word)] * (end - len(owners))
    return owners


def _milliseconds(time_s: float) -> int:
    """Return a time that can be counted with; -1 where there is none."""
    if math.isnan(time_s):
        return -1
    return round(1000 * min(max(time_s, 0.0), MAX_TIME_S))


def _steady(atoms: Iterable[Atom]) -> Iterator[Atom]:
    """Let no atom start before the one before it, nor end before it starts."""
    floor_ms = 0
    for atom in atoms:
        floor_ms = max(floor_ms, atom.start_ms)
        yield replace(atom, start_ms=floor_ms, end_ms=max(floor_ms, atom.end_ms))
