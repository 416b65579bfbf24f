"""Who is tried after whom, and what a caller notices of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from loquent.domain.endpoints import LOCAL_PROVIDER, Detail, Endpoint, Served
from loquent.domain.errors import (
    EngineError,
    InvalidAudioError,
    InvalidRequestError,
    LoquentError,
    ModelLoadError,
    NoEndpointError,
    OverloadedError,
    PermissionDeniedError,
    ShuttingDownError,
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
    WorkerCrashedError,
)
from loquent.routing.attempts import AttemptLimits, Attempts
from loquent.routing.board import EndpointBoard
from loquent.routing.breaker import MAX_FAILURES
from loquent.routing.fitting import Fit
from loquent.routing.ranking import Candidate, Standing
from tests.unit.routing.places import place

ONE, TWO, THREE, FOUR = (place(name) for name in ("one", "two", "three", "four"))
HERE = place(LOCAL_PROVIDER)
NEVER = float("inf")

Step = str | float | Exception
"""A part of an answer, a time that passes (for ever, at NEVER), or an error."""


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Stage:
    """Endpoints that follow scripts, and who tries them."""

    audio_s = 0.0

    scripts: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    limits: AttemptLimits = field(default_factory=AttemptLimits)
    clock: Clock = field(default_factory=Clock)
    asked: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    is_stuck: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.board = EndpointBoard(clock=self.clock)
        self.attempts = Attempts(self.board, self.limits, self.clock)

    async def perform(self, candidate: Candidate) -> AsyncGenerator[str, None]:
        provider = candidate.endpoint.provider
        self.asked.append(provider)
        try:
            for step in self.scripts.get(provider, [f"by {provider}"]):
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, str):
                    yield step
                elif step == NEVER:
                    self.is_stuck.set()
                    await asyncio.Event().wait()
                else:
                    self.clock.now_s += step
                    await asyncio.sleep(0)
        finally:
            self.left.append(provider)

    def run(
        self, *candidates: Candidate | Endpoint, is_streamed: bool = False
    ) -> AsyncGenerator[Served | str, None]:
        chosen = [c if isinstance(c, Candidate) else candidate(c) for c in candidates]
        return self.attempts.run(
            chosen, self.perform, audio_s=self.audio_s, is_streamed=is_streamed
        )

    async def answer(
        self, *candidates: Candidate | Endpoint, is_streamed: bool = False
    ) -> tuple[Served, list[str]]:
        self.heard = []
        async with aclosing(self.run(*candidates, is_streamed=is_streamed)) as updates:
            served = await anext(updates)
            assert isinstance(served, Served)
            async for part in updates:
                assert isinstance(part, str)
                self.heard.append(part)
        return served, self.heard

    def is_up(self, endpoint: Endpoint) -> bool:
        return self.board.standing(endpoint, 0).retry_in_s == 0

    @property
    def n_running(self) -> int:
        return sum(map(self.board.n_running, (ONE, TWO, THREE, FOUR, HERE)))


def candidate(endpoint: Endpoint, standing: Standing | None = None) -> Candidate:
    return Candidate(endpoint, Fit(), standing or Standing(), price_micros=0)


UPSTREAM_ERRORS = [
    UpstreamError("unreadable"),
    UpstreamRejectedError("not this"),
    UpstreamKeyError("wrong key"),
    UpstreamThrottledError("slow down", retry_after_s=3),
    UpstreamUnavailableError("down"),
    UpstreamTimeoutError("late"),
]
ENGINE_ERRORS = [
    EngineError("broken"),
    OverloadedError("too much"),
    ModelLoadError("damaged"),
    WorkerCrashedError("gone"),
]


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_the_first_endpoint_answers_and_is_named(*, is_streamed: bool) -> None:
    stage = Stage({"one": ["a", 2.0, "b"]})
    served, parts = await stage.answer(ONE, TWO, is_streamed=is_streamed)
    assert parts == ["a", "b"]
    assert served.endpoint == ONE
    assert [(a.endpoint, a.outcome) for a in served.attempts] == [(ONE.id, "ok")]
    assert stage.asked == ["one"]


async def test_what_is_made_here_and_what_is_ignored_is_told() -> None:
    fit = Fit(derived=(Detail.SEGMENTS,), ignored=("prompt",))
    served, _ = await Stage().answer(Candidate(ONE, fit, Standing(), 0))
    assert (served.derived, served.ignored) == ((Detail.SEGMENTS,), ("prompt",))


@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize("error", UPSTREAM_ERRORS, ids=lambda error: type(error).__name__)
async def test_another_endpoint_takes_over(error: UpstreamError, *, is_streamed: bool) -> None:
    stage = Stage({"one": [1.5, error]})
    served, parts = await stage.answer(ONE, TWO, is_streamed=is_streamed)
    assert parts == ["by two"]
    assert [(a.endpoint, a.outcome, a.took_s) for a in served.attempts] == [
        (ONE.id, error.code, 1.5),
        (TWO.id, "ok", 0.0),
    ]
    assert stage.n_running == 0


@pytest.mark.parametrize("error", ENGINE_ERRORS, ids=lambda error: type(error).__name__)
async def test_another_endpoint_takes_over_from_our_own_engines(error: EngineError) -> None:
    served, parts = await Stage({"local": [error]}).answer(HERE, TWO)
    assert (served.endpoint, parts) == (TWO, ["by two"])


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("no"),
        InvalidAudioError("noise"),
        PermissionDeniedError("not here"),
        ShuttingDownError("bye"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_wrong_with_the_request_is_final(error: LoquentError) -> None:
    stage = Stage({"one": [error]})
    with pytest.raises(type(error)):
        await stage.answer(ONE, TWO)
    assert stage.asked == ["one"]
    assert stage.board.last_error(ONE) is None
    assert stage.n_running == 0


async def test_the_error_of_the_last_endpoint_is_the_callers() -> None:
    last = UpstreamUnavailableError("down")
    stage = Stage({"one": [UpstreamError("first")], "two": [last]})
    with pytest.raises(UpstreamUnavailableError) as raised:
        await stage.answer(ONE, TWO)
    assert raised.value is last
    assert stage.asked == ["one", "two"]


@pytest.mark.parametrize("error", [UPSTREAM_ERRORS[0], ENGINE_ERRORS[0]])
async def test_no_one_takes_over_once_a_part_is_out(error: LoquentError) -> None:
    stage = Stage({"one": ["a", error]})
    with pytest.raises(type(error)):
        await stage.answer(ONE, TWO, is_streamed=True)
    assert stage.heard == ["a"]
    assert stage.asked == ["one"]


async def test_of_an_answer_that_is_not_streamed_all_or_nothing_is_passed_on() -> None:
    stage = Stage({"one": ["a", "b", UpstreamError("broken")]})
    served, parts = await stage.answer(ONE, TWO)
    assert (served.endpoint, parts) == (TWO, ["by two"])


async def test_nothing_of_an_answer_that_is_not_streamed_is_out_before_its_end() -> None:
    stage = Stage({"one": ["a", NEVER]})
    async with aclosing(stage.run(ONE, TWO)) as updates:
        waiting = asyncio.ensure_future(anext(updates))
        await stage.is_stuck.wait()
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_where_nobody_could_take_over_parts_are_passed_on_at_once() -> None:
    stage = Stage({"one": ["a", NEVER]})
    async with aclosing(stage.run(ONE)) as updates:
        assert isinstance(await anext(updates), Served)
        assert await anext(updates) == "a"


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_an_endpoint_that_does_not_answer_is_given_up_for_another(
    *, is_streamed: bool
) -> None:
    stage = Stage({"one": [NEVER]}, AttemptLimits(least_patience_s=0.01))
    impatient = candidate(ONE, Standing(expected_s=0.001))
    served, _ = await stage.answer(impatient, TWO, is_streamed=is_streamed)
    assert [a.outcome for a in served.attempts] == ["upstream_timeout", "ok"]
    assert stage.left[0] == "one", "the first is let go before the second is asked"
    assert stage.board.last_error(ONE) == "upstream_timeout"


async def test_an_endpoint_gets_no_more_than_its_share_of_the_deadline() -> None:
    stage = Stage({"one": [NEVER]}, AttemptLimits(deadline_s=0.05))
    served, _ = await stage.answer(candidate(ONE, Standing(expected_s=1e6)), TWO)
    assert served.endpoint == TWO


async def test_the_last_endpoint_gets_all_the_time_that_is_left() -> None:
    stage = Stage({"one": [NEVER]}, AttemptLimits(deadline_s=0.05, least_patience_s=0))
    with pytest.raises(UpstreamTimeoutError, match="one/large did not answer within"):
        await stage.answer(ONE)


@pytest.mark.parametrize(("spent_s", "is_late"), [(9.0, False), (11.0, True)])
async def test_all_endpoints_share_one_deadline(spent_s: float, *, is_late: bool) -> None:
    scripts: dict[str, list[Step]] = {
        "one": [spent_s, UpstreamError("broken")],
        "two": [NEVER if is_late else 0.0, "b"],
    }
    stage = Stage(scripts, AttemptLimits(deadline_s=10.0))
    if is_late:
        with pytest.raises(UpstreamTimeoutError):
            await asyncio.wait_for(stage.answer(ONE, TWO), 5)
    else:
        assert (await stage.answer(ONE, TWO))[1] == ["b"]


async def test_a_longer_recording_may_take_longer() -> None:
    stage = Stage({"one": [11.0, "a", 0.0, "b"]}, AttemptLimits(deadline_s=10.0))
    stage.audio_s = 60.0
    assert (await stage.answer(ONE, is_streamed=True))[1] == ["a", "b"]


async def test_the_rest_of_a_stream_must_come_before_the_deadline() -> None:
    stage = Stage({"one": [9.0, "a", 2.0, NEVER]}, AttemptLimits(deadline_s=9.01))
    with pytest.raises(UpstreamTimeoutError):
        await asyncio.wait_for(stage.answer(ONE, is_streamed=True), 5)
    assert stage.heard == ["a"]


async def test_the_time_that_the_caller_takes_counts_for_nothing() -> None:
    stage = Stage({"one": ["a", 1.0, "b", 1.0, "c"]}, AttemptLimits(deadline_s=10.0))
    async with aclosing(stage.run(ONE, is_streamed=True)) as updates:
        heard = []
        async for update in updates:
            heard.append(update)
            stage.clock.now_s += 1_000
    assert heard[1:] == ["a", "b", "c"]
    assert stage.board.standing(ONE, 60).expected_s < 10


async def test_our_own_engines_know_no_deadline_and_spend_none() -> None:
    stage = Stage({"local": [9_999.0, EngineError("broken")]}, AttemptLimits(deadline_s=10.0))
    served, parts = await stage.answer(HERE, ONE)
    assert (served.endpoint, parts) == (ONE, ["by one"])
    slow = Stage({"local": ["a", 9_999.0, "b", 0.0, "c"]}, AttemptLimits(deadline_s=10.0))
    assert (await slow.answer(HERE, is_streamed=True))[1] == ["a", "b", "c"]


async def test_no_more_endpoints_are_tried_than_the_limit_says() -> None:
    broken: list[Step] = [UpstreamError("broken")]
    stage = Stage(dict.fromkeys(("one", "two", "three"), broken), AttemptLimits(max_attempts=3))
    with pytest.raises(UpstreamError):
        await stage.answer(ONE, TWO, THREE, FOUR)
    assert stage.asked == ["one", "two", "three"]


async def test_an_endpoint_that_failed_since_it_was_chosen_is_passed_over() -> None:
    stage = Stage({"three": [UpstreamError("broken")]}, AttemptLimits(max_attempts=2))
    for endpoint in (ONE, TWO):
        assert stage.board.begin(endpoint)
        stage.board.fail(endpoint, UpstreamKeyError("wrong key"))
    served, _ = await stage.answer(ONE, TWO, THREE, FOUR)
    assert stage.asked == ["three", "four"], "who is passed over is no attempt"
    assert served.endpoint == FOUR


async def test_where_all_have_failed_since_that_is_told() -> None:
    stage = Stage()
    assert stage.board.begin(ONE)
    stage.board.fail(ONE, UpstreamKeyError("wrong key"))
    with pytest.raises(NoEndpointError) as raised:
        await stage.answer(ONE)
    assert raised.value.retry_after_s == 1
    assert stage.asked == []


async def test_a_failure_is_told_where_all_others_have_failed_since() -> None:
    stage = Stage({"one": [UpstreamUnavailableError("down")]})
    assert stage.board.begin(TWO)
    stage.board.fail(TWO, UpstreamKeyError("wrong key"))
    with pytest.raises(UpstreamUnavailableError, match="down"):
        await stage.answer(ONE, TWO)


async def test_endpoints_that_keep_failing_are_left_alone() -> None:
    stage = Stage({"one": [UpstreamError("broken")]})
    for _ in range(MAX_FAILURES + 3):
        await stage.answer(ONE, TWO)
    assert stage.asked.count("one") == MAX_FAILURES
    assert not stage.is_up(ONE)
    assert stage.is_up(TWO)


@pytest.mark.parametrize(
    "error",
    [OverloadedError("too much"), EngineError("ours")],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_not_the_endpoints_fault_does_not_count_against_it(
    error: LoquentError,
) -> None:
    stage = Stage({"one": [error]})
    for _ in range(MAX_FAILURES + 3):
        assert (await stage.answer(ONE, TWO))[0].endpoint == TWO
    assert stage.is_up(ONE)
    assert stage.board.standing(ONE, 0).error_rate == 0


async def test_who_rejects_what_another_one_takes_is_to_blame() -> None:
    stage = Stage({"one": [UpstreamRejectedError("not this")]})
    for _ in range(MAX_FAILURES + 3):
        assert (await stage.answer(ONE, TWO))[0].endpoint == TWO
    assert stage.asked.count("one") == MAX_FAILURES
    assert not stage.is_up(ONE)


async def test_who_rejects_what_everybody_rejects_is_not_to_blame() -> None:
    stage = Stage({name: [UpstreamRejectedError("not this")] for name in ("one", "two")})
    for _ in range(MAX_FAILURES):
        with pytest.raises(UpstreamRejectedError):
            await stage.answer(ONE, TWO)
    assert stage.is_up(ONE)
    assert stage.board.standing(ONE, 0).error_rate == 0


async def test_in_an_outage_second_attempts_run_out() -> None:
    names = ("one", "two")
    stage = Stage({name: [UpstreamRejectedError("not this")] for name in names})
    n_requests = 1_000
    for _ in range(n_requests):
        with pytest.raises(UpstreamRejectedError):
            await stage.answer(ONE, TWO)
    assert n_requests < len(stage.asked) <= 1.2 * n_requests


async def test_a_second_attempt_that_finds_nobody_costs_nothing() -> None:
    stage = Stage({"one": [UpstreamRejectedError("not this")]})
    assert stage.board.begin(TWO)
    stage.board.fail(TWO, UpstreamThrottledError("slow down", retry_after_s=3_600))
    for _ in range(50):
        with pytest.raises(UpstreamRejectedError):
            await stage.answer(ONE, TWO)
    assert (await stage.answer(ONE, THREE))[0].endpoint == THREE


@pytest.mark.parametrize("n_heard", [1, 2])
async def test_a_caller_who_leaves_frees_the_endpoint(n_heard: int) -> None:
    stage = Stage({"one": ["a", "b", NEVER]})
    assert stage.board.begin(ONE)
    stage.board.fail(ONE, UpstreamThrottledError("slow down", retry_after_s=5))
    stage.clock.now_s += 5
    async with aclosing(stage.run(ONE, is_streamed=True)) as updates:
        for _ in range(n_heard):
            await anext(updates)
        assert not stage.is_up(ONE), "a probe is under way"
    assert stage.left == ["one"]
    assert stage.n_running == 0
    assert stage.is_up(ONE), "the next request may find out"


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_a_caller_who_is_cancelled_frees_the_endpoint(*, is_streamed: bool) -> None:
    stage = Stage({"one": [NEVER]})
    task = asyncio.create_task(stage.answer(ONE, TWO, is_streamed=is_streamed))
    await stage.is_stuck.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (stage.left, stage.n_running) == (["one"], 0)
    assert stage.board.last_error(ONE) is None


async def test_a_good_answer_teaches_the_pace_without_the_wait_in_our_queue() -> None:
    stage = Stage({"local": [20.0, "a"]})
    for _ in range(30):
        await stage.answer(candidate(HERE, Standing(expected_s=20, queue_wait_s=18)))
    assert stage.board.standing(HERE, 60).expected_s == pytest.approx(2, rel=0.25)
    assert stage.n_running == 0
