"""The promises of the ledger, on each database that can be had here."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.errors import LedgerUnavailableError
from loquent.domain.model import Capability
from loquent.domain.usage import UsageGroup, UsageQuery, UsageRow
from loquent.ports.ledger import Ledger
from loquent.storage.database import StorageError
from loquent.storage.ledger import SqlLedger
from loquent.storage.opening import Database
from tests.unit.storage.databases import Place, sqlite_place
from tests.unit.storage.ledgers import opened_ledger
from tests.unit.storage.usage_rows import (
    ALL,
    NOON,
    ONE,
    PATIENCE_S,
    all_rows,
    numbered,
    random_rows,
    summed,
    wanted,
)


async def test_a_row_comes_back_as_it_was_written(ledger: SqlLedger) -> None:
    promised: Ledger = ledger

    await promised.record(ONE)

    assert await all_rows(promised) == [ONE]


async def test_a_row_is_there_for_who_opens_the_database_later(place: Place) -> None:
    for number in range(2):
        async with opened_ledger(place.url) as ledger:
            await ledger.record(numbered(number))

    async with opened_ledger(place.url) as ledger:
        assert await all_rows(ledger) == [numbered(0), numbered(1)]


async def test_a_second_row_of_a_request_changes_nothing(ledger: SqlLedger) -> None:
    await ledger.record(ONE)

    await ledger.record(replace(ONE, price_micros=0, outcome="ok"))

    assert await all_rows(ledger) == [ONE]


async def test_two_hundred_records_of_one_request_at_once_make_one_row(ledger: SqlLedger) -> None:
    await asyncio.gather(*(ledger.record(ONE) for _ in range(200)))

    assert await all_rows(ledger) == [ONE]


async def test_more_rows_at_once_than_fit_one_write_are_all_written(ledger: SqlLedger) -> None:
    await asyncio.gather(*(ledger.record(numbered(number)) for number in range(2500)))

    assert await all_rows(ledger) == [numbered(number) for number in range(2500)]


async def test_sums_and_rows_are_those_that_python_finds(ledger: SqlLedger) -> None:
    rows = random_rows(seed=1, n_rows=700)
    await asyncio.gather(*(ledger.record(row) for row in rows))
    queries = [
        ALL,
        UsageQuery(since=NOON.date()),
        UsageQuery(until=NOON.date()),
        UsageQuery(since=date(2026, 7, 28), until=date(2026, 8, 3), key="k1"),
        UsageQuery(since=date.min, until=date.max, model="'; DROP TABLE usage; --"),
        UsageQuery(provider="b", capability=Capability.SPEECH),
        UsageQuery(project="p1"),
        UsageQuery(organisation="o1", key="k1"),
        UsageQuery(deployment="d1"),
        UsageQuery(deployment=""),
        UsageQuery(key="nobody"),
    ]

    for query in queries:
        assert await all_rows(ledger, query) == wanted(rows, query)
        for group in UsageGroup:
            assert await ledger.sums(query, [group]) == summed(rows, query, [group])
        groups = list(UsageGroup)
        assert await ledger.sums(query, groups) == summed(rows, query, groups)
        assert await ledger.sums(query, []) == summed(rows, query, [])


_AMOUNTS = st.integers(0, 2**40)
_NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)
_DAYS = st.none() | st.dates()
_GROUPS = st.lists(st.sampled_from(UsageGroup), unique=True)
_ROWS = st.lists(
    st.builds(
        UsageRow,
        request_id=st.uuids().map(str),
        began_at=st.integers(0, 10**10).map(lambda some: NOON + timedelta(microseconds=some * 99)),
        key=_NAMES,
        capability=st.sampled_from(Capability),
        asked_model=_NAMES,
        outcome=st.sampled_from(["ok", "upstream_error"]),
        model=_NAMES,
        provider=_NAMES,
        project=_NAMES,
        organisation=_NAMES,
        deployment=_NAMES,
        audio_ms=_AMOUNTS,
        n_characters=_AMOUNTS,
        n_text_tokens=_AMOUNTS,
        n_audio_tokens=_AMOUNTS,
        n_output_tokens=_AMOUNTS,
        price_micros=_AMOUNTS,
        currency=st.sampled_from(["USD", "EUR"]),
    ),
    max_size=20,
    unique_by=lambda row: row.request_id,
)
_QUERIES = st.builds(
    UsageQuery,
    since=_DAYS,
    until=_DAYS,
    key=st.none() | _NAMES,
    project=st.none() | _NAMES,
    organisation=st.none() | _NAMES,
    deployment=st.none() | _NAMES,
    capability=st.none() | st.sampled_from(Capability),
)


@settings(max_examples=40, deadline=None)
@given(rows=_ROWS, query=_QUERIES, groups=_GROUPS)
def test_sums_of_any_rows_are_those_that_python_finds(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[UsageRow],
    query: UsageQuery,
    groups: list[UsageGroup],
) -> None:
    async def look() -> None:
        url = sqlite_place(tmp_path_factory.mktemp("sums")).url
        async with opened_ledger(url) as ledger:
            await asyncio.gather(*(ledger.record(row) for row in rows))
            assert await ledger.sums(query, groups) == summed(rows, query, groups)
            assert await all_rows(ledger, query) == wanted(rows, query)

    asyncio.run(look())


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "'); DROP TABLE usage; --", "%s :x {y} $1"])
async def test_whatever_a_caller_calls_a_model_is_written(ledger: SqlLedger, text: str) -> None:
    await ledger.record(replace(ONE, asked_model=text, model=text))

    (row,) = await all_rows(ledger, UsageQuery(model=text))
    assert row.request_id == ONE.request_id
    assert len(row.asked_model) == len(text)


@pytest.mark.parametrize("broken", [-1, 2**63, 2**80])
async def test_a_row_that_is_refused_fails_no_other(ledger: SqlLedger, broken: int) -> None:
    rows = [numbered(number) for number in range(50)]
    refused = replace(ONE, request_id="broken", price_micros=broken)

    outcomes = await asyncio.gather(
        *(ledger.record(row) for row in [*rows[:20], refused, *rows[20:]]), return_exceptions=True
    )

    assert [outcome for outcome in outcomes if outcome] == [outcomes[20]]
    assert isinstance(outcomes[20], LedgerUnavailableError)
    assert await all_rows(ledger) == rows
    await ledger.check()


async def test_a_caller_who_goes_takes_no_row_along(ledger: SqlLedger) -> None:
    recording = asyncio.create_task(ledger.record(ONE))
    await asyncio.sleep(0)
    recording.cancel()
    with pytest.raises(asyncio.CancelledError):
        await recording

    await ledger.record(numbered(2))

    assert ONE in await all_rows(ledger)


async def test_what_waits_is_written_before_the_end(place: Place) -> None:
    async with opened_ledger(place.url) as ledger:
        recording = [asyncio.create_task(ledger.record(numbered(number))) for number in range(100)]
        await asyncio.sleep(0)

    await asyncio.gather(*recording)
    with pytest.raises(LedgerUnavailableError):
        await ledger.record(ONE)
    with pytest.raises(LedgerUnavailableError):
        await ledger.check()
    async with opened_ledger(place.url) as later:
        assert len(await all_rows(later)) == 100


async def test_a_ledger_that_was_not_opened_takes_nothing(place: Place) -> None:
    ledger = SqlLedger(Database.at(place.url), limit_s=PATIENCE_S)

    with pytest.raises(LedgerUnavailableError):
        await ledger.record(ONE)
    await ledger.close()


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("no url", "cannot be read"),
        ("mysql://root:secret@host/name", "SQLite or PostgreSQL"),
        ("sqlite+aiosqlite://", "needs a file"),
        ("sqlite+aiosqlite:///:memory:", "needs a file"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_to_write(url: str, word: str) -> None:
    with pytest.raises(StorageError, match=word) as caught:
        Database.at(url)

    assert "sqlite+aiosqlite:///" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["a b", "50%20off", "ünï#1"])
async def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    async with opened_ledger(f"sqlite+aiosqlite:///{tmp_path}/{quote(name)}/usage.db") as ledger:
        await ledger.record(ONE)

    assert (tmp_path / name / "usage.db").is_file()


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    database = Database.at(f"sqlite+aiosqlite:///{tmp_path}/taken/usage.db")

    with pytest.raises(LedgerUnavailableError):
        await database.open()
    await database.close()


async def test_no_log_tells_what_a_caller_sent(
    ledger: SqlLedger, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(LedgerUnavailableError):
        await ledger.record(replace(ONE, asked_model="canary", key="canary", price_micros=-1))

    assert "refused" in caplog.text
    assert "canary" not in caplog.text
