"""What was acknowledged is on the disk, whenever the process dies."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from loquent.storage.database import address_of
from loquent.storage.opening import Database
from tests.unit.storage.databases import Place, Postgres, sqlite_place
from tests.unit.storage.ledgers import Clock, opened_ledger, real_time
from tests.unit.storage.money import left_of, n_reservations
from tests.unit.storage.usage_rows import all_rows

_ROOT = Path(__file__).parents[3]


def _acknowledged_before_death(url: str, n_rows: int, *account_id: str) -> list[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.storage.writing_child", url, *account_id],
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])},
        text=True,
    )
    assert child.stdout is not None
    with child.stdout as lines:
        ids = list(islice(lines, n_rows))
        child.send_signal(signal.SIGKILL)
        ids += lines
    assert child.wait() == -signal.SIGKILL
    return [line.strip() for line in ids if line.endswith("\n")]


@pytest.mark.parametrize("n_rows", [1, 137, 1500])
async def test_no_acknowledged_row_is_lost_or_doubled_when_the_process_is_killed(
    place: Place, n_rows: int
) -> None:
    acknowledged = _acknowledged_before_death(place.url, n_rows)

    file = address_of(place.url).file
    if file is not None:
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    async with opened_ledger(place.url) as ledger:
        written = [row.request_id for row in await all_rows(ledger)]
    assert len(acknowledged) >= n_rows
    assert set(acknowledged) <= set(written)
    assert len(written) == len(set(written))


async def test_what_a_killed_process_reserved_is_free_half_a_minute_later(place: Place) -> None:
    reserved = _acknowledged_before_death(place.url, 137, "org")
    clock = Clock(real_time())

    async with opened_ledger(place.url, now=clock) as ledger:
        (kept,) = await ledger.balances(left_of("org"))
        clock.pass_by(31)
        (free,) = await ledger.balances(left_of("org"))
        await ledger._expire()
        n_open = await n_reservations(ledger)

    assert kept.spent_micros >= len(reserved) >= 137
    assert free.spent_micros == 0
    assert n_open == 0


async def test_each_commit_of_sqlite_reaches_the_disk_before_it_counts(tmp_path: Path) -> None:
    database = Database.at(sqlite_place(tmp_path).url)
    await database.open()

    found = await database.write(
        lambda connection: [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    )
    await database.close()

    full = 2
    assert found == ["wal", full, 1, 1000]


async def test_each_commit_of_postgresql_reaches_the_disk_before_it_counts(
    postgres: Postgres,
) -> None:
    database = Database.at(postgres.new_place().url)
    await database.open()

    found = await database.write(
        lambda connection: [
            connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("synchronous_commit", "statement_timeout", "lock_timeout")
        ]
    )
    await database.close()

    assert found == ["on", "1s", "1s"]
