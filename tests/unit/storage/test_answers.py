"""The promises of the store of answers, on each database that can be had here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from loquent.domain.errors import LedgerUnavailableError
from loquent.domain.idempotency import (
    AnsweredClaim,
    Claim,
    FirstClaim,
    OtherClaim,
    RunningClaim,
)
from loquent.ports import AnswerStore
from loquent.storage.account_tables import ANSWERS
from loquent.storage.answers import LEASE, SqlAnswerStore
from loquent.storage.columns import us_of
from loquent.storage.opening import Database
from tests.unit.storage.databases import Place
from tests.unit.storage.usage_rows import PATIENCE_S

ONE = Claim("claim_1", b"\0\xff" * 16, "req_1")
AGAIN = replace(ONE, request_id="req_2")
OTHER = replace(ONE, digest=b"other" * 6, request_id="req_3")
SEALED = b"\0\xffsealed" * 1000


class Time:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 8, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **some: float) -> None:
        self.now += timedelta(**some)


@pytest.fixture
async def database(place: Place) -> AsyncIterator[Database]:
    opened = Database.at(place.url, limit_s=PATIENCE_S)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store(database: Database, time: Time) -> SqlAnswerStore:
    return SqlAnswerStore(database, now=time)


@pytest.fixture
def another(database: Database, time: Time) -> SqlAnswerStore:
    """Another server's store on the same database."""
    return SqlAnswerStore(database, now=time)


async def _n_rows(database: Database) -> int:
    async with database.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(ANSWERS))).scalar_one()


async def test_who_comes_first_is_told_and_who_comes_next_waits(store: SqlAnswerStore) -> None:
    promised: AnswerStore = store

    assert await promised.claim(ONE) == FirstClaim("req_1")
    assert await promised.claim(AGAIN) == RunningClaim()
    assert await promised.claim(ONE) == RunningClaim()
    assert await promised.claim(OTHER) == OtherClaim()
    assert await promised.claim(replace(ONE, id="claim_2")) == FirstClaim("req_1")


@pytest.mark.parametrize("sealed", [SEALED, b"", None])
async def test_an_answer_that_is_kept_comes_back(
    store: SqlAnswerStore, another: SqlAnswerStore, sealed: bytes | None
) -> None:
    await store.claim(ONE)
    await store.keep(ONE, sealed)

    for asked in (store, another):
        assert await asked.claim(AGAIN) == AnsweredClaim(sealed)
        assert await asked.claim(OTHER) == OtherClaim()


async def test_a_claim_that_is_dropped_is_free_again_for_any_request(
    store: SqlAnswerStore, another: SqlAnswerStore
) -> None:
    await store.claim(ONE)
    await store.drop(ONE)

    assert await another.claim(OTHER) == FirstClaim("req_3")


async def test_what_was_answered_cannot_be_dropped(store: SqlAnswerStore) -> None:
    await store.claim(ONE)
    await store.keep(ONE, SEALED)
    await store.drop(ONE)

    assert await store.claim(AGAIN) == AnsweredClaim(SEALED)


async def test_who_only_waits_cannot_drop(store: SqlAnswerStore) -> None:
    await store.claim(ONE)
    await store.claim(AGAIN)
    await store.drop(AGAIN)
    await store.drop(OTHER)

    assert await store.claim(AGAIN) == RunningClaim()


async def test_after_its_lease_a_claim_is_taken_over_by_one_with_the_first_request_id(
    store: SqlAnswerStore, another: SqlAnswerStore, time: Time
) -> None:
    await store.claim(ONE)
    time.go_on(seconds=29.999)
    assert await another.claim(AGAIN) == RunningClaim()
    time.go_on(seconds=0.001)

    assert await another.claim(OTHER) == OtherClaim()
    assert await another.claim(AGAIN) == FirstClaim("req_1")
    assert await another.claim(replace(ONE, request_id="req_4")) == RunningClaim()
    time.go_on(seconds=30)
    assert await store.claim(replace(ONE, request_id="req_5")) == FirstClaim("req_1")


async def test_who_lost_a_claim_cannot_drop_it(
    store: SqlAnswerStore, another: SqlAnswerStore, time: Time
) -> None:
    await store.claim(ONE)
    time.go_on(seconds=30)
    await another.claim(AGAIN)

    await store.drop(ONE)

    assert await another.claim(ONE) == RunningClaim()


