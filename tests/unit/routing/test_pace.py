"""What is learnt of how fast an endpoint is, and how reliable."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.routing.pace import FIXED_S, HALF_LIFE_S, USUAL_SPEED, Pace

QUIET_S = 300.0
LENGTHS_S = (5.0, 30.0, 120.0, 600.0)

CALLS = st.lists(
    st.tuples(st.floats(0, 4_000), st.floats(0, 1e6), st.floats(0, 1e4), st.booleans()),
    max_size=30,
)
"""Seconds since the call before, audio, time taken, and whether it went well."""


def taught(fixed_s: float, speed: float, n_rounds: int = 20, pace: Pace | None = None) -> Pace:
    """Return what is known of an endpoint after calls of several lengths, one a second."""
    known, now_s = pace or Pace(), (pace.at_s if pace else 0.0)
    for _ in range(n_rounds):
        for audio_s in LENGTHS_S:
            now_s += 1
            known = known.observed(now_s, audio_s, fixed_s + audio_s / speed)
    return known


def after(calls: Iterable[tuple[float, float, float, bool]]) -> Pace:
    pace, now_s = Pace(), 0.0
    for gap_s, audio_s, took_s, is_good in calls:
        now_s += gap_s
        pace = pace.observed(now_s, audio_s, took_s) if is_good else pace.failed(now_s)
    return pace


@pytest.mark.parametrize("audio_s", [0.0, 1.0, 60.0, 3_600.0])
def test_of_an_unknown_endpoint_the_usual_is_expected(audio_s: float) -> None:
    assert Pace().expected_s(0, audio_s) == pytest.approx(FIXED_S + audio_s / USUAL_SPEED)


@pytest.mark.parametrize("speed", [1.0, 200.0])
def test_before_the_first_call_the_stated_speed_counts(speed: float) -> None:
    assert Pace(speed).expected_s(0, 600) == pytest.approx(FIXED_S + 600 / speed)


@pytest.mark.parametrize(("fixed_s", "speed"), [(0.2, 100.0), (3.0, 100.0), (0.5, 2.0), (8.0, 8.0)])
@pytest.mark.parametrize("audio_s", LENGTHS_S)
def test_a_fixed_part_and_a_rate_are_learnt(fixed_s: float, speed: float, audio_s: float) -> None:
    expected_s = taught(fixed_s, speed).expected_s(80, audio_s)
    assert expected_s == pytest.approx(fixed_s + audio_s / speed, rel=0.2)


def test_a_stated_speed_gives_way_to_what_is_measured() -> None:
    boaster = taught(0.5, 2.0, pace=Pace(stated_speed=500.0))
    assert boaster.expected_s(80, 120) == pytest.approx(60.5, rel=0.2)


def test_an_endpoint_that_became_slow_is_thought_of_as_slow_within_a_few_calls() -> None:
    fast = taught(0.5, 100.0)
    slow = fast
    for call in range(1, 6):
        slow = slow.observed(fast.at_s + QUIET_S + call, 30.0, 8.0)
    assert slow.expected_s(slow.at_s, 30) > 3 * fast.expected_s(fast.at_s, 30)


def test_an_endpoint_that_was_slow_is_thought_of_as_faster_after_a_while() -> None:
    slow = taught(0.5, 100.0)
    for call in range(1, 6):
        slow = slow.observed(80 + QUIET_S + call, 30.0, 8.0)
    at_once_s, later_s = slow.expected_s(slow.at_s, 30), slow.expected_s(slow.at_s + 900, 30)
    assert later_s < at_once_s / 2


def test_asking_changes_nothing() -> None:
    pace = taught(0.5, 50.0)
    first = pace.expected_s(pace.at_s + 30, 60)
    assert pace.expected_s(pace.at_s + 30, 60) == first
    assert pace == taught(0.5, 50.0)


def test_who_never_failed_has_no_errors() -> None:
    assert Pace().error_rate(0) == 0
    assert taught(1, 10).error_rate(80) == 0


def test_the_share_of_errors_grows_with_each_failure_and_stays_below_one() -> None:
    pace, rates = Pace(), [0.0]
    for _ in range(100):
        pace = pace.failed(0)
        rates.append(pace.error_rate(0))
    assert rates == sorted(set(rates))
    assert 0.9 < rates[-1] < 1


def test_good_calls_lower_the_share_of_errors() -> None:
    failed = Pace().failed(0)
    assert failed.observed(0, 10, 1).error_rate(0) < failed.error_rate(0)


def test_errors_are_forgotten_by_and_by() -> None:
    pace = Pace().failed(0).failed(0)
    rates = [pace.error_rate(n * HALF_LIFE_S) for n in range(10)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.01


def test_a_clock_that_goes_back_is_survived() -> None:
    pace = Pace(at_s=100).observed(100, 10, 1)
    assert pace.expected_s(50, 10) == pytest.approx(pace.expected_s(100, 10))


@given(CALLS, st.floats(0, 1e7), st.floats(0, 1e7))
def test_whatever_happened_what_is_expected_is_a_time(
    calls: list[tuple[float, float, float, bool]], wait_s: float, audio_s: float
) -> None:
    pace = after(calls)
    expected_s = pace.expected_s(pace.at_s + wait_s, audio_s)
    assert math.isfinite(expected_s)
    assert expected_s >= 0


@given(CALLS, st.floats(0, 1e7))
def test_whatever_happened_the_share_of_errors_is_one(
    calls: list[tuple[float, float, float, bool]], wait_s: float
) -> None:
    pace = after(calls)
    assert 0 <= pace.error_rate(pace.at_s + wait_s) < 1


@given(CALLS, st.floats(0, 1e5), st.floats(0, 1e5))
def test_an_hour_is_never_expected_to_take_less_than_a_minute(
    calls: list[tuple[float, float, float, bool]], one_s: float, other_s: float
) -> None:
    pace = after(calls)
    short_s, long_s = sorted((one_s, other_s))
    short, long = (pace.expected_s(pace.at_s, audio_s) for audio_s in (short_s, long_s))
    assert long >= short * (1 - 1e-9)
