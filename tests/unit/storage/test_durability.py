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
from loquent.storage.ledger import SqlLedger
from tests.unit.storage.databases import Place, Postgres, sqlite_place
from tests.unit.storage.usage_rows import PATIENCE_S, all_rows

_ROOT = Path(__file__).parents[3]


def _acknowledged_before_death(url: str, n_rows: int) -> list[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.storage.writing_child", url],
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
    ledger = SqlLedger(place.url, limit_s=PATIENCE_S)
    await ledger.open()
    written = [row.request_id for row in await all_rows(ledger)]
    await ledger.close()
    assert len(acknowledged) >= n_rows
    assert set(acknowledged) <= set(written)
    assert len(written) == len(set(written))


async def test_each_commit_of_sqlite_reaches_the_disk_before_it_counts(tmp_path: Path) -> None:
    ledger = SqlLedger(sqlite_place(tmp_path).url)
    await ledger.open()

    async with ledger._engines.writing.connect() as connection:
        found = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    await ledger.close()

    full = 2
    assert found == ["wal", full, 1, 1000]


async def test_each_commit_of_postgresql_reaches_the_disk_before_it_counts(
    postgres: Postgres,
) -> None:
    ledger = SqlLedger(postgres.new_place().url)
    await ledger.open()

    async with ledger._engines.writing.connect() as connection:
        found = [
            (await connection.exec_driver_sql(f"SHOW {name}")).scalar()
            for name in ("synchronous_commit", "statement_timeout", "lock_timeout")
        ]
    await ledger.close()

    assert found == ["on", "1s", "1s"]
