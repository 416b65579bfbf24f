"""How many second attempts are made."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loquent.routing.retries import BURST, EARNED_PER_S, SHARE, RetryBudget


def test_a_new_budget_allows_a_burst_and_no_more() -> None:
    budget, n_attempts = RetryBudget(), 0
    while budget.allows_one:
        budget = budget.spent()
        n_attempts += 1
    assert n_attempts == BURST


def test_less_than_a_whole_attempt_is_none() -> None:
    assert not RetryBudget(saved=0.99).allows_one
    assert RetryBudget(saved=1.0).allows_one


def test_each_request_earns_a_share() -> None:
    assert RetryBudget(saved=0).earned(0).saved == SHARE


def test_time_alone_earns_too() -> None:
    assert RetryBudget(saved=0, at_s=10).earned(14).saved == SHARE + 4 * EARNED_PER_S


def test_time_is_paid_for_once() -> None:
    budget = RetryBudget(saved=0, at_s=0).earned(4).earned(4)
    assert budget.saved == 2 * SHARE + 4 * EARNED_PER_S


def test_no_more_than_a_burst_is_saved_up() -> None:
    assert RetryBudget().earned(1e9).saved == BURST


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    assert RetryBudget(saved=3, at_s=10).earned(0).saved == 3 + SHARE


@given(st.lists(st.floats(0, 2), min_size=1, max_size=300))
def test_in_an_outage_second_attempts_stay_a_share_of_all_requests(gaps_s: list[float]) -> None:
    budget, now_s, n_second = RetryBudget(), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        budget = budget.earned(now_s)
        if budget.allows_one:
            budget = budget.spent()
            n_second += 1
        assert 0 <= budget.saved <= BURST
    assert n_second <= BURST + SHARE * len(gaps_s) + EARNED_PER_S * now_s + 1e-6
