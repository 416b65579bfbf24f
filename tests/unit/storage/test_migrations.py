"""Tables go up and down by steps, with what they hold, whoever else starts at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, inspect, text
from sqlalchemy.exc import IntegrityError

from loquent.storage.database import StorageError, address_of
from loquent.storage.ledger import SqlLedger
from loquent.storage.migrating import downgrade, upgrade
from loquent.storage.statements import values_of
from loquent.storage.tables import METADATA, USAGE
from tests.unit.storage.databases import Place
from tests.unit.storage.usage_rows import ONE, PATIENCE_S, all_rows

_ROOT = Path(__file__).parents[3]


def _tables(place: Place) -> set[str]:
    engine = create_engine(address_of(place.url).blocking_url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_up_makes_what_the_tables_say(place: Place) -> None:
    upgrade(place.url)

    engine = create_engine(address_of(place.url).blocking_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        checks = inspect(connection).get_check_constraints("usage")
    engine.dispose()
    assert {check["name"] for check in checks} == {
        constraint.name for constraint in USAGE.constraints if constraint.name
    }


def test_down_leaves_nothing_and_up_again_makes_it_anew(place: Place) -> None:
    upgrade(place.url)
    downgrade(place.url)
    assert _tables(place) == {"alembic_version"}

    upgrade(place.url)

    assert "usage" in _tables(place)


async def test_up_keeps_what_is_there(place: Place) -> None:
    upgrade(place.url)
    engine = create_engine(address_of(place.url).blocking_url)
    with engine.begin() as connection:
        connection.execute(insert(USAGE), values_of(ONE))
    engine.dispose()

    ledger = SqlLedger(place.url, limit_s=PATIENCE_S)
    await ledger.open()

    assert await all_rows(ledger) == [ONE]
    await ledger.close()


def test_no_number_may_be_negative(place: Place) -> None:
    upgrade(place.url)
    engine = create_engine(address_of(place.url).blocking_url)
    numbers = [name for name, value in values_of(ONE).items() if isinstance(value, int)]
    assert len(numbers) == 10
    for name in numbers:
        with engine.connect() as connection, pytest.raises(IntegrityError):
            connection.execute(insert(USAGE), {**values_of(ONE), name: -1})
    engine.dispose()


def test_many_threads_that_start_at_once_make_the_tables_once(place: Place) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(upgrade, [place.url] * 8))

    assert _tables(place) == {"alembic_version", "usage"}


def test_processes_that_start_at_once_make_the_tables_once(place: Place) -> None:
    code = "import sys; from loquent.storage.migrating import upgrade; upgrade(sys.argv[1])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])}
    starts = [
        subprocess.Popen([sys.executable, "-c", code, place.url], env=environment) for _ in range(3)
    ]

    assert [start.wait() for start in starts] == [0, 0, 0]
    assert _tables(place) == {"alembic_version", "usage"}


async def test_tables_of_a_newer_loquent_are_left_alone(place: Place) -> None:
    upgrade(place.url)
    engine = create_engine(address_of(place.url).blocking_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    ledger = SqlLedger(place.url, limit_s=PATIENCE_S)

    with pytest.raises(StorageError, match="newer Loquent"):
        await ledger.open()

    await ledger.close()
    assert "usage" in _tables(place)


def test_only_the_migration_imports_alembic() -> None:
    code = "import sys, loquent.storage.ledger; sys.exit('alembic' in sys.modules)"

    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