async def test_who_lost_a_claim_does_not_renew_it(
    store: SqlAnswerStore, another: SqlAnswerStore, time: Time
) -> None:
    await store.claim(ONE)
    time.go_on(seconds=30)
    await another.claim(AGAIN)

    time.go_on(seconds=20)
    await store.renew()
    time.go_on(seconds=10)

    assert await another.claim(replace(ONE, request_id="req_4")) == FirstClaim("req_1")


async def test_a_claim_that_ends_in_doubt_leaves_its_request_id_to_the_next(
    store: SqlAnswerStore, another: SqlAnswerStore, time: Time
) -> None:
    await store.claim(ONE)
    await another.release(AGAIN)  # who does not hold it ends nothing
    assert await another.claim(AGAIN) == RunningClaim()
    await store.release(ONE)
    assert await another.claim(OTHER) == OtherClaim()
    assert await another.claim(AGAIN) == FirstClaim(ONE.request_id)
    time.go_on(seconds=20)
    await store.renew()
    assert await store.claim(ONE) == RunningClaim()


async def test_of_two_answers_the_first_one_stays(
    store: SqlAnswerStore, another: SqlAnswerStore, time: Time
) -> None:
    await store.claim(ONE)
    time.go_on(seconds=30)
    await another.claim(AGAIN)

    await store.keep(ONE, b"first")
    await another.keep(AGAIN, b"second")
    await another.drop(AGAIN)

    assert await store.claim(ONE) == AnsweredClaim(b"first")


async def test_an_answer_whose_claim_somebody_else_gave_up_is_kept(
    store: SqlAnswerStore, another: SqlAnswerStore, time: Time
) -> None:
    await store.claim(ONE)
    time.go_on(seconds=30)
    await another.claim(AGAIN)
    await another.drop(AGAIN)

    await store.keep(ONE, SEALED)

    assert await another.claim(AGAIN) == AnsweredClaim(SEALED)


async def test_a_claim_is_renewed_until_it_is_kept_or_dropped(
    store: SqlAnswerStore, another: SqlAnswerStore, time: Time
) -> None:
    working, dropped, kept = (replace(ONE, id=f"claim_{name}") for name in "wdk")
    for claim in (working, dropped, kept):
        await store.claim(claim)
    for _ in range(20):
        time.go_on(seconds=29)
        await store.renew()
    await store.drop(dropped)
    await store.keep(kept, SEALED)
    await another.claim(dropped)
    for _ in range(2):
        time.go_on(seconds=29)
        await store.renew()

    assert await another.claim(replace(working, request_id="req_2")) == RunningClaim()
    assert await store.claim(replace(dropped, request_id="req_2")) == FirstClaim("req_1")
    assert await store.claim(kept) == AnsweredClaim(SEALED)


async def test_answers_are_kept_for_a_day_after_the_claim(
    store: SqlAnswerStore, time: Time
) -> None:
    await store.claim(ONE)
    time.go_on(seconds=20)
    await store.keep(ONE, SEALED)
    time.go_on(hours=24, seconds=-20.001)
    assert await store.claim(AGAIN) == AnsweredClaim(SEALED)
    time.go_on(seconds=0.001)

    assert await store.claim(OTHER) == FirstClaim("req_3")
    assert await store.claim(AGAIN) == OtherClaim()
    await store.keep(ONE, SEALED)
    assert await store.claim(replace(OTHER, request_id="req_5")) == RunningClaim()
    time.go_on(hours=24)
    assert await store.claim(AGAIN) == FirstClaim("req_2")


async def test_what_has_expired_is_removed_and_nothing_else(
    database: Database, store: SqlAnswerStore, time: Time
) -> None:
    for number in range(45):
        await store.keep(replace(ONE, id=f"claim_{number}"), b"")
    time.go_on(microseconds=1)
    await store.keep(replace(ONE, id="later"), b"")
    time.go_on(hours=24, microseconds=-2)
    await store.clear()
    assert await _n_rows(database) == 46
    time.go_on(microseconds=1)

    await store.clear()

    assert await _n_rows(database) == 1
    assert await store.claim(replace(ONE, id="later")) == AnsweredClaim(b"")


async def _lease_us(database: Database, claim: Claim) -> int:
    found = select(ANSWERS.c.lease_until_us).where(ANSWERS.c.id == claim.id)
    async with database.reading() as connection:
        return int((await connection.execute(found)).scalar_one())


