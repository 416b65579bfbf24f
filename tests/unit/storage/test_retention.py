"""What points to a person goes, what was used stays, to the last micro-unit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.engine import Connection

from loquent.domain.usage import UsageGroup, UsageQuery, UsageRow, UsageSum
from loquent.ports import Ledger
from loquent.storage.account_tables import ORGANISATIONS, PROJECTS
from loquent.storage.ledger import SqlLedger
from loquent.storage.retention import ERASED
from tests.unit.storage.databases import Place
from tests.unit.storage.ledgers import Clock, opened_ledger
from tests.unit.storage.money import left_of
from tests.unit.storage.usage_rows import NOON, ONE, all_rows, numbered, random_rows

_KEPT = [group for group in UsageGroup if group is not UsageGroup.KEY]


@pytest.fixture
async def ledger(place: Place) -> AsyncIterator[SqlLedger]:
    async with opened_ledger(place.url, now=Clock()) as opened:
        yield opened


async def _record(ledger: SqlLedger, *rows: UsageRow) -> None:
    await asyncio.gather(*(ledger.record(row, [row.organisation]) for row in rows))


async def _sums(ledger: SqlLedger, query: UsageQuery) -> list[Sequence[UsageSum]]:
    one_by_one = [await ledger.sums(query, [group]) for group in _KEPT]
    return [await ledger.sums(query, _KEPT), *one_by_one]


async def test_what_points_to_a_person_is_erased_and_nothing_else(ledger: SqlLedger) -> None:
    promised: Ledger = ledger
    mine, late = numbered(1), replace(numbered(2), began_at=NOON + timedelta(days=1))
    other = replace(numbered(3), project="proj_b")
    await _record(ledger, mine, late, other)

    n_erased = await promised.erase("proj_a", NOON + timedelta(days=1))

    erased, *rest = sorted(await all_rows(ledger), key=lambda row: bool(row.key))
    assert n_erased == 1
    assert rest == [other, late]
    assert erased == replace(mine, request_id=erased.request_id, key="", asked_model="")
    assert erased.request_id.startswith(ERASED)
    assert len(erased.request_id) == len(ERASED) + 32


async def test_no_sum_changes_but_those_by_key(ledger: SqlLedger) -> None:
    rows = random_rows(seed=2, n_rows=900)
    await _record(ledger, *rows)
    queries = [UsageQuery(), UsageQuery(project="p1"), UsageQuery(until=NOON.date(), model="1")]
    before = [await _sums(ledger, query) for query in queries]
    spent = await ledger.balances(left_of("o1", ""))

    n_erased = await ledger.erase("p1", NOON)

    assert [await _sums(ledger, query) for query in queries] == before
    assert await ledger.balances(left_of("o1", "")) == spent
    theirs = [row for row in rows if row.project == "p1" and row.began_at < NOON]
    assert n_erased == len(theirs) > 100
    kept = {row.request_id for row in await all_rows(ledger)} & {row.request_id for row in rows}
    assert kept == {row.request_id for row in rows} - {row.request_id for row in theirs}


async def test_what_is_erased_is_not_erased_again(ledger: SqlLedger) -> None:
    await _record(ledger, *map(numbered, range(250)))
    later = NOON + timedelta(days=1)
    assert await ledger.erase("proj_a", later) == 250
    erased = await all_rows(ledger)

    assert await ledger.erase("proj_a", later) == 0

    assert await all_rows(ledger) == erased


async def test_two_servers_that_erase_at_once_erase_each_row_once(place: Place) -> None:
    async with opened_ledger(place.url) as one, opened_ledger(place.url) as other:
        await _record(one, *map(numbered, range(500)))
        later = NOON + timedelta(days=1)

        numbers = await asyncio.gather(one.erase("proj_a", later), other.erase("proj_a", later))

        assert sum(numbers) == 500
        assert not any(row.key for row in await all_rows(one))


@pytest.mark.parametrize("request_id", ["erased_x.0123456789abcdef", "erased_" + "0" * 32])
async def test_an_id_that_only_looks_erased_saves_nobody(
    ledger: SqlLedger, request_id: str
) -> None:
    await _record(ledger, replace(ONE, request_id=request_id))

    assert await ledger.erase("proj_a", NOON + timedelta(days=1)) == 1

    (row,) = await all_rows(ledger)
    assert (row.key, row.asked_model) == ("", "")
    assert row.request_id != request_id


async def test_projects_have_their_days_of_retention(ledger: SqlLedger) -> None:
    await _with_projects(ledger, {"none": None, "zero": 0, "week": 7, "ever": 10**15})
    ages = [timedelta(days=8), timedelta(days=7), timedelta(microseconds=1)]
    await _record(
        ledger,
        *(
            replace(ONE, request_id=f"{name}-{place}", project=name, began_at=NOON - age)
            for name in ("none", "zero", "week", "ever", "gone")
            for place, age in enumerate(ages)
        ),
    )

    await ledger._retain()

    kept = {row.request_id for row in await all_rows(ledger) if row.key}
    whole = {f"{name}-{place}" for name in ("none", "ever", "gone") for place in range(3)}
    assert kept == {*whole, "week-1", "week-2"}


async def _with_projects(ledger: SqlLedger, retention: dict[str, int | None]) -> None:
    made = {"name": "x", "terms": "{}", "created_at_us": 0}
    projects = [
        {"id": name, "organisation_id": "org_a", "retention_days": days, **made}
        for name, days in retention.items()
    ]

    def write(connection: Connection) -> None:
        connection.execute(insert(ORGANISATIONS), {"id": "org_a", **made})
        connection.execute(insert(PROJECTS), projects)

    await ledger._database.write(write)
