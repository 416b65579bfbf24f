"""Tables go up and down by steps, with what they hold, whoever else starts at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    CheckConstraint,
    Executable,
    column,
    create_engine,
    insert,
    inspect,
    table,
    text,
)
from sqlalchemy.exc import IntegrityError

from loquent.domain.accounts import AccountBook, AccountChange
from loquent.storage.account_tables import PROJECTS
from loquent.storage.accounts import SqlAccountStore
from loquent.storage.database import StorageError, address_of
from loquent.storage.migrating import downgrade, upgrade
from loquent.storage.opening import Database
from loquent.storage.statements import values_of
from loquent.storage.tables import METADATA, USAGE
from tests.unit.storage.account_books import ACT, ALL
from tests.unit.storage.databases import Place
from tests.unit.storage.ledgers import opened_ledger
from tests.unit.storage.money import account, asking, left_of
from tests.unit.storage.usage_rows import ONE, all_rows

_ROOT = Path(__file__).parents[3]
_BARE = replace(ONE, project="", organisation="", deployment="")
"""What the first version knows of a row."""

assert PROJECTS.metadata is METADATA, "the tables of accounts are among all that there are"


def _tables(place: Place) -> set[str]:
    engine = create_engine(address_of(place.url).blocking_url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def _run(place: Place, statement: Executable) -> None:
    engine = create_engine(address_of(place.url).blocking_url)
    with engine.begin() as connection:
        connection.execute(statement)
    engine.dispose()


def test_up_makes_what_the_tables_say(place: Place) -> None:
    upgrade(place.url)

    engine = create_engine(address_of(place.url).blocking_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        found = {
            name: {check["name"] for check in inspect(connection).get_check_constraints(name)}
            for name in METADATA.tables
        }
    engine.dispose()
    assert found == {
        name: {
            constraint.name
            for constraint in made.constraints
            if isinstance(constraint, CheckConstraint)
        }
        for name, made in METADATA.tables.items()
    }


def test_down_leaves_nothing_and_up_again_makes_it_anew(place: Place) -> None:
    upgrade(place.url)
    downgrade(place.url)
    assert _tables(place) == {"alembic_version"}

    upgrade(place.url)

    assert "usage" in _tables(place)


async def test_up_keeps_what_is_there(place: Place) -> None:
    upgrade(place.url)
    _run(place, insert(USAGE).values(values_of(ONE)))

    async with opened_ledger(place.url) as ledger:
        assert await all_rows(ledger) == [ONE]


async def test_rows_of_the_first_version_belong_to_no_project(place: Place) -> None:
    upgrade(place.url)
    downgrade(place.url, "0001")
    first_values = {
        name: value
        for name, value in values_of(ONE).items()
        if name not in {"project", "organisation", "deployment"}
    }
    _run(place, insert(table("usage", *map(column, first_values))).values(first_values))

    async with opened_ledger(place.url) as ledger:
        assert await all_rows(ledger) == [_BARE]


async def test_down_to_the_first_version_keeps_rows_and_drops_what_was_spent(place: Place) -> None:
    async with opened_ledger(place.url) as ledger:
        await ledger.record(ONE, ["org"])
        await ledger.reserve(asking(1, account("org")))

    downgrade(place.url, "0001")
    assert _tables(place) == {"alembic_version", "usage"}

    async with opened_ledger(place.url) as ledger:
        assert await all_rows(ledger) == [_BARE]
        (left,) = await ledger.balances(left_of("org"))
        assert left.spent_micros == 0


async def test_down_by_deployments_keeps_keys_and_rows_and_up_again_begins_anew(
    place: Place,
) -> None:
    async with opened_ledger(place.url) as ledger:
        await ledger.record(ONE)
    before = await _accounts(place, ALL)

    downgrade(place.url, "0003")
    assert "deployments" not in _tables(place)
    assert "keys" in _tables(place)

    async with opened_ledger(place.url) as ledger:
        assert await all_rows(ledger) == [replace(ONE, deployment="")]
    assert await _accounts(place) == replace(before, deployments={})


async def _accounts(place: Place, change: AccountChange | None = None) -> AccountBook:
    """Return the accounts that are there, after a change that is the first."""
    database = Database.at(place.url)
    await database.open()
    store = SqlAccountStore(database)
    if change:
        await store.change(change, ACT, base=0)
    book = await store.book()
    await database.close()
    return book


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

    assert _tables(place) == {"alembic_version", *METADATA.tables}


def test_processes_that_start_at_once_make_the_tables_once(place: Place) -> None:
    code = "import sys; from loquent.storage.migrating import upgrade; upgrade(sys.argv[1])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])}
    starts = [
        subprocess.Popen([sys.executable, "-c", code, place.url], env=environment) for _ in range(3)
    ]

    assert [start.wait() for start in starts] == [0, 0, 0]
    assert _tables(place) == {"alembic_version", *METADATA.tables}


async def test_tables_of_a_newer_loquent_are_left_alone(place: Place) -> None:
    upgrade(place.url)
    _run(place, text("UPDATE alembic_version SET version_num = '9999'"))
    database = Database.at(place.url)

    with pytest.raises(StorageError, match="newer Loquent"):
        await database.open()

    await database.close()
    assert "usage" in _tables(place)


def test_only_the_migration_imports_alembic() -> None:
    code = "import sys, loquent.storage.ledger; sys.exit('alembic' in sys.modules)"

    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