async def test_of_a_thousand_pairs_at_once_one_each_is_first(
    database: Database, place: Place, time: Time
) -> None:
    elsewhere = Database.at(place.url, limit_s=PATIENCE_S)
    stores = [SqlAnswerStore(database, now=time), SqlAnswerStore(elsewhere, now=time)]

    async def race(number: int, turn: int) -> list[object]:
        # They take turns at who starts, so that both win sometimes.
        pair = [
            stores[(number + n) % 2].claim(Claim(f"{number}", b"d", f"{turn}_{number}_{n}"))
            for n in range(2)
        ]
        return list(await asyncio.gather(*pair))

    began = await asyncio.gather(*(race(number, 0) for number in range(1000)))
    time.go_on(seconds=30)
    taken = await asyncio.gather(*(race(number, 1) for number in range(200)))
    await elsewhere.close()

    first, second = map(_first_ids, (began, taken))
    assert len(first) == len(set(first)) == 1000
    assert sum(RunningClaim() in pair for pair in began) == 1000
    assert second == first[:200]
    assert sum(RunningClaim() in pair for pair in taken) == 200


def _first_ids(pairs: list[list[object]]) -> list[str]:
    return [some.request_id for pair in pairs for some in pair if isinstance(some, FirstClaim)]


async def test_claims_and_drops_at_once_never_let_two_work(store: SqlAnswerStore) -> None:
    n_working = n_worked = 0

    async def work(number: int) -> None:
        nonlocal n_working, n_worked
        claim = replace(ONE, request_id=f"req_{number}")
        while not isinstance(await store.claim(claim), FirstClaim):
            pass
        n_working += 1
        n_worked += 1
        assert n_working == 1
        await asyncio.sleep(0)
        n_working -= 1
        await store.drop(claim)

    await asyncio.gather(*(work(number) for number in range(30)))

    assert n_worked == 30


async def test_a_caller_who_goes_while_claiming_holds_nothing_for_longer_than_a_lease(
    store: SqlAnswerStore, time: Time
) -> None:
    claiming = asyncio.create_task(store.claim(ONE))
    await asyncio.sleep(0)
    claiming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claiming
    time.go_on(seconds=20)
    await store.renew()
    time.go_on(seconds=10)

    assert isinstance(await store.claim(AGAIN), FirstClaim)


@pytest.mark.slow
async def test_a_database_that_goes_is_told_and_leases_are_renewed_when_it_is_back(
    place: Place, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database.at(place.url, limit_s=2.0)
    await database.open()
    store = SqlAnswerStore(database, now=time)
    lost, held = replace(ONE, id="claim_lost"), replace(ONE, id="claim_held")
    for claim in (lost, held):
        await store.claim(claim)
    await asyncio.to_thread(place.leave)
    caplog.set_level(logging.DEBUG, logger="loquent")

    asked = (store.claim(AGAIN), store.keep(lost, SEALED), store.drop(ONE))
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(error) for error in told] == [LedgerUnavailableError] * 3
    time.go_on(seconds=60)
    for chore in (store.renew, store.clear):
        with pytest.raises(LedgerUnavailableError):
            await chore()
    await asyncio.to_thread(place.come_back)
    await store.renew()

    assert await store.claim(replace(held, request_id="req_2")) == RunningClaim()
    assert await store.claim(replace(lost, request_id="req_2")) == FirstClaim("req_1")
    await store.keep(lost, SEALED)
    assert await store.claim(lost) == AnsweredClaim(SEALED)
    await database.close()
    said = [record.getMessage() for record in caplog.records]
    assert not [words for words in said if "claim_" in words or "req_" in words]


@pytest.mark.slow
async def test_what_is_open_renews_and_clears_by_itself_also_after_an_outage(
    place: Place, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loquent.storage.answers.RENEW_S", 0.01)
    monkeypatch.setattr("loquent.storage.answers.CLEAR_S", 0.01)
    database = Database.at(place.url, limit_s=2.0)
    await database.open()
    store = SqlAnswerStore(database, now=time)
    await store.open()

    for number in range(2):
        running, expiring = replace(ONE, id=f"running_{number}"), replace(ONE, id="expiring")
        await store.keep(expiring, SEALED)
        time.go_on(hours=23)
        await store.claim(running)
        time.go_on(hours=1)
        async with asyncio.timeout(PATIENCE_S):
            while await _n_rows(database) > number + 1:
                pass
            while await _lease_us(database, running) != us_of(time.now + LEASE):
                pass
        assert await store.claim(replace(running, request_id="req_2")) == RunningClaim()
        await asyncio.to_thread(place.leave)
        with pytest.raises(LedgerUnavailableError):
            await store.renew()
        await asyncio.to_thread(place.come_back)

    await store.close()
    await database.close()


async def test_what_was_never_opened_can_be_closed(store: SqlAnswerStore) -> None:
    await store.close()

    assert await store.claim(ONE) == FirstClaim("req_1")
