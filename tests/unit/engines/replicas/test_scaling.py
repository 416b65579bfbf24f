"""Copies come where work waits for long, and go where nobody needs them for longer."""

from __future__ import annotations

import pytest

from loquent.domain.deployments import Replicas
from loquent.engines.replicas.scaling import (
    CALLS_PER_WORKER,
    GROW_AFTER_S,
    LONG_WAIT_S,
    REST_S,
    SHRINK_AFTER_S,
    Load,
    Step,
    Trend,
)

BOUNDS = Replicas(1, 3)

HEAVY = Load(n_copies=2, n_workers=2, n_calls=2, wait_s=LONG_WAIT_S)
FULL = Load(n_copies=2, n_workers=2, n_calls=2 * CALLS_PER_WORKER, wait_s=0.0)
JUST_RIGHT = Load(n_copies=2, n_workers=2, n_calls=2, wait_s=0.5)
LIGHT = Load(n_copies=2, n_workers=2, n_calls=1, wait_s=0.0)


def steps(*loads: Load, bounds: Replicas = BOUNDS, n_copies: int = 2) -> list[Step]:
    """Look once a second, from when the last change has been rested from."""
    trend, found = Trend(changed_s=-REST_S), []
    for now_s, load in enumerate(loads):
        trend = trend.seen(load, now_s)
        found.append(trend.step(n_copies, bounds, now_s))
    return found


@pytest.mark.parametrize("load", [HEAVY, FULL])
def test_a_copy_is_added_once_too_few_have_been_there_for_a_while(load: Load) -> None:
    n_before = round(GROW_AFTER_S)
    assert steps(*[load] * (n_before + 1)) == [Step.STAY] * n_before + [Step.GROW]


def test_a_moment_without_much_work_starts_the_count_again() -> None:
    assert Step.GROW not in steps(HEAVY, HEAVY, JUST_RIGHT, HEAVY, FULL)


def test_a_copy_is_ended_once_the_others_have_been_enough_for_long() -> None:
    n_before = round(SHRINK_AFTER_S)
    assert steps(*[LIGHT] * (n_before + 1)) == [Step.STAY] * n_before + [Step.SHRINK]


def test_one_moment_of_work_keeps_a_copy_for_long() -> None:
    n_before = round(SHRINK_AFTER_S)
    found = steps(*[LIGHT] * n_before, JUST_RIGHT, *[LIGHT] * n_before)
    assert set(found) == {Step.STAY}


def test_what_is_neither_too_much_nor_too_little_changes_nothing() -> None:
    assert set(steps(*[JUST_RIGHT] * 500)) == {Step.STAY}


@pytest.mark.parametrize(("load", "n_copies"), [(HEAVY, 3), (LIGHT, 2)])
def test_bounds_are_kept(load: Load, n_copies: int) -> None:
    assert set(steps(*[load] * 100, bounds=Replicas(2, 3), n_copies=n_copies)) == {Step.STAY}


def test_the_last_copy_stays_even_where_all_may_go() -> None:
    idle = Load(n_copies=1, n_workers=2, n_calls=0, wait_s=0.0)
    assert set(steps(*[idle] * 100, bounds=Replicas(0, 3), n_copies=1)) == {Step.STAY}


def test_after_a_change_its_effect_is_waited_for() -> None:
    trend = Trend(changed_s=0.0).seen(HEAVY, 0.0)
    assert trend.step(2, BOUNDS, REST_S - 0.1) is Step.STAY
    assert trend.step(2, BOUNDS, REST_S) is Step.GROW
