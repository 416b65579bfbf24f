"""Who is let in, and what is taken of whom; nothing of those who are not."""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf

import pytest

from loquent.api.admission import AHEAD_S, MARGIN_S, Admission, Gate, Visit
from loquent.domain.accounts import (
    Account,
    Budget,
    Caller,
)
from loquent.domain.errors import BudgetExceededError, InvalidAudioError, RateLimitError
from loquent.domain.limits import Quantity, SeatKind
from loquent.domain.rates import RateLimits
from tests.fakes.estimated import FakeEstimate
from tests.fakes.fake_limiter import FakeLimiter
from tests.fakes.fake_treasury import FakeTreasury

NOW = datetime(2026, 11, 5, tzinfo=UTC)


def caller(
    key: RateLimits | Budget | None = None, project: RateLimits | Budget | None = None
) -> Caller:
    return Caller(
        key_id="key",
        project_id="proj_p",
        organisation_id="org_o",
        accounts=(_account("key", key), _account("proj_p", project), Account("org_o")),
    )


def _account(account_id: str, terms: RateLimits | Budget | None) -> Account:
    if isinstance(terms, Budget):
        return Account(account_id, budget=terms)
    return Account(account_id, terms or RateLimits())


def visit(who: Caller, kind: SeatKind = SeatKind.REQUESTS, request_id: str = "req") -> Visit:
    return Visit(who, kind, request_id, NOW)


async def test_who_has_no_limits_and_no_budget_is_asked_nothing() -> None:
    limiter, treasury, headers = FakeLimiter(), FakeTreasury(), dict[str, str]()
    estimate = FakeEstimate(length_s=60, n_characters=10, micros_per_s=5)
    await Gate(limiter, treasury, "EUR").admit(visit(caller()), estimate, headers)
    asked = [*limiter.asked, *limiter.entered, *treasury.reserved, *treasury.asked]
    assert (asked, headers, estimate.measured) == ([], {}, [])


async def test_every_account_is_asked_for_what_the_request_takes() -> None:
    limiter, headers = FakeLimiter(), dict[str, str]()
    limits = RateLimits(
        requests_per_minute=3, audio_seconds_per_minute=100, characters_per_minute=50
    )
    who = caller(limits, RateLimits(requests_per_minute=2))
    await Gate(limiter, None, "EUR").admit(visit(who), FakeEstimate(12.3, 7), headers)
    taken = {(each.account_id, each.quantity): each.amount for each in limiter.taken}
    assert taken == {
        ("key", Quantity.REQUESTS): 1,
        ("key", Quantity.AUDIO_SECONDS): 13,
        ("key", Quantity.CHARACTERS): 7,
        ("proj_p", Quantity.REQUESTS): 1,
    }
    assert headers["x-ratelimit-limit-requests"] == "2"  # of the two the one with less left
    assert headers["x-ratelimit-remaining-requests"] == "1"
    assert headers["x-ratelimit-remaining-audio-seconds"] == "87"
    assert headers["x-ratelimit-remaining-characters"] == "43"
    assert headers["x-ratelimit-reset-requests"] == "20s"


async def test_a_recording_is_measured_only_where_its_length_counts() -> None:
    estimate = FakeEstimate(12.3)
    who = caller(RateLimits(requests_per_minute=3))
    await Gate(FakeLimiter(), None, "EUR").admit(visit(who), estimate, {})
    assert not estimate.measured


@pytest.mark.parametrize(
    ("who", "whose"),
    [
        (caller(RateLimits(requests_per_minute=1)), "This key may take 1 requests a minute"),
        (caller(None, RateLimits(requests_per_minute=1)), "The project of this key may take 1"),
    ],
)
async def test_who_is_over_a_limit_is_told_whose_and_when_to_return(
    who: Caller, whose: str
) -> None:
    gate, headers = Gate(FakeLimiter(reset_s=62.5), None, "EUR"), dict[str, str]()
    await gate.admit(visit(who), FakeEstimate(), headers)
    with pytest.raises(RateLimitError, match=whose) as refused:
        await gate.admit(visit(who), FakeEstimate(), headers)
    assert refused.value.retry_after_s == 62.5
    assert refused.value.retryable
    assert headers["x-ratelimit-reset-requests"] == "1m3s"


async def test_what_no_minute_can_hold_is_not_to_be_repeated() -> None:
    gate = Gate(FakeLimiter(reset_s=inf), None, "EUR")
    who, headers = caller(RateLimits(audio_seconds_per_minute=10)), dict[str, str]()
    with pytest.raises(RateLimitError, match="takes 11 at once") as refused:
        await gate.admit(visit(who), FakeEstimate(10.5), headers)
    assert not refused.value.retryable
    assert refused.value.retry_after_s is None
    assert "x-ratelimit-reset-audio-seconds" not in headers


