"""The promises of the store of accounts, on each database that can be had here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Update, create_engine, inspect, select, text, update

from loquent.accounting.keys import PEPPER_BYTES, KeyHasher, KeyText, new_key
from loquent.domain.accounts import AccountBook, AccountChange
from loquent.domain.errors import ConflictError, LedgerUnavailableError
from loquent.ports import AccountStore
from loquent.storage.account_tables import DEPLOYMENTS, KEYS, ORGANISATIONS
from loquent.storage.accounts import SqlAccountStore, UnreadableAccountsError
from loquent.storage.database import address_of
from loquent.storage.migrating import downgrade, upgrade
from loquent.storage.opening import Database
from loquent.storage.tables import METADATA
from tests.unit.storage.account_books import (
    ACME,
    ACT,
    ALL,
    CALLS,
    CLOSED,
    FAST,
    FIRST,
    LATER,
    NO_SCOPE,
    NOON,
    NOTES,
    PLAIN,
    SECOND,
    act,
    organisation,
)
from tests.unit.storage.databases import Place
from tests.unit.storage.usage_rows import PATIENCE_S

_BOOK = AccountBook(
    1,
    {each.id: each for each in ALL.organisations},
    {each.id: each for each in ALL.projects},
    {each.id: each for each in ALL.keys},
    {each.id: each for each in ALL.deployments},
)
_NOTHING = AccountChange()


@pytest.fixture
async def database(place: Place) -> AsyncIterator[Database]:
    opened = Database.at(place.url, limit_s=PATIENCE_S)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def store(database: Database) -> SqlAccountStore:
    return SqlAccountStore(database)


async def test_a_new_book_is_empty(store: SqlAccountStore) -> None:
    promised: AccountStore = store

    assert await promised.book() == AccountBook(0)
    assert await promised.version() == 0
    assert await promised.audit() == []


async def test_all_that_is_written_comes_back(store: SqlAccountStore) -> None:
    assert await store.change(ALL, ACT, base=0) == 1

    assert await store.book() == _BOOK
    assert await store.version() == 1
    assert await store.audit() == [ACT]


async def test_it_is_there_for_who_opens_the_database_later(place: Place) -> None:
    for base in range(2):
        database = Database.at(place.url, limit_s=PATIENCE_S)
        await database.open()
        await SqlAccountStore(database).change(ALL, ACT, base=base)
        await database.close()

    database = Database.at(place.url, limit_s=PATIENCE_S)
    await database.open()
    assert await SqlAccountStore(database).book() == replace(_BOOK, version=2)
    await database.close()


async def test_an_entry_of_the_same_id_replaces_the_first_whole(store: SqlAccountStore) -> None:
    await store.change(ALL, ACT, base=0)
    acme = replace(CLOSED, id=ACME.id)
    calls = replace(NOTES, id=CALLS.id)
    first = replace(SECOND, id=FIRST.id, parent_id="bbbb")
    second = replace(NO_SCOPE, id=SECOND.id)

    plain = replace(FAST, id=PLAIN.id)
    change = AccountChange((acme,), (calls,), (first, second), (plain,))

    await store.change(change, act(2), base=1)

    book = await store.book()
    assert book.organisations == {ACME.id: acme, CLOSED.id: CLOSED}
    assert book.projects == {CALLS.id: calls, NOTES.id: NOTES}
    assert book.keys == {"aaaa": first, "bbbb": second, "cccc": NO_SCOPE}
    assert book.deployments == {PLAIN.id: plain, FAST.id: FAST}


@pytest.mark.parametrize("base", [0, 2, -1])
async def test_a_change_of_another_version_changes_nothing(
    store: SqlAccountStore, base: int
) -> None:
    await store.change(ALL, ACT, base=0)

    with pytest.raises(ConflictError):
        await store.change(AccountChange((organisation(1),)), act(1), base=base)

    assert await store.book() == _BOOK
    assert await store.audit() == [ACT]


@pytest.mark.parametrize(
    "orphan",
    [
        AccountChange(projects=(replace(CALLS, id="proj_x", organisation_id="org_x"),)),
        AccountChange(keys=(replace(FIRST, id="xxxx", project_id="proj_x"),)),
        AccountChange(keys=(replace(FIRST, id="xxxx", parent_id="yyyy"),)),
        AccountChange(deployments=(replace(PLAIN, id="x", project_id="proj_x"),)),
    ],
    ids=["project", "key", "parent", "deployment"],
)
async def test_what_would_belong_to_nothing_is_not_written(
    store: SqlAccountStore, orphan: AccountChange
) -> None:
    await store.change(ALL, ACT, base=0)

    with pytest.raises(LedgerUnavailableError):
        await store.change(orphan, act(1), base=1)

    assert await store.book() == _BOOK
    assert await store.audit() == [ACT]


async def _until_changed(store: SqlAccountStore, number: int) -> int:
    while True:
        base = await store.version()
        try:
            return await store.change(
                AccountChange((organisation(number),)), act(number), base=base
            )
        except ConflictError:
            continue


async def test_of_two_hundred_changes_by_two_stores_none_is_lost(
    database: Database, place: Place
) -> None:
    other = Database.at(place.url, limit_s=PATIENCE_S)
    stores = [SqlAccountStore(database), SqlAccountStore(other)]
    seen: list[AccountBook] = []

    async def change_on(worker: int) -> list[int]:
        return [
            await _until_changed(stores[worker % 2], 25 * worker + number) for number in range(25)
        ]

    async def watch() -> None:
        while not seen or seen[-1].version < 200:
            seen.append(await stores[0].book())

    watching = asyncio.create_task(watch())
    versions = await asyncio.gather(*(change_on(worker) for worker in range(8)))
    await asyncio.wait_for(watching, PATIENCE_S)
    await other.close()

    assert sorted(version for some in versions for version in some) == list(range(1, 201))
    assert all(some == sorted(some) for some in versions)
    assert set((await stores[0].book()).organisations) == {f"org_{n}" for n in range(200)}
    assert {entry.subject for entry in await stores[0].audit(n_most=300)} == {
        f"org_{n}" for n in range(200)
    }
    # Each change made one organisation: a book of two moments would have more than its version.
    assert [book for book in seen if len(book.organisations) != book.version] == []


async def test_what_was_done_is_told_the_latest_first(store: SqlAccountStore) -> None:
    times = [NOON, LATER, NOON, NOON - timedelta(days=1), NOON]
    for number, at in enumerate(times):
        await store.change(_NOTHING, act(number, at), base=number)

    async def subjects(before: datetime | None = None, n_most: int = 100) -> list[str]:
        found = await store.audit(before=before, n_most=n_most)
        return [entry.subject[-1] for entry in found]

    assert await subjects() == ["1", "4", "2", "0", "3"]
    assert await subjects(n_most=2) == ["1", "4"]
    assert await subjects(before=LATER) == ["4", "2", "0", "3"]
    assert await subjects(before=LATER, n_most=1) == ["4"]
    assert await subjects(before=NOON) == ["3"]
    assert await subjects(before=times[3]) == []


async def test_the_first_fingerprint_stays(store: SqlAccountStore) -> None:
    assert await store.fingerprint() is None

    await asyncio.gather(*(store.set_fingerprint(f"{number:016x}") for number in range(5)))
    first = await store.fingerprint()
    await store.set_fingerprint("another")

    assert await store.fingerprint() == first
    assert first is not None
    assert len(first) == 16
    assert await store.version() == 0


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "'); DROP TABLE keys; --", "%s :x {y} $1"])
async def test_whatever_something_is_called_is_written(store: SqlAccountStore, name: str) -> None:
    entry = replace(ACT, subject=name, details={name: name})

    await store.change(AccountChange((replace(ACME, name=name),)), entry, base=0)

    (found,) = (await store.book()).organisations.values()
    assert len(found.name) == len(name)
    (told,) = await store.audit()
    assert told.details == {name: name}


async def test_rows_hold_no_secret_and_no_pepper(place: Place, database: Database) -> None:
    store, pepper = SqlAccountStore(database), bytes(range(PEPPER_BYTES))
    hasher, secret, old = KeyHasher(pepper), new_key(), new_key()
    digest, old_digest = hasher.digest(secret), hasher.digest(KeyText(secret.id, old.secret))
    await store.set_fingerprint(hasher.fingerprint)
    await store.change(ALL, ACT, base=0)
    key = replace(FIRST, id=secret.id, digest=digest, old_digest=old_digest)
    await store.change(AccountChange(keys=(key,)), act(1), base=1)

    async with database.reading() as connection:
        tables = [
            (await connection.execute(select(table))).all() for table in METADATA.sorted_tables
        ]
    values = b"\n".join(
        value if isinstance(value, bytes) else str(value).encode()
        for rows in tables
        for row in rows
        for value in row
    )

    assert digest in values
    assert secret.secret.encode() not in values
    assert old.secret.encode() not in values
    assert pepper not in values
    assert pepper.hex().encode() not in values


@pytest.mark.parametrize(
    "newer",
    [
        update(ORGANISATIONS).values(terms='{"bounds":{"regions":["eu"]}}'),
        update(KEYS).values(scopes="inference telepathy"),
        update(KEYS).values(reach="galaxy"),
        update(DEPLOYMENTS).values(spec='{"models":["m"],"colour":"red"}'),
    ],
    ids=["terms", "scope", "reach", "deployment"],
)
async def test_what_a_newer_version_wrote_is_not_read_and_told_once(
    database: Database, caplog: pytest.LogCaptureFixture, newer: Update
) -> None:
    store = SqlAccountStore(database)
    await store.change(ALL, ACT, base=0)
    await database.write(lambda connection: connection.execute(newer))

    for _ in range(3):
        with pytest.raises(UnreadableAccountsError, match="newer Loquent"):
            await store.book()

    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 1
    assert "newer Loquent" in told[0].getMessage()
    await store.change(ALL, act(1), base=1)
    assert await store.book() == replace(_BOOK, version=2)


async def test_a_database_that_goes_is_told_and_used_again_when_it_is_back(place: Place) -> None:
    database = Database.at(place.url, limit_s=2.0)
    await database.open()
    store = SqlAccountStore(database)
    await store.change(ALL, ACT, base=0)
    await asyncio.to_thread(place.leave)

    asked = (
        store.version(),
        store.book(),
        store.change(_NOTHING, act(1), base=1),
        store.audit(),
        store.fingerprint(),
        store.set_fingerprint("f"),
    )
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(error) for error in told] == [LedgerUnavailableError] * len(asked)

    await asyncio.to_thread(place.come_back)
    assert await store.change(_NOTHING, act(1), base=1) == 2
    assert await store.book() == replace(_BOOK, version=2)
    await database.close()


def _tables(place: Place) -> set[str]:
    engine = create_engine(address_of(place.url).blocking_url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


async def test_down_leaves_no_account_and_up_again_begins_anew(place: Place) -> None:
    database = Database.at(place.url, limit_s=PATIENCE_S)
    await database.open()
    await SqlAccountStore(database).change(ALL, ACT, base=0)
    with_accounts = _tables(place)
    await database.close()

    await asyncio.to_thread(downgrade, place.url, "0002")
    assert with_accounts - _tables(place) == {
        "account_version",
        "organisations",
        "projects",
        "keys",
        "audit",
        "answers",
        "deployments",
    }
    await database.open()

    store = SqlAccountStore(database)
    assert await store.book() == AccountBook(0)
    assert await store.change(ALL, ACT, base=0) == 1
    await database.close()


def test_up_makes_what_the_tables_say(place: Place) -> None:
    upgrade(place.url)

    engine = create_engine(address_of(place.url).blocking_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        found = {
            table.name: {
                check["name"] for check in inspect(connection).get_check_constraints(table.name)
            }
            for table in METADATA.sorted_tables
        }
        assert connection.execute(text("SELECT count(*) FROM account_version")).scalar() == 1
    engine.dispose()
    assert found["account_version"] == {"ck_account_version_id"}
    assert found["projects"] == {"ck_projects_retention_days"}
