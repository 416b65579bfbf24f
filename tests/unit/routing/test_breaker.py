"""When an endpoint that fails is left alone, and when it is tried again."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loquent.routing.breaker import FIRST_PAUSE_S, MAX_FAILURES, MAX_PAUSE_S, Breaker

NOW_S = 1_000.0


def opened(now_s: float = NOW_S) -> Breaker:
    breaker = Breaker()
    for _ in range(MAX_FAILURES):
        breaker = breaker.failed(now_s)
    return breaker


def probed(now_s: float = NOW_S) -> Breaker:
    """Return a breaker that opened `FIRST_PAUSE_S` ago and whose probe has just left."""
    return opened(now_s - FIRST_PAUSE_S).admitted(now_s)


def test_a_new_endpoint_may_be_called() -> None:
    assert Breaker().opens_in_s(NOW_S) == 0


def test_a_closed_breaker_admits_any_number_of_requests() -> None:
    assert Breaker().admitted(NOW_S).admitted(NOW_S).opens_in_s(NOW_S) == 0


@pytest.mark.parametrize("n_failures", range(MAX_FAILURES))
def test_fewer_failures_in_a_row_open_nothing(n_failures: int) -> None:
    breaker = Breaker()
    for _ in range(n_failures):
        breaker = breaker.failed(NOW_S)
    assert breaker.opens_in_s(NOW_S) == 0
    assert breaker.n_failures == n_failures


def test_failures_in_a_row_open_it_for_the_first_pause() -> None:
    assert opened().opens_in_s(NOW_S) == FIRST_PAUSE_S == 5


def test_a_good_answer_in_between_starts_the_row_anew() -> None:
    breaker = Breaker()
    for _ in range(3):
        for _ in range(MAX_FAILURES - 1):
            breaker = breaker.failed(NOW_S)
        breaker = breaker.succeeded(NOW_S)
    assert breaker == Breaker()


def test_what_tells_nothing_of_its_health_does_not_end_the_row() -> None:
    breaker = Breaker()
    for _ in range(MAX_FAILURES):
        breaker = breaker.failed(NOW_S).released()
    assert breaker.opens_in_s(NOW_S) == FIRST_PAUSE_S


def test_an_open_one_counts_down_and_then_admits_one_request() -> None:
    breaker = opened()
    assert breaker.opens_in_s(NOW_S + 2) == FIRST_PAUSE_S - 2
    assert breaker.opens_in_s(NOW_S + FIRST_PAUSE_S) == 0
    assert breaker.admitted(NOW_S + FIRST_PAUSE_S).opens_in_s(NOW_S + FIRST_PAUSE_S) > 0


def test_a_probe_that_succeeds_closes_it() -> None:
    assert probed().succeeded(NOW_S + 1) == Breaker()


def test_a_probe_that_fails_leaves_it_alone_twice_as_long() -> None:
    assert probed().failed(NOW_S + 1).opens_in_s(NOW_S + 1) == 2 * FIRST_PAUSE_S


def test_a_probe_that_tells_nothing_makes_room_for_the_next() -> None:
    assert probed().opens_in_s(NOW_S) > 0
    assert probed().released().opens_in_s(NOW_S) == 0


def test_a_probe_that_is_never_heard_of_again_is_waited_for_as_long_as_the_pause() -> None:
    assert probed().opens_in_s(NOW_S) == FIRST_PAUSE_S
    assert probed().opens_in_s(NOW_S + FIRST_PAUSE_S) == 0


def test_the_pause_doubles_up_to_a_minute_and_a_good_answer_resets_it() -> None:
    breaker, now_s, pauses = opened(), NOW_S, []
    for _ in range(6):
        now_s += breaker.opens_in_s(now_s)
        breaker = breaker.admitted(now_s).failed(now_s)
        pauses.append(breaker.opens_in_s(now_s))
    assert pauses == [10, 20, 40, MAX_PAUSE_S, MAX_PAUSE_S, MAX_PAUSE_S]
    assert MAX_PAUSE_S == 60
    now_s += MAX_PAUSE_S
    closed = breaker.admitted(now_s).succeeded(now_s)
    for _ in range(MAX_FAILURES):
        closed = closed.failed(now_s)
    assert closed.opens_in_s(now_s) == FIRST_PAUSE_S


@pytest.mark.parametrize("n_late", [1, 30])
def test_late_failures_of_requests_from_before_it_opened_do_not_lengthen_the_pause(
    n_late: int,
) -> None:
    breaker = opened()
    for _ in range(n_late):
        breaker = breaker.failed(NOW_S + 1)
    assert breaker.opens_in_s(NOW_S + 1) == FIRST_PAUSE_S - 1


def test_a_late_good_answer_does_not_cut_short_what_the_endpoint_asked_for() -> None:
    breaker = Breaker().shut(NOW_S, 30).succeeded(NOW_S + 1)
    assert breaker.opens_in_s(NOW_S + 1) == 29
    assert breaker.succeeded(NOW_S + 30) == Breaker()


@pytest.mark.parametrize("pause_s", [0.0, 0.25, 7.0, 3_600.0])
def test_an_endpoint_is_left_alone_for_as_long_as_it_asks(pause_s: float) -> None:
    assert Breaker().shut(NOW_S, pause_s).opens_in_s(NOW_S) == pause_s


def test_after_that_one_request_at_a_time_finds_out() -> None:
    breaker = Breaker().shut(NOW_S, 0)
    assert breaker.opens_in_s(NOW_S) == 0
    assert breaker.admitted(NOW_S).opens_in_s(NOW_S) == FIRST_PAUSE_S


def test_of_several_pauses_that_are_asked_for_the_longest_holds() -> None:
    breaker = Breaker().shut(NOW_S, 30).shut(NOW_S + 1, 2)
    assert breaker.opens_in_s(NOW_S + 1) == 29
    assert breaker.shut(NOW_S + 2, 40).opens_in_s(NOW_S + 2) == 40


def test_who_asks_for_no_pause_at_all_is_left_alone_like_others_once_it_keeps_failing() -> None:
    breaker = Breaker()
    for _ in range(MAX_FAILURES):
        assert breaker.opens_in_s(NOW_S) == 0
        breaker = breaker.admitted(NOW_S).shut(NOW_S, 0)
        if breaker.opens_in_s(NOW_S):
            return
    pytest.fail("it was never left alone")


class AnyHistory(RuleBasedStateMachine):
    """One endpoint, requests that report in any order, and a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now_s = NOW_S
        self.n_running = 0
        self.n_failures = 0
        self.left_alone_until_s = 0.0
        self.probe_left_s: float | None = None

    def ended(self) -> None:
        self.n_running -= 1
        self.probe_left_s = None

    @rule(seconds=st.floats(0.125, 90))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def somebody_asks(self) -> None:
        if self.breaker.opens_in_s(self.now_s) > 0:
            return
        assert self.now_s >= self.left_alone_until_s, "it was left alone for less than it asked"
        assert self.n_failures < MAX_FAILURES or self.breaker.closed_from_s is not None
        if self.breaker.closed_from_s is not None:
            since_s = FIRST_PAUSE_S if self.probe_left_s is None else self.now_s - self.probe_left_s
            assert since_s >= FIRST_PAUSE_S * 0.999, "two probes at a time"
            self.probe_left_s = self.now_s
        self.breaker = self.breaker.admitted(self.now_s)
        self.n_running += 1

    @precondition(lambda self: self.n_running)
    @rule()
    def one_succeeds(self) -> None:
        if self.now_s >= self.left_alone_until_s and not self.is_open:
            self.n_failures = 0
        self.breaker = self.breaker.succeeded(self.now_s)
        self.ended()

    @precondition(lambda self: self.n_running)
    @rule()
    def one_fails(self) -> None:
        self.breaker = self.breaker.failed(self.now_s)
        self.n_failures += 1
        self.ended()

    @precondition(lambda self: self.n_running)
    @rule()
    def one_is_given_up_by_its_caller(self) -> None:
        self.breaker = self.breaker.released()
        self.ended()

    @precondition(lambda self: self.n_running)
    @rule(pause_s=st.floats(0, 3_600))
    def one_is_told_when_to_return(self, pause_s: float) -> None:
        self.breaker = self.breaker.shut(self.now_s, pause_s)
        self.left_alone_until_s = max(self.left_alone_until_s, self.now_s + pause_s)
        self.n_failures += 1
        self.ended()

    @property
    def is_open(self) -> bool:
        return self.breaker.closed_from_s is not None and self.now_s < self.breaker.closed_from_s

    @invariant()
    def it_is_never_stuck_shut(self) -> None:
        latest_s = max(self.now_s, self.left_alone_until_s) + MAX_PAUSE_S
        assert self.breaker.opens_in_s(latest_s) == 0

    @invariant()
    def five_failures_in_a_row_have_opened_it(self) -> None:
        if self.n_failures >= MAX_FAILURES:
            assert self.breaker.closed_from_s is not None

    @invariant()
    def it_never_pauses_for_less_than_the_first_pause_or_more_than_the_last(self) -> None:
        assert FIRST_PAUSE_S <= self.breaker.pause_s <= MAX_PAUSE_S


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(
    max_examples=300, stateful_step_count=40, deadline=None, derandomize=True
)
