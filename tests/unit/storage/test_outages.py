"""A database that is locked, gone or back: told in time, and nothing is lost."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from loquent.domain.errors import LedgerUnavailableError
from loquent.storage.group_commit import GroupCommit, RowRefusedError
from loquent.storage.ledger import SqlLedger
from loquent.storage.opening import Database
from tests.unit.storage.databases import Place, Postgres, sqlite_place
from tests.unit.storage.ledgers import opened_ledger
from tests.unit.storage.money import account, asking, left_of, n_reservations
from tests.unit.storage.usage_rows import ALL, ONE, all_rows, numbered

SOON_S = 20.0


async def _back(ledger: SqlLedger) -> None:
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                await ledger.check()
            except LedgerUnavailableError:
                await asyncio.sleep(0.05)
            else:
                return


async def _until_refused(ledger: SqlLedger) -> None:
    async with asyncio.timeout(SOON_S):
        while True:
            await ledger.check()
            await asyncio.sleep(0.05)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield
        holder.execute("ROLLBACK")


async def test_a_database_that_goes_is_told_in_time_and_nothing_is_lost_when_it_is_back(
    place: Place,
) -> None:
    async with opened_ledger(place.url, limit_s=2.0) as ledger:
        await ledger.record(numbered(1))
        await asyncio.to_thread(place.leave)

        began_s = time.monotonic()
        with pytest.raises(LedgerUnavailableError) as caught:
            await ledger.record(numbered(2))
        assert caught.value.retry_after_s == 1
        assert time.monotonic() - began_s < 4
        began_s = time.monotonic()
        with pytest.raises(LedgerUnavailableError):
            await ledger.check()
        assert time.monotonic() - began_s < 1
        with pytest.raises(LedgerUnavailableError):
            await ledger.sums(query=ALL, groups=[])

        await asyncio.to_thread(place.come_back)
        await _back(ledger)
        await ledger.record(numbered(3))
        assert await all_rows(ledger) == [numbered(1), numbered(2), numbered(3)]


async def test_a_lock_of_somebody_else_is_waited_for(tmp_path: Path) -> None:
    place = sqlite_place(tmp_path)
    async with opened_ledger(place.url, limit_s=20) as ledger:
        with _locked(tmp_path / "home" / "usage.db"):
            recording = asyncio.create_task(ledger.record(ONE))
            await asyncio.wait({recording}, timeout=0.3)
            assert not recording.done()
        await recording

        assert await all_rows(ledger) == [ONE]


async def test_a_lock_that_stays_is_told_and_the_row_is_written_after_it(tmp_path: Path) -> None:
    place = sqlite_place(tmp_path)
    async with opened_ledger(place.url, limit_s=0.3) as ledger:
        with _locked(tmp_path / "home" / "usage.db"):
            with pytest.raises(LedgerUnavailableError):
                await ledger.record(ONE)
            with pytest.raises(LedgerUnavailableError):
                await ledger.check()
            assert await all_rows(ledger) == []
        await _back(ledger)

        assert await all_rows(ledger) == [ONE]


async def test_an_idle_ledger_notices_that_its_database_has_gone(place: Place) -> None:
    async with opened_ledger(place.url, limit_s=1.0) as ledger:
        await asyncio.to_thread(place.leave)

        with pytest.raises(LedgerUnavailableError):
            await _until_refused(ledger)

        await asyncio.to_thread(place.come_back)
        await _back(ledger)


async def test_a_server_that_is_away_is_not_opened(postgres: Postgres) -> None:
    place = postgres.new_place()
    place.leave()
    database = Database.at(place.url)

    with pytest.raises(LedgerUnavailableError):
        await database.open()
    with pytest.raises(LedgerUnavailableError):
        await SqlLedger(database).open()

    place.come_back()
    await database.open()
    await database.close()


async def test_money_is_not_kept_while_the_database_is_away_nor_afterwards(place: Place) -> None:
    async with opened_ledger(place.url, limit_s=2.0) as ledger:
        await asyncio.to_thread(place.leave)

        with pytest.raises(LedgerUnavailableError):
            await ledger.reserve(asking(1, account("org", 100)))
        with pytest.raises(LedgerUnavailableError):
            await ledger.balances(left_of("org"))

        await asyncio.to_thread(place.come_back)
        await _back(ledger)
        assert await n_reservations(ledger) == 0


async def test_a_file_that_is_put_in_place_of_the_first_one_is_written(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "usage.db", tmp_path / "b" / "usage.db"
    async with opened_ledger(f"sqlite+aiosqlite:///{second}"):
        pass
    async with opened_ledger(f"sqlite+aiosqlite:///{first}", limit_s=1.0) as ledger:
        second.replace(first)
        await ledger.record(ONE)

        assert await all_rows(ledger) == [ONE]


async def test_a_file_that_was_deleted_is_not_made_anew_without_its_rows(tmp_path: Path) -> None:
    async with opened_ledger(sqlite_place(tmp_path).url, limit_s=0.3) as ledger:
        shutil.rmtree(tmp_path / "home")

        with pytest.raises(LedgerUnavailableError):
            await ledger.record(ONE)

        assert not (tmp_path / "home").exists()


async def test_rows_that_come_during_a_write_share_the_next_one() -> None:
    written: list[list[int]] = []
    began, go_on = asyncio.Event(), asyncio.Event()

    async def write(items: Sequence[int]) -> Sequence[int]:
        written.append(list(items))
        began.set()
        await go_on.wait()
        return items

    commits = GroupCommit[int, int](write, _unavailable, limit_s=5)
    commits.start()
    first = asyncio.create_task(commits.write(0))
    await began.wait()
    others = [asyncio.create_task(commits.write(number)) for number in range(1, 100)]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(first, *others)
    await commits.close()

    assert written[:2] == [[0], list(range(1, 100))]


async def test_of_many_rows_the_refused_ones_are_found_in_few_writes() -> None:
    n_writes = 0
    written: list[int] = []

    async def write(items: Sequence[int]) -> Sequence[int]:
        nonlocal n_writes
        n_writes += 1
        if 700 in items:
            raise RowRefusedError
        written.extend(items)
        return items

    commits = GroupCommit[int, int](write, _unavailable, limit_s=5)
    commits.start()
    outcomes = await asyncio.gather(
        *(commits.write(number) for number in range(1000)), return_exceptions=True
    )
    await commits.close()

    refused = [number for number, outcome in enumerate(outcomes) if outcome != number]
    assert refused == [700]
    assert written == [number for number in range(1000) if number != 700]
    assert n_writes < 25


async def test_only_so_much_is_kept_for_a_database_that_is_away() -> None:
    async def write(items: Sequence[int]) -> Sequence[int]:
        raise _unavailable()

    commits = GroupCommit[int, int](write, _unavailable, limit_s=0.05)
    commits.start()
    outcomes = await asyncio.gather(
        *(commits.write(number) for number in range(10_500)), return_exceptions=True
    )

    assert all(isinstance(outcome, LedgerUnavailableError) for outcome in outcomes)
    assert len(commits._waiting) == 10_000
    assert commits._task is not None
    commits._task.cancel()


async def test_each_caller_is_told_what_became_of_its_own_item() -> None:
    async def write(items: Sequence[int]) -> Sequence[int]:
        return [-item for item in items]

    commits = GroupCommit[int, int](write, _unavailable, limit_s=5)
    commits.start()
    outcomes = await asyncio.gather(*(commits.write(number) for number in range(100)))
    await commits.close()

    assert outcomes == [-number for number in range(100)]


async def test_what_is_not_to_be_kept_is_written_only_for_who_waits() -> None:
    tried: list[Sequence[int]] = []
    is_away = True

    async def write(items: Sequence[int]) -> Sequence[int]:
        tried.append(items)
        if is_away:
            raise _unavailable()
        return items

    commits = GroupCommit[int, int](write, _unavailable, limit_s=0.05)
    commits.start()
    outcomes = await asyncio.gather(
        commits.write(1), commits.write(2, is_kept=False), return_exceptions=True
    )
    is_away = False
    await commits.close()

    assert all(isinstance(outcome, LedgerUnavailableError) for outcome in outcomes)
    assert tried[0] == [1, 2]
    assert tried[-1] == [1]


def _unavailable() -> LedgerUnavailableError:
    return LedgerUnavailableError("away", retry_after_s=1)