async def test_seats_are_for_as_long_as_the_request_goes_on() -> None:
    limiter = FakeLimiter()
    gate, who = Gate(limiter, None, "EUR"), caller(RateLimits(concurrent_requests=1))
    first = await gate.admit(visit(who, request_id="a"), FakeEstimate(), {})
    with pytest.raises(RateLimitError, match="may have 1 requests going on at the same time"):
        await gate.admit(visit(who, request_id="b"), FakeEstimate(), {})
    await gate.admit(visit(who, SeatKind.SESSIONS, "c"), FakeEstimate(), {})
    await first.leave()
    await gate.admit(visit(who, request_id="d"), FakeEstimate(), {})


async def test_who_is_refused_later_gives_its_seat_back() -> None:
    limiter = FakeLimiter(Quantity.CHARACTERS)
    who = caller(RateLimits(characters_per_minute=9, concurrent_requests=1))
    with pytest.raises(RateLimitError):
        await Gate(limiter, None, "EUR").admit(visit(who), FakeEstimate(n_characters=1), {})
    assert limiter.entered
    assert not any(limiter.seated.values())


async def test_who_sends_what_cannot_be_measured_gives_its_seat_back() -> None:
    class Unreadable(FakeEstimate):
        async def audio_s(self) -> float:
            raise InvalidAudioError("This is no sound.")

    limiter = FakeLimiter()
    who = caller(RateLimits(audio_seconds_per_minute=9, concurrent_requests=1))
    with pytest.raises(InvalidAudioError):
        await Gate(limiter, None, "EUR").admit(visit(who), Unreadable(), {})
    assert limiter.entered
    assert not any(limiter.seated.values())


async def test_money_is_kept_until_the_price_is_known() -> None:
    treasury, headers = FakeTreasury(key=1_000_000), dict[str, str]()
    who = caller(Budget(hard_micros=5_000_000, soft_micros=1_500_000))
    gate = Gate(None, treasury, "EUR")
    admission = await gate.admit(visit(who), FakeEstimate(10, micros_per_s=100_000), headers)
    assert treasury.reserved["req"].micros == 1_000_000
    assert headers["x-loquent-budget-remaining"] == "3.000000 EUR"
    assert headers["x-loquent-budget-warning"] == "more than 1.500000 EUR is spent"
    admission.settle(400_000)
    assert headers["x-loquent-budget-remaining"] == "3.600000 EUR"


async def test_of_several_budgets_the_one_with_the_least_left_is_told() -> None:
    headers = dict[str, str]()
    who = caller(Budget(hard_micros=5_000_000), Budget(hard_micros=2_000_000))
    gate = Gate(None, FakeTreasury(), "EUR")
    await gate.admit(visit(who), FakeEstimate(1, micros_per_s=500_000), headers)
    assert headers == {"x-loquent-budget-remaining": "1.500000 EUR"}


async def test_a_budget_that_does_not_have_it_keeps_the_request_out() -> None:
    limiter, treasury = FakeLimiter(), FakeTreasury(key=1)
    with pytest.raises(BudgetExceededError):
        await Gate(limiter, treasury, "EUR").admit(
            visit(caller(Budget(hard_micros=10))), FakeEstimate(1, micros_per_s=10), {}
        )
    assert not treasury.reserved


async def test_what_costs_nothing_goes_on_when_nothing_is_left() -> None:
    treasury, headers = FakeTreasury(key=20), dict[str, str]()
    who = caller(Budget(hard_micros=10))
    await Gate(None, treasury, "EUR").admit(visit(who), FakeEstimate(5), headers)
    assert not treasury.reserved
    assert headers == {"x-loquent-budget-remaining": "0.000000 EUR"}


async def session(gate: Gate, who: Caller, micros_per_s: int = 10) -> Admission:
    estimate = FakeEstimate(micros_per_s=micros_per_s)
    return await gate.admit(visit(who, SeatKind.SESSIONS), estimate, {})


async def test_a_session_keeps_money_for_the_next_minute() -> None:
    treasury = FakeTreasury()
    admission = await session(Gate(None, treasury, "EUR"), caller(Budget(hard_micros=1_300)))
    assert treasury.reserved["req"].micros == 10 * AHEAD_S
    await admission.hear(AHEAD_S - MARGIN_S)
    assert treasury.reserved["req"].micros == 10 * AHEAD_S
    await admission.hear(AHEAD_S - MARGIN_S + 1)
    assert treasury.reserved["req"].micros == 10 * (2 * AHEAD_S - MARGIN_S + 1)
    with pytest.raises(BudgetExceededError):
        await admission.hear(2 * AHEAD_S - MARGIN_S)
    assert treasury.reserved["req"].micros == 10 * (2 * AHEAD_S - MARGIN_S + 1)


async def test_each_second_that_a_session_hears_counts_once() -> None:
    limiter = FakeLimiter()
    who = caller(RateLimits(audio_seconds_per_minute=4))
    admission = await session(Gate(limiter, None, "EUR"), who)
    assert not limiter.asked
    for heard_s in (0.1, 0.9, 1.0, 1.1, 3.5):
        await admission.hear(heard_s)
    assert [each.amount for each in limiter.taken] == [1, 1, 2]
    with pytest.raises(RateLimitError, match="4 seconds of audio a minute"):
        await admission.hear(4.1)
