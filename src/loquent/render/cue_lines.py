"""Lays pieces of text out on the lines of a cue; knows no time and no format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from loquent.render.atoms import Atom

Line: TypeAlias = tuple[Atom, ...]

_Row: TypeAlias = dict[int, tuple[float, int]]
"""By where the last line so far ends: costs, and where that line begins."""

_EVENNESS: Final = 4.0
"""What it costs that a line is empty, against the cost of where lines end."""


@dataclass(slots=True)
class FilledLines:
    """Lines that are filled word by word, each as far as it goes; the fewest that are possible.

    Attributes:
        width: of a line, in cells.
        cells: that are taken of the last line.
    """

    width: int
    cells: int
    n_lines: int = 0

    def add(self, atom: Atom) -> None:
        """Put `atom` at the end, on a new line where the last one has no room for it."""
        wanted = self.cells + len(atom.gap) + atom.n_cells
        if self.n_lines == 0:
            self.n_lines, self.cells = 1, self.cells + atom.n_cells
        elif wanted <= self.width:
            self.cells = wanted
        else:
            self.n_lines, self.cells = self.n_lines + 1, atom.n_cells


def lay_out(
    atoms: Sequence[Atom], costs: Sequence[float], *, width: int, prefix_cells: int = 0
) -> tuple[Line, ...]:
    """Lay `atoms` out on the fewest lines, as even as they can be, and broken where it reads well.

    Args:
        atoms: at least one.
        costs: what it costs to end a line after each of them.
        width: of a line, in cells; only a single atom may take more.
        prefix_cells: taken at the beginning of the first line.
    """
    filled = FilledLines(width, prefix_cells)
    for atom in atoms:
        filled.add(atom)
    starts = _starts(_Widths(atoms, prefix_cells, width), costs, filled.n_lines)
    return tuple(tuple(atoms[start:end]) for start, end in pairwise([*starts, len(atoms)]))


class _Widths:
    """How wide any run of atoms is on one line."""

    def __init__(self, atoms: Sequence[Atom], prefix_cells: int, width: int) -> None:
        self.n_atoms = len(atoms)
        self.limit = width
        self._gaps = [0, *(len(atom.gap) for atom in atoms[1:])]
        self._ends = [prefix_cells]
        for atom, gap in zip(atoms, self._gaps, strict=True):
            self._ends.append(self._ends[-1] + gap + atom.n_cells)
        self.total = self._ends[-1]

    def of(self, start: int, end: int) -> int:
        before = self._ends[start] + self._gaps[start] if start else 0
        return self._ends[end] - before

    def starts_before(self, end: int) -> Iterator[int]:
        """Yield from the last one on where a line may begin that ends at `end`."""
        for start in range(end - 1, -1, -1):
            if self.of(start, end) > self.limit and start < end - 1:
                return
            yield start


def _starts(widths: _Widths, costs: Sequence[float], n_lines: int) -> list[int]:
    """Choose where lines begin so that all of it costs the least."""
    rows = [{0: (0.0, 0)}]
    for _ in range(n_lines):
        rows.append(_with_a_line_more(rows[-1], widths, costs, widths.total / n_lines))
    starts: list[int] = []
    end = widths.n_atoms
    for row in reversed(rows[1:]):
        end = row[end][1]
        starts.append(end)
    return starts[::-1]


def _with_a_line_more(so_far: _Row, widths: _Widths, costs: Sequence[float], ideal: float) -> _Row:
    """Tell for each atom what it costs that the next line ends before it, and where that begins."""
    row: _Row = {}
    for end in range(1, widths.n_atoms + 1):
        ending = costs[end - 1] if end < widths.n_atoms else 0.0
        options = [
            (so_far[start][0] + ending + _unevenness(widths.of(start, end), ideal), start)
            for start in widths.starts_before(end)
            if start in so_far
        ]
        if options:
            row[end] = min(options)
    return row


def _unevenness(width: int, ideal: float) -> float:
    return _EVENNESS * (width / ideal - 1.0) ** 2
