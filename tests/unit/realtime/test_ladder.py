"""Guesses become rarer under load, and frequent again with caution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.realtime.commands import Effort
from loquent.realtime.ladder import (
    EASY,
    MAX_CALM_S,
    MAX_FINAL_S,
    MIN_CALM_S,
    RELAPSE_S,
    RUNGS,
    STEP_UP_S,
    STRAINED,
    Ladder,
)

START_S = 5_000.0
TICK_S = 0.05
TOLERANCE_S = 2 * TICK_S


def cadence_s(rung: int) -> float:
    """Return the time between drafts on a rung that has some."""
    found = RUNGS[rung].cadence_s
    assert found is not None
    return found


@dataclass
class Climb:
    """A ladder over time, and each moment at which its pace changed."""

    ladder: Ladder = field(default_factory=Ladder)
    now_s: float = START_S
    steps: list[tuple[float, int]] = field(default_factory=list)

    @property
    def rung(self) -> int:
        return RUNGS.index(self.ladder.pace)

    def observe(self, effort: Effort, took_s: float) -> None:
        self._watched(lambda: self.ladder.observe(effort, took_s, self.now_s))

    def pass_time(self, length_s: float) -> None:
        self.now_s += length_s
        self._watched(lambda: self.ladder.pass_time(self.now_s))

    def live(self, length_s: float, happens: Callable[[], None] = lambda: None) -> None:
        """Let time pass in small steps, with something happening at each."""
        for _tick in range(round(length_s / TICK_S)):
            self.pass_time(TICK_S)
            happens()

    def strain(self) -> None:
        """See finals that are late at any pace."""
        self.observe(Effort.FINAL, 2 * MAX_FINAL_S)

    def _watched(self, action: Callable[[], None]) -> None:
        before = self.rung
        action()
        if self.rung != before:
            self.steps.append((self.now_s, self.rung - before))


OBSERVATIONS = st.lists(
    st.tuples(
        st.floats(0.0, 5.0), st.sampled_from([*Effort, None]), st.floats(0.0, 2 * MAX_FINAL_S)
    ),
    max_size=200,
)


def after(observations: list[tuple[float, Effort | None, float]]) -> Climb:
    """Return a ladder on which all that happened."""
    climb = Climb()
    for after_s, effort, took_s in observations:
        climb.pass_time(after_s)
        if effort is not None:
            climb.observe(effort, took_s)
    return climb


@settings(max_examples=150, deadline=None)
@given(OBSERVATIONS)
def test_whatever_is_measured_the_pace_changes_rung_by_rung_and_not_too_often(
    observations: list[tuple[float, Effort | None, float]],
) -> None:
    climb = after(observations)
    for (before_s, _), (at_s, direction) in pairwise(climb.steps):
        assert direction in {-1, 1}
        assert at_s - before_s >= (STEP_UP_S if direction > 0 else MIN_CALM_S)


@settings(max_examples=50, deadline=None)
@given(OBSERVATIONS)
def test_after_any_past_a_strained_ladder_ends_at_its_top_and_a_calm_one_at_its_foot(
    observations: list[tuple[float, Effort | None, float]],
) -> None:
    climb = after(observations)
    climb.live((len(RUNGS) + 4) * STEP_UP_S, climb.strain)
    assert climb.rung == len(RUNGS) - 1
    for _ in range(20):
        climb.observe(Effort.FINAL, 0.0)
    climb.live(len(RUNGS) * (MAX_CALM_S + 1.0))
    assert climb.rung == 0


def test_without_any_work_the_pace_stays_the_fastest() -> None:
    climb = Climb()
    climb.live(60.0)
    assert climb.rung == 0
    assert not climb.steps


def test_rungs_lead_from_frequent_guesses_to_none() -> None:
    cadences_s = [cadence_s(i) for i in range(len(RUNGS) - 1)]
    assert cadences_s == sorted(set(cadences_s))
    assert RUNGS[-1].cadence_s is None


def test_quick_work_changes_nothing() -> None:
    climb = Climb()
    climb.live(60.0, lambda: climb.observe(Effort.DRAFT, EASY * cadence_s(0)))
    assert not climb.steps


def test_late_finals_slow_the_guesses_step_by_step_until_there_are_none() -> None:
    climb = Climb()
    climb.live((len(RUNGS) + 1) * (STEP_UP_S + TOLERANCE_S), climb.strain)
    assert [direction for _, direction in climb.steps] == [1] * (len(RUNGS) - 1)
    for (before_s, _), (at_s, _) in pairwise(climb.steps):
        assert at_s - before_s == pytest.approx(STEP_UP_S, abs=TOLERANCE_S)


@pytest.mark.parametrize("rung", range(1, len(RUNGS) - 1))
def test_slow_drafts_slow_the_guesses_only_so_far_as_they_leave_no_room(rung: int) -> None:
    took_s = STRAINED * cadence_s(rung)
    climb = Climb()
    climb.live(60.0, lambda: climb.observe(Effort.DRAFT, took_s))
    assert climb.rung == rung


def test_one_slow_result_among_quick_ones_is_no_strain() -> None:
    climb = Climb()
    for _ in range(20):
        climb.pass_time(1.0)
        climb.observe(Effort.FINAL, 0.1)
    climb.observe(Effort.FINAL, 2 * MAX_FINAL_S)
    assert climb.rung == 0


def test_calm_brings_the_guesses_back_step_by_step() -> None:
    climb = Climb()
    climb.live(30.0, climb.strain)
    climb.steps.clear()
    for _ in range(20):
        climb.observe(Effort.FINAL, 0.0)
    climb.live(len(RUNGS) * (MIN_CALM_S + 1.0))
    assert climb.rung == 0
    assert all(direction == -1 for _, direction in climb.steps)
    for (before_s, _), (at_s, _) in pairwise(climb.steps):
        assert at_s - before_s == pytest.approx(MIN_CALM_S, abs=TOLERANCE_S)


def test_what_would_be_slow_at_the_faster_pace_keeps_the_slower_one() -> None:
    climb = Climb()
    took_s = (1 + EASY) / 2 * cadence_s(0)
    climb.live(10.0, lambda: climb.observe(Effort.DRAFT, 2 * cadence_s(0) * STRAINED))
    assert climb.rung == 1
    climb.live(60.0, lambda: climb.observe(Effort.DRAFT, took_s))
    assert climb.rung == 1


def relapse(climb: Climb, n_times: int) -> None:
    """Strain a ladder whenever it is at its foot, until it is there for good."""
    while len(climb.steps) < 2 * n_times:
        if climb.rung == 0:
            climb.strain()
        climb.pass_time(TICK_S)


def test_each_relapse_doubles_the_calm_that_it_takes_up_to_a_limit() -> None:
    climb = Climb()
    relapse(climb, 6)
    calms_s = [at_s - before_s for (before_s, _), (at_s, _) in pairwise(climb.steps)][::2]
    expected_s = [min(MAX_CALM_S, MIN_CALM_S * 2**i) for i in range(6)]
    assert calms_s == pytest.approx(expected_s, abs=TOLERANCE_S)


def test_a_pace_that_was_kept_for_long_makes_relapses_forgotten() -> None:
    climb = Climb()
    relapse(climb, 4)
    climb.live(RELAPSE_S + 1.0)
    assert climb.rung == 0
    climb.strain()
    slowed_s, _ = climb.steps[-1]
    climb.live(MAX_CALM_S)
    sped_up_s, direction = climb.steps[-1]
    assert direction == -1
    assert sped_up_s - slowed_s == pytest.approx(MIN_CALM_S, abs=TOLERANCE_S)
