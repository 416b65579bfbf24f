"""What is kept of each endpoint."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from loquent.domain.endpoints import LOCAL_PROVIDER, Endpoint
from loquent.domain.errors import (
    EngineError,
    LoquentError,
    UpstreamError,
    UpstreamKeyError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from loquent.routing.board import KEY_PAUSE_S, THROTTLE_PAUSE_S, EndpointBoard
from loquent.routing.breaker import FIRST_PAUSE_S, MAX_FAILURES
from tests.unit.routing.places import place

NEAR, FAR = place("near"), place("far")
HERE = place(LOCAL_PROVIDER)


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> EndpointBoard:
    return EndpointBoard(clock=clock)


def fail(board: EndpointBoard, endpoint: Endpoint, error: LoquentError) -> None:
    assert board.begin(endpoint)
    board.fail(endpoint, error)


def test_an_endpoint_that_nobody_knows_is_up_and_of_usual_pace(board: EndpointBoard) -> None:
    standing = board.standing(NEAR, 60)
    assert standing.retry_in_s == standing.error_rate == standing.queue_wait_s == 0
    assert standing.expected_s == pytest.approx(2.5)
    assert board.last_error(NEAR) is None


def test_its_stated_speed_counts_until_it_is_measured(board: EndpointBoard, clock: Clock) -> None:
    fast = place("fast", stated_speed=600.0)
    assert board.standing(fast, 600).expected_s == pytest.approx(1.5)
    for _ in range(40):
        clock.now_s += 1
        assert board.begin(fast)
        board.succeed(fast, 600, 60)
    assert board.standing(fast, 600).expected_s == pytest.approx(60, rel=0.25)


def test_standings_are_told_by_id(board: EndpointBoard) -> None:
    fail(board, FAR, UpstreamThrottledError("slow down", retry_after_s=9))
    standings = board.standings([NEAR, FAR], 10)
    assert {id_: s.retry_in_s for id_, s in standings.items()} == {NEAR.id: 0, FAR.id: 9}


def test_what_waits_for_our_own_engines_counts_there_alone(clock: Clock) -> None:
    board = EndpointBoard(lambda endpoint: 7.0, clock)
    assert board.standing(HERE, 0).queue_wait_s == 7
    assert board.standing(HERE, 0).expected_s == pytest.approx(7.5)
    assert board.standing(NEAR, 0).queue_wait_s == 0


def test_requests_under_way_are_counted(board: EndpointBoard) -> None:
    for _ in range(3):
        assert board.begin(NEAR)
    board.succeed(NEAR, 1, 1)
    board.release(NEAR)
    assert board.n_running(NEAR) == 1
    assert board.n_running(FAR) == 0
    board.fail(NEAR, UpstreamError("broken"))
    assert board.n_running(NEAR) == 0


def test_a_request_that_may_not_leave_is_not_counted(board: EndpointBoard) -> None:
    fail(board, NEAR, UpstreamKeyError("wrong key"))
    assert not board.begin(NEAR)
    assert board.n_running(NEAR) == 0


@pytest.mark.parametrize(
    "error",
    [
        UpstreamError("unreadable"),
        UpstreamUnavailableError("down"),
        UpstreamTimeoutError("late"),
    ],
)
def test_failures_in_a_row_leave_an_endpoint_alone(
    board: EndpointBoard, clock: Clock, error: UpstreamError
) -> None:
    for _ in range(MAX_FAILURES):
        fail(board, NEAR, error)
    assert board.last_error(NEAR) == error.code
    assert not board.begin(NEAR)
    assert board.begin(FAR)
    clock.now_s += FIRST_PAUSE_S
    assert board.begin(NEAR)
    assert not board.begin(NEAR), "one request at a time finds out"


def test_a_good_answer_makes_it_well_again(board: EndpointBoard, clock: Clock) -> None:
    for _ in range(MAX_FAILURES):
        fail(board, NEAR, UpstreamError("broken"))
    clock.now_s += FIRST_PAUSE_S
    assert board.begin(NEAR)
    board.succeed(NEAR, 1, 1)
    assert board.standing(NEAR, 1).retry_in_s == 0
    assert board.last_error(NEAR) is None


def test_a_late_good_answer_does_not_hide_why_it_is_left_alone(board: EndpointBoard) -> None:
    assert board.begin(NEAR)
    fail(board, NEAR, UpstreamThrottledError("slow down", retry_after_s=30))
    board.succeed(NEAR, 1, 1)
    assert board.standing(NEAR, 1).retry_in_s == 30
    assert board.last_error(NEAR) == "upstream_throttled"


def test_a_probe_whose_caller_left_makes_room_for_the_next(
    board: EndpointBoard, clock: Clock
) -> None:
    fail(board, NEAR, UpstreamThrottledError("slow down", retry_after_s=1))
    clock.now_s += 1
    assert board.begin(NEAR)
    board.release(NEAR)
    assert board.begin(NEAR)


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [
        (UpstreamThrottledError("slow down", retry_after_s=12.5), 12.5),
        (UpstreamThrottledError("slow down", retry_after_s=0), 0),
        (UpstreamThrottledError("slow down"), THROTTLE_PAUSE_S),
        (UpstreamUnavailableError("maintenance", retry_after_s=90), 90),
        (UpstreamUnavailableError("down"), 0),
        (UpstreamKeyError("wrong key"), KEY_PAUSE_S),
        (UpstreamKeyError("wrong key", retry_after_s=1), KEY_PAUSE_S),
    ],
)
def test_one_error_may_be_enough(
    board: EndpointBoard, error: UpstreamError, pause_s: float
) -> None:
    fail(board, NEAR, error)
    assert board.standing(NEAR, 1).retry_in_s == pause_s


def test_our_own_engines_are_never_left_alone_but_their_errors_count(board: EndpointBoard) -> None:
    for _ in range(3 * MAX_FAILURES):
        fail(board, HERE, EngineError("broken", retry_after_s=60))
    standing = board.standing(HERE, 1)
    assert standing.retry_in_s == 0
    assert 0.9 < standing.error_rate < 1
    assert board.last_error(HERE) == "engine_error"


def test_a_wait_longer_than_the_whole_call_is_no_negative_time(board: EndpointBoard) -> None:
    assert board.begin(HERE)
    board.succeed(HERE, 10, -5)
    assert board.standing(HERE, 10).expected_s >= 0


def test_how_requests_ended_is_counted(board: EndpointBoard) -> None:
    for _ in range(2):
        assert board.begin(NEAR)
        board.succeed(NEAR, 60, 1)
    fail(board, NEAR, UpstreamTimeoutError("late"))
    assert board.begin(NEAR)
    board.release(NEAR)
    assert dict(board.outcomes(NEAR)) == {"ok": 2, "upstream_timeout": 1}
    assert not board.outcomes(FAR)
