"""Money is kept while there is some, spent once, and free again, on each database there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from loquent.domain.accounts import BudgetPeriod
from loquent.domain.errors import BudgetExceededError, LedgerUnavailableError
from loquent.domain.limits import Balance, Expense, Reservation
from loquent.ports import Treasury
from loquent.storage.ledger import SqlLedger
from loquent.storage.opening import Database
from loquent.storage.spending import Entry
from tests.unit.storage.databases import Place, Postgres
from tests.unit.storage.ledgers import Clock, opened_ledger
from tests.unit.storage.money import account, asking, left_of, n_reservations
from tests.unit.storage.usage_rows import NOON, ONE, all_rows


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ledger(place: Place, clock: Clock) -> AsyncIterator[SqlLedger]:
    async with opened_ledger(place.url, now=clock) as opened:
        yield opened


async def _spent(ledger: SqlLedger, account_id: str, at: datetime = NOON) -> int:
    (balance,) = await ledger.balances(left_of(account_id, at=at))
    return balance.spent_micros


async def test_what_is_kept_counts_as_spent_and_is_told(ledger: SqlLedger) -> None:
    treasury: Treasury = ledger
    org = account("org", 100, soft_micros=30)

    (first,) = await treasury.reserve(asking(30, org, request_id="a"))
    (second,) = await treasury.reserve(asking(31, org, request_id="b"))

    assert first == Balance("org", org.budget, 30, is_beyond_soft=False, remaining_micros=70)
    assert second == Balance("org", org.budget, 61, is_beyond_soft=True, remaining_micros=39)
    assert list(await treasury.balances(asking(5, org, request_id="c"))) == [second]


async def test_what_goes_beyond_any_hard_end_is_refused_and_nothing_is_kept(
    ledger: SqlLedger,
) -> None:
    key, project, org = account("key", 100), account("project"), account("org", 99)

    with pytest.raises(BudgetExceededError) as caught:
        await ledger.reserve(asking(100, key, project, org))

    assert caught.value.retry_after_s is None
    assert await n_reservations(ledger) == 0
    balances = await ledger.reserve(asking(99, key, project, org))
    assert [balance.remaining_micros for balance in balances] == [1, None, 0]


async def test_a_budget_without_hard_end_refuses_nobody(ledger: SqlLedger) -> None:
    (balance,) = await ledger.reserve(asking(2**50, account("org", soft_micros=0)))

    assert (balance.remaining_micros, balance.is_beyond_soft) == (None, True)


@pytest.mark.parametrize(
    ("period", "words"),
    [
        (BudgetPeriod.DAY, "per day. It begins anew on 2026-08-02, 00:00 UTC."),
        (BudgetPeriod.WEEK, "per week. It begins anew on 2026-08-03, 00:00 UTC."),
        (BudgetPeriod.MONTH, "per month. It begins anew on 2026-09-01, 00:00 UTC."),
        (BudgetPeriod.TOTAL, "in total. It never begins anew."),
    ],
)
async def test_a_refusal_says_which_kind_of_budget_and_when_it_begins_anew(
    ledger: SqlLedger, period: BudgetPeriod, words: str
) -> None:
    with pytest.raises(BudgetExceededError) as caught:
        await ledger.reserve(asking(2, account("secret-org", 1, period)))

    assert words in caught.value.message
    assert "secret-org" not in caught.value.message


async def test_a_second_reservation_of_a_request_replaces_the_first(ledger: SqlLedger) -> None:
    org = account("org", 100)
    await ledger.reserve(asking(60, org))

    (more,) = await ledger.reserve(asking(100, org))
    with pytest.raises(BudgetExceededError):
        await ledger.reserve(asking(101, org))
    with pytest.raises(BudgetExceededError):
        await ledger.reserve(asking(1, org, request_id="other"))
    (less,) = await ledger.reserve(asking(10, org))

    assert (more.remaining_micros, less.remaining_micros) == (0, 90)
    assert await n_reservations(ledger) == 1


async def test_what_a_request_gives_back_is_there_for_who_comes_in_the_same_write(
    ledger: SqlLedger,
) -> None:
    org = account("org", 100)
    await ledger.reserve(asking(60, org))

    *_, (last,) = await asyncio.gather(
        ledger.reserve(asking(60, org)),
        ledger.reserve(asking(50, org)),
        ledger.reserve(asking(50, org, request_id="other")),
    )

    assert (last.spent_micros, await _spent(ledger, "org")) == (100, 100)


async def test_a_reservation_that_is_refused_leaves_the_one_before(ledger: SqlLedger) -> None:
    await ledger.reserve(asking(60, account("org", 100)))

    with pytest.raises(BudgetExceededError):
        await ledger.reserve(asking(101, account("org", 100)))

    assert await _spent(ledger, "org") == 60


async def test_a_row_ends_the_reservation_and_spends_its_price(ledger: SqlLedger) -> None:
    await ledger.reserve(asking(60, account("key"), account("org")))

    await ledger.record(replace(ONE, price_micros=7), ["key", "org", "org"])

    assert await n_reservations(ledger) == 0
    assert [await _spent(ledger, each) for each in ("key", "org", "other")] == [7, 7, 0]


@pytest.mark.parametrize(("price_micros", "accounts"), [(0, ["org"]), (7, [])])
async def test_a_row_that_nobody_pays_ends_the_reservation_too(
    ledger: SqlLedger, price_micros: int, accounts: Sequence[str]
) -> None:
    await ledger.reserve(asking(60, account("org")))

    await ledger.record(replace(ONE, price_micros=price_micros), accounts)

    assert await _spent(ledger, "org") == 0
    assert await n_reservations(ledger) == 0


async def test_a_row_that_comes_twice_is_paid_once(place: Place, ledger: SqlLedger) -> None:
    row = replace(ONE, price_micros=7)

    await asyncio.gather(*(ledger.record(row, ["org"]) for _ in range(50)))
    await ledger.record(replace(row, price_micros=9), ["org", "other"])
    async with opened_ledger(place.url) as another:
        await another.record(row, ["org"])

    assert await all_rows(ledger) == [row]
    assert await _spent(ledger, "org") == 7
    assert await _spent(ledger, "other") == 0


async def test_of_two_rows_in_one_write_the_first_counts(ledger: SqlLedger) -> None:
    free, priced = replace(ONE, price_micros=0), replace(ONE, price_micros=7)

    await asyncio.gather(ledger.record(free, ["org"]), ledger.record(priced, ["org"]))

    assert await all_rows(ledger) == [free]
    assert await _spent(ledger, "org") == 0


async def test_a_write_of_unknown_outcome_that_is_repeated_doubles_nothing(
    ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, n_commits = ledger._commit, 0

    async def commit_and_lose_the_answer(items: Sequence[Entry | Reservation]) -> object:
        nonlocal n_commits
        answers = await commit(items)
        n_commits += 1
        if n_commits < 3:
            raise OSError
        return answers

    monkeypatch.setattr(ledger, "_commit", commit_and_lose_the_answer)
    _, (balance,) = await asyncio.gather(
        ledger.record(replace(ONE, request_id="old", price_micros=7), ["org"]),
        ledger.reserve(asking(13, account("org", 20))),
    )

    assert n_commits >= 3
    assert (balance.spent_micros, balance.remaining_micros) == (20, 0)
    assert await _spent(ledger, "org") == 20
    assert await n_reservations(ledger) == 1


async def test_a_request_whose_row_is_written_keeps_nothing_any_more(ledger: SqlLedger) -> None:
    await ledger.record(replace(ONE, price_micros=7), ["org"])

    (balance,) = await ledger.reserve(asking(5, account("org", 10)))
    recording, reserving = replace(ONE, request_id="b", price_micros=1), asking(5, account("org"))
    await asyncio.gather(
        ledger.reserve(replace(reserving, request_id="b")), ledger.record(recording, ["org"])
    )

    assert (balance.spent_micros, balance.remaining_micros) == (7, 3)
    assert await _spent(ledger, "org") == 8
    assert await n_reservations(ledger) == 0


async def test_what_is_not_renewed_expires(ledger: SqlLedger, clock: Clock) -> None:
    org = account("org", 10)
    await ledger.reserve(asking(10, org))
    clock.pass_by(29.9)
    await ledger._expire()
    with pytest.raises(BudgetExceededError):
        await ledger.reserve(asking(1, org, request_id="other"))

    clock.pass_by(0.1)

    await ledger.reserve(asking(10, org, request_id="other"))
    assert await n_reservations(ledger) == 2
    await ledger._expire()
    assert await n_reservations(ledger) == 1


async def test_what_is_reserved_here_is_renewed_until_its_row_comes(
    place: Place, ledger: SqlLedger, clock: Clock
) -> None:
    await ledger.reserve(asking(5, account("org")))
    async with opened_ledger(place.url, now=clock) as another:
        await another.reserve(asking(3, account("org"), request_id="other"))
    for _ in range(6):
        clock.pass_by(20)
        await ledger._renew()
        await ledger._expire()
    assert await _spent(ledger, "org") == 5

    await ledger.record(replace(ONE, price_micros=1), ["org"])
    await ledger._renew()

    assert await _spent(ledger, "org") == 1
    assert ledger._held == set()


async def test_what_somebody_else_ended_is_renewed_no_longer(
    place: Place, ledger: SqlLedger
) -> None:
    await ledger.reserve(asking(5, account("org")))
    async with opened_ledger(place.url) as another:
        await another.record(ONE, ["org"])

    await ledger._renew()

    assert ledger._held == set()


SUNDAY = datetime(2026, 8, 2, 23, 59, 59, 999_999, tzinfo=UTC)
LAST_OF_MONTH = datetime(2026, 8, 31, 23, 59, 59, tzinfo=UTC)
FAR_EAST = datetime(2026, 8, 3, 1, tzinfo=UTC).astimezone()


@pytest.mark.parametrize(
    ("period", "at", "later", "is_anew"),
    [
        (BudgetPeriod.DAY, NOON, NOON + timedelta(hours=11), False),
        (BudgetPeriod.DAY, SUNDAY, SUNDAY + timedelta(microseconds=1), True),
        (BudgetPeriod.WEEK, NOON, SUNDAY, False),
        (BudgetPeriod.WEEK, SUNDAY, SUNDAY + timedelta(microseconds=1), True),
        (BudgetPeriod.WEEK, SUNDAY, FAR_EAST, True),
        (BudgetPeriod.MONTH, NOON, LAST_OF_MONTH, False),
        (BudgetPeriod.MONTH, LAST_OF_MONTH, LAST_OF_MONTH + timedelta(seconds=1), True),
        (BudgetPeriod.MONTH, NOON, NOON.replace(year=2027), True),
        (BudgetPeriod.TOTAL, NOON, NOON.replace(year=2126), False),
        (BudgetPeriod.TOTAL, NOON, NOON.replace(year=1926), False),
    ],
)
async def test_a_budget_begins_anew_when_its_period_does(
    ledger: SqlLedger, period: BudgetPeriod, at: datetime, later: datetime, *, is_anew: bool
) -> None:
    await ledger.record(replace(ONE, began_at=at, price_micros=10), ["org"])

    (balance,) = await ledger.balances(asking(0, account("org", 10, period), at=later))
    (then,) = await ledger.balances(asking(0, account("org", 10, period), at=at))

    assert balance.remaining_micros == (10 if is_anew else 0)
    assert then.remaining_micros == 0


async def test_budgets_of_several_periods_are_looked_at_in_one_write(ledger: SqlLedger) -> None:
    yesterday = NOON - timedelta(days=1)
    await ledger.record(replace(ONE, began_at=yesterday, price_micros=10), ["a", "b"])

    answers = await asyncio.gather(
        ledger.reserve(asking(5, account("a", 10, BudgetPeriod.DAY), request_id="r")),
        ledger.reserve(asking(5, account("b", 10, BudgetPeriod.WEEK), request_id="s")),
        ledger.reserve(asking(5, account("b", 10, BudgetPeriod.DAY), request_id="t")),
        return_exceptions=True,
    )

    assert [isinstance(answer, BudgetExceededError) for answer in answers] == [False, True, False]


async def test_of_two_hundred_at_once_as_many_pass_as_there_is_money_for(
    ledger: SqlLedger,
) -> None:
    assert await _n_passing([ledger], account("org", 50)) == 50

    await _settle_all([ledger])
    assert await _spent(ledger, "org") == 50


async def test_two_servers_on_one_database_give_no_more_than_there_is(place: Place) -> None:
    async with AsyncExitStack() as stack:
        ledgers = [await stack.enter_async_context(opened_ledger(place.url)) for _ in range(2)]

        assert await _n_passing(ledgers, account("org", 50), account("other", 60)) == 50

        assert sum(len(ledger._held) for ledger in ledgers) == 50
        await _settle_all(ledgers)
        assert await _spent(ledgers[0], "org") == 50
        assert await n_reservations(ledgers[0]) == 0


async def test_two_servers_that_reserve_and_spend_in_any_order_never_stop_each_other(
    place: Place,
) -> None:
    some = [account(name) for name in "abcdef"]

    async def work(ledger: SqlLedger, number: int) -> None:
        expenses = [some[(number + step) % 6] for step in (0, 2, 3)]
        request_id = f"{id(ledger)}-{number}"
        await ledger.reserve(asking(2, *expenses, request_id=request_id))
        row = replace(ONE, request_id=request_id, price_micros=1)
        await ledger.record(row, [each.account_id for each in reversed(expenses)])

    async with AsyncExitStack() as stack:
        ledgers = [await stack.enter_async_context(opened_ledger(place.url)) for _ in range(2)]
        await asyncio.gather(*(work(ledger, number) for number in range(150) for ledger in ledgers))

        assert [await _spent(ledgers[0], each.account_id) for each in some] == [150] * 6
        assert await n_reservations(ledgers[1]) == 0


async def test_a_write_on_postgresql_first_locks_all_accounts_in_one_order(
    postgres: Postgres,
) -> None:
    said: list[tuple[str, object]] = []

    def listen(
        _connection: object, _cursor: object, statement: str, parameters: object, *_: object
    ) -> None:
        said.append((statement, parameters))

    names = [f"key{number}" for number in range(20)]
    database = Database.at(postgres.new_place().url)
    await database.open()
    event.listen(database.engines.writing, "before_cursor_execute", listen)
    ledger = SqlLedger(database)
    await ledger.open()
    said.clear()
    await asyncio.gather(
        ledger.record(ONE, names[:12]),
        ledger.reserve(asking(1, *map(account, names[8:]), request_id="other")),
    )
    await ledger.close()
    await database.close()

    locked = [parameters for statement, parameters in said if "advisory" in statement]
    assert "advisory" in said[0][0]
    (parameters,) = locked
    assert isinstance(parameters, dict)
    (keys,) = parameters.values()
    assert keys == sorted(set(keys))
    assert len(keys) == len(names)


async def test_a_reservation_that_no_database_holds_fails_no_other(ledger: SqlLedger) -> None:
    answers = await asyncio.gather(
        ledger.reserve(asking(1, account("org"), request_id="a")),
        ledger.reserve(asking(2**80, account("org"), request_id="b")),
        ledger.reserve(asking(1, account("org"), request_id="c")),
        return_exceptions=True,
    )

    assert [isinstance(answer, LedgerUnavailableError) for answer in answers] == [
        False,
        True,
        False,
    ]
    assert await _spent(ledger, "org") == 2


async def _n_passing(ledgers: Sequence[SqlLedger], *expenses: Expense) -> int:
    answers = await asyncio.gather(
        *(
            ledger.reserve(asking(1, *expenses, request_id=f"{place}-{number}"))
            for number in range(200 // len(ledgers))
            for place, ledger in enumerate(ledgers)
        ),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(answer, BudgetExceededError) for answer in refused)
    return len(answers) - len(refused)


async def _settle_all(ledgers: Sequence[SqlLedger]) -> None:
    await asyncio.gather(
        *(
            ledger.record(replace(ONE, request_id=request_id, price_micros=1), ["org"])
            for ledger in ledgers
            for request_id in ledger._held
        )
    )
