"""Give people names: those of known voices where they are heard, letters to all others; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Final

import numpy as np

from loquent.domain.speakers import letter
from loquent.pipeline.diarization.clustering import Vectors

MIN_LIKENESS: Final = 0.5
"""Cosine from which a voice may be a known one. Source: bench/NOTES.md."""

MIN_MARGIN: Final = 0.08
"""By how much more a voice must sound like the known one than like the next known one."""


def names_of(
    people: Vectors, in_order: Iterable[int], known: Mapping[str, Vectors]
) -> dict[int, str]:
    """Return the name of each person.

    Args:
        people: the voice of each person.
        in_order: everybody who speaks, by number, in order of their first turns.
        known: voices by name, each of shape (1, n_dimensions); nobody is forced to be one.
    """
    names = _recognised(people, list(known), [known[name] for name in known])
    letters = (name for name in map(letter, count()) if name not in known)
    for person in in_order:
        if person not in names:
            names[person] = next(letters)
    return names


def _recognised(
    people: Vectors, names: Sequence[str], references: Sequence[Vectors]
) -> dict[int, str]:
    """Match people and known voices one to one, the likest first."""
    if not names or not len(people):
        return {}
    likeness = people @ np.concatenate(references).T
    found: dict[int, str] = {}
    for person, known in np.dstack(
        np.unravel_index(np.argsort(-likeness, axis=None), likeness.shape)
    )[0]:
        others = np.delete(likeness[person], known)
        margin = likeness[person, known] - others.max(initial=-1.0)
        is_sure = likeness[person, known] >= MIN_LIKENESS and margin >= MIN_MARGIN
        if is_sure and names[known] not in found.values():
            found[int(person)] = names[known]
    return found
