"""What the time of a check tells of keys: nothing, wherever they are wrong."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median

import pytest

from loquent.accounting.callers import KeyIndex, identified
from loquent.accounting.keys import KeyText, new_key
from tests.fakes.key_books import HASHER, NOW, book_of, key_for

pytestmark = pytest.mark.slow

N_CHECKS = 20_000
N_KEYS = 2_000
N_SHUFFLES = 300
GOAL = 0.01
BOUND = 0.10
"""Machines that do other work at the same time are noisy: what is beyond this is no noise."""


def _otherwise(letter: str) -> str:
    return "b" if letter == "a" else "a"


WRONG: Mapping[str, Callable[[KeyText], KeyText]] = {
    "unknown id": lambda key: KeyText(key.id[:8] + key.id[:7:-1], key.secret),
    "wrong first letter": lambda key: KeyText(key.id, _otherwise(key.secret[0]) + key.secret[1:]),
    "wrong last letter": lambda key: KeyText(key.id, key.secret[:-1] + _otherwise(key.secret[-1])),
}


def test_no_wrong_key_takes_longer_than_another(capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(7)
    keys = [new_key() for _ in range(N_KEYS)]
    taken_ns = _timed(keys, draw)
    difference = _spread(list(taken_ns.values()))
    lines = [f"{kind}: {median(each) / 1000:.2f} us a check" for kind, each in taken_ns.items()]
    chance = _chance(taken_ns.values(), difference, draw)
    is_met = difference < GOAL or chance > GOAL
    lines.append(
        f"largest difference: {100 * difference:.2f} %, by chance with p = {chance:.3f};"
        f" the goal is {'met' if is_met else 'missed'}"
    )
    with capsys.disabled():
        print("", *lines, sep="\n")  # noqa: T201 - what is measured is to be seen
    assert difference < BOUND


def _timed(keys: Sequence[KeyText], draw: random.Random) -> dict[str, list[int]]:
    """Return how long the checks of each kind took; all is made before the first is timed."""
    index = KeyIndex.of(book_of(*map(key_for, keys)))
    checks = [
        (kind, str(spoilt(draw.choice(keys))))
        for kind, spoilt in WRONG.items()
        for _ in range(N_CHECKS)
    ]
    draw.shuffle(checks)
    taken_ns: dict[str, list[int]] = {kind: [] for kind in WRONG}
    with _undisturbed():
        for kind, presented in checks:
            began_ns = time.perf_counter_ns()
            found = identified(presented, index, HASHER, NOW)
            taken_ns[kind].append(time.perf_counter_ns() - began_ns)
            assert found is None
    return taken_ns


def _spread(times: Sequence[Sequence[int]]) -> float:
    """Return how far the medians lie apart, as a part of the least."""
    medians = [median(each) for each in times]
    return (max(medians) - min(medians)) / min(medians)


def _chance(times: Iterable[Sequence[int]], difference: float, draw: random.Random) -> float:
    """Return how often the same times, dealt out by chance, differ as much."""
    pooled = [time_ns for each in times for time_ns in each]
    n_as_far = 0
    for _ in range(N_SHUFFLES):
        draw.shuffle(pooled)
        dealt = [pooled[start :: len(WRONG)] for start in range(len(WRONG))]
        n_as_far += _spread(dealt) >= difference
    return n_as_far / N_SHUFFLES


@contextmanager
def _undisturbed() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
