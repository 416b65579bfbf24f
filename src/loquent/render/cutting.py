"""Cuts what one speaker says into cues within limits; knows no format and lays nothing out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from loquent.render.atoms import Atom
from loquent.render.cue_lines import FilledLines
from loquent.render.lines import pause_strength
from loquent.render.options import SubtitleOptions

_STRICT: Final = 1e6
_LENIENT: Final = 40.0
"""Costs of a full cue that is gone before it has been read. Strictly, limits come before looks;
that is for speech slow enough, since in faster speech it would save single words at any cost."""

_LEAST_SHARE: Final = 0.1
"""As much of a full cue is every cue that is too short."""

_A_CUE: Final = 1.0
_EMPTINESS: Final = 1.0
_A_SECOND_OF_PAUSE: Final = 2.0
_SHORT_PAUSE_MS: Final = 300
_LONGEST_PAUSE_MS: Final = 10_000
_PAST_A_SENTENCE: Final = 0.5
_PAST_A_SENTENCE_AND_SEGMENT: Final = 2.5


@dataclass(frozen=True, slots=True)
class Run:
    """What one speaker says without another one between.

    Attributes:
        costs: of ending a cue after each atom.
        end_ms: when somebody else begins; None if nobody does.
        n_prefix: characters and cells of the name before each cue.
    """

    atoms: Sequence[Atom]
    costs: Sequence[float]
    end_ms: int | None = None
    n_prefix: int = 0

    def next_start_ms(self, end: int) -> int | None:
        """Return when what follows the atom before `end` begins."""
        return self.atoms[end].start_ms if end < len(self.atoms) else self.end_ms


def wanted_ms(n_characters: int, options: SubtitleOptions) -> int:
    """Return how long a cue of some length should stay at least; longer than it may, perhaps."""
    reading_s = n_characters / options.max_cps if options.max_cps else 0.0
    return -int(-1000 * max(reading_s, options.min_cue_s) // 1)  # rounded up


def cuts(run: Run, options: SubtitleOptions) -> list[tuple[int, int]]:
    """Choose which atoms make a cue.

    A cue fits its lines and its time unless it is a single atom. If all cues can, they also stay as
    long as their texts take to be read. Within that, cues end where the text does, or a pause is.

    Returns: the first atom of each cue, and the one after its last.
    """
    bounds, is_within = _cheapest(run, options, _LENIENT)
    if not is_within:
        strict_bounds, is_within = _cheapest(run, options, _STRICT)
        bounds = strict_bounds if is_within else bounds
    return list(pairwise(bounds))


def _cheapest(run: Run, options: SubtitleOptions, strictness: float) -> tuple[list[int], bool]:
    """Choose where cues begin so that all of them cost the least.

    Args:
        strictness: costs of a full cue that is gone before it has been read.

    Returns: where they begin and the last one ends; and whether all stay long enough.
    """
    n_atoms = len(run.atoms)
    best = [(0.0, 0, True)] + [(float("inf"), 0, True)] * n_atoms
    for start in range(n_atoms):
        so_far, _, was_within = best[start]
        for choice in _choices(start, run, options):
            cost = so_far + choice.cost + strictness * choice.overrun
            if cost < best[choice.end][0]:
                best[choice.end] = (cost, start, was_within and not choice.overrun)
    bounds = [n_atoms]
    while bounds[-1]:
        bounds.append(best[bounds[-1]][1])
    return bounds[::-1], best[n_atoms][2]


class _Choice(NamedTuple):
    """Where a cue may end, and what that costs.

    Attributes:
        overrun: the part of a full cue that is gone too early, the more the earlier.
    """

    end: int
    cost: float
    overrun: float


def _choices(start: int, run: Run, options: SubtitleOptions) -> Iterator[_Choice]:
    """Yield where a cue that begins at `start` may end."""
    begin_ms, limit_ms = run.atoms[start].start_ms, round(1000 * options.max_cue_s)
    room = options.max_line_width * options.max_line_count
    filled = FilledLines(options.max_line_width, run.n_prefix)
    n_characters = n_cells = run.n_prefix
    inner = 0.0
    for end, atom in enumerate(run.atoms[start : start + room], start=start + 1):
        next_ms = run.next_start_ms(end)
        filled.add(atom)
        n_characters += len(atom.text)
        n_cells += atom.n_cells
        if end > start + 1:
            spoken_ms = (atom.end_ms if next_ms is None else min(atom.end_ms, next_ms)) - begin_ms
            if filled.n_lines > options.max_line_count or spoken_ms > limit_ms:
                return
            n_characters += len(atom.gap)
            inner += _cost_inside(run.atoms[end - 2], atom)
        stays_ms = limit_ms if next_ms is None else min(limit_ms, next_ms - begin_ms)
        stay_ms = wanted_ms(n_characters, options)
        missing = max(0.0, 1 - stays_ms / stay_ms) if stay_ms else 0.0
        share = max(n_cells / room, _LEAST_SHARE)
        ending = run.costs[end - 1] if end < len(run.atoms) else 0.0
        emptiness = _EMPTINESS * max(0.0, 1 - n_cells / room) ** 2
        overrun = share * (0.5 + missing) if missing else 0.0
        yield _Choice(end, _A_CUE + inner + ending + emptiness, overrun)


def _cost_inside(left: Atom, right: Atom) -> float:
    """Tell what it costs to show two neighbours in one cue."""
    pause_ms = right.start_ms - left.end_ms - _SHORT_PAUSE_MS
    cost = _A_SECOND_OF_PAUSE * min(max(pause_ms, 0), _LONGEST_PAUSE_MS) / 1000
    if pause_strength(left.text) == 1:
        cost += _PAST_A_SENTENCE_AND_SEGMENT if left.ends_segment else _PAST_A_SENTENCE
    return cost
