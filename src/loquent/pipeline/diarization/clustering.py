"""Find out which voices are one person's; pure, knows vectors and no sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import fastcluster
import numpy as np
import numpy.typing as npt

Vectors: TypeAlias = npt.NDArray[np.float32]
"""Voices: float32, shape (n, n_dimensions), each of length 1."""

Labels: TypeAlias = npt.NDArray[np.intp]
"""For each voice the number of its cluster, from 0 without a gap."""

SAME_VOICE_DISTANCE: Final = 0.65
"""Cosine distance up to which clusters are one person's, on average over their voices. Source:
bench/NOTES.md."""

SURELY_SAME_DISTANCE: Final = 0.3
"""Voices as near as this are put together where there are too many to compare all of them."""

MIN_KNOWN_SPEECH_S: Final = 0.5
"""Who speaks less is nobody even where it is known how many there are."""

MAX_COMPARED: Final = 4_000
"""Voices that are compared each with each: 130 MB, two hours of talk without a pause."""


@dataclass(frozen=True, slots=True)
class Voices:
    """Voices heard in a recording.

    Attributes:
        vectors: how they sound.
        heard_s: for each, how much of it was heard, above 0.
    """

    vectors: Vectors
    heard_s: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.vectors)

    def part(self, first: int, end: int) -> Voices:
        """Return the voices from `first` up to, not including, `end`."""
        return Voices(self.vectors[first:end], self.heard_s[first:end])

    def merged(self, labels: Labels) -> Voices:
        """Return one voice in the place of each cluster."""
        n_clusters = int(labels.max()) + 1
        sums = np.zeros((n_clusters, self.vectors.shape[1]))
        np.add.at(sums, labels, self.vectors * self.heard_s[:, None])
        lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        heard_s = np.zeros(n_clusters)
        np.add.at(heard_s, labels, self.heard_s)
        return Voices((sums / lengths).astype(np.float32), heard_s)


@dataclass(frozen=True, slots=True)
class HeadCount:
    """How many people there may be.

    Attributes:
        least, most: bounds, `least` <= `most`; equal where the number is known.
        min_speech_s: who speaks less is nobody, unless there would be too few.
    """

    least: int = 1
    most: int | None = None
    min_speech_s: float = 1.0


def people(voices: Voices, count: HeadCount) -> Vectors:
    """Return the voice of each person, those who speak most first; none where nobody is heard."""
    if not len(voices):
        return voices.vectors
    tree = _Tree(_thinned(voices))
    persons = _persons(tree, tree.cut(SAME_VOICE_DISTANCE), count)
    n_wanted = max(len(persons), count.least)
    n_wanted = min(n_wanted, count.most or n_wanted)
    if n_wanted == len(persons):
        return persons
    return _so_many(tree, n_wanted, HeadCount(min_speech_s=MIN_KNOWN_SPEECH_S))


class _Tree:
    """Voices joined two by two, the nearest first, by the mean distance of all in both."""

    def __init__(self, voices: Voices) -> None:
        self.voices = voices
        self._joins = _joins(voices.vectors)

    def cut(self, distance: float) -> Labels:
        """Return clusters that are further apart than `distance`."""
        return self._labels(int(np.sum(self._joins[:, 2] <= distance)))

    def parted(self, n_clusters: int) -> Labels:
        """Return so many clusters, or as many as there are voices."""
        return self._labels(max(0, len(self.voices) - n_clusters))

    def _labels(self, n_joins: int) -> Labels:
        n_voices = len(self.voices)
        root = np.arange(n_voices + n_joins)
        for join in range(n_joins):
            root[self._joins[join, :2].astype(int)] = n_voices + join
        for node in range(len(root) - 1, -1, -1):
            root[node] = root[root[node]]
        return np.unique(root[:n_voices], return_inverse=True)[1].astype(np.intp)


def _joins(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Return the joins of average linkage in order: two nodes, their distance, the size of both."""
    if len(vectors) < 2:
        return np.zeros((0, 4))
    likeness = vectors @ vectors.T
    condensed = np.concatenate([row[n:] for n, row in enumerate(likeness, 1)], dtype=np.float64)
    del likeness
    np.subtract(1.0, condensed, out=condensed)
    np.maximum(condensed, 0.0, out=condensed)
    joins: npt.NDArray[np.float64] = fastcluster.linkage(condensed, "average", preserve_input=False)
    return joins


def _thinned(voices: Voices) -> Voices:
    """Put together what is surely one voice, part by part, until all can be compared."""
    while len(voices) > MAX_COMPARED:
        parts = [
            _halved(voices.part(first, first + MAX_COMPARED))
            for first in range(0, len(voices), MAX_COMPARED)
        ]
        voices = Voices(
            np.concatenate([part.vectors for part in parts]),
            np.concatenate([part.heard_s for part in parts]),
        )
    return voices


def _halved(voices: Voices) -> Voices:
    """Put together what is surely one voice, and more where that does not halve their number."""
    tree = _Tree(voices)
    labels = tree.cut(SURELY_SAME_DISTANCE)
    n_most = max(1, len(voices) // 2)
    return voices.merged(labels if labels.max() < n_most else tree.parted(n_most))


def _persons(tree: _Tree, labels: Labels, count: HeadCount) -> Vectors:
    """Return the voices of who speaks long enough, those who speak most first; one at least."""
    clusters = tree.voices.merged(labels)
    by_speech = np.argsort(-clusters.heard_s, kind="stable")
    n_persons = max(1, int(np.sum(clusters.heard_s >= count.min_speech_s)))
    return clusters.vectors[by_speech[:n_persons]]


def _so_many(tree: _Tree, n_wanted: int, count: HeadCount) -> Vectors:
    """Return the voices of `n_wanted` persons, or of as many as there are voices.

    A noise that stands alone must not take the place of a person: the tree is cut finer until
    enough clusters speak long enough.
    """
    for n_clusters in range(n_wanted, min(4 * n_wanted + 8, len(tree.voices)) + 1):
        persons = _persons(tree, tree.parted(n_clusters), count)
        if len(persons) >= n_wanted:
            return persons[:n_wanted]
    everybody = HeadCount(min_speech_s=0.0)
    return _persons(tree, tree.parted(n_wanted), everybody)
