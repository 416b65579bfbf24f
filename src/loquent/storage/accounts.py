"""Accounts on a database: read whole, changed all or nothing; knows no key and no right."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Row, Table, insert, select
from sqlalchemy.engine import Connection

from loquent.domain.accounts import AccountBook, AccountChange, AuditEntry
from loquent.domain.errors import ConflictError, LedgerUnavailableError
from loquent.storage.account_statements import (
    Fields,
    acts_of,
    advance,
    fields_of_act,
    fields_of_key,
    fields_of_organisation,
    fields_of_project,
    key_of,
    organisation_of,
    project_of,
    select_audit,
    select_fingerprint,
    select_version,
    upsert,
    write_fingerprint,
)
from loquent.storage.account_tables import AUDIT, DEPLOYMENTS, KEYS, ORGANISATIONS, PROJECTS
from loquent.storage.database import RETRY_AFTER_S, StorageError
from loquent.storage.deployment_specs import deployment_of, fields_of_deployment
from loquent.storage.opening import Database

_logger = logging.getLogger(__name__)


class _Entry(Protocol):
    @property
    def id(self) -> str: ...


EntryT = TypeVar("EntryT", bound=_Entry)


@dataclass(frozen=True, slots=True)
class _Rows:
    version: int
    organisations: Sequence[Row[Any]]
    projects: Sequence[Row[Any]]
    keys: Sequence[Row[Any]]
    deployments: Sequence[Row[Any]]


class UnreadableAccountsError(LedgerUnavailableError, StorageError):
    """Accounts cannot be read: nobody is served, and no server starts."""


class SqlAccountStore:
    """Keeps organisations, projects, keys and deployments in SQLite or PostgreSQL.

    Args:
        database: opened by whoever owns it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_unreadable = False

    async def version(self) -> int:
        """Return the version of the book as it is now; cheap.

        Raises: LedgerUnavailableError.
        """
        async with self._database.reading() as connection:
            return (await connection.execute(select_version())).scalar_one()

    async def book(self) -> AccountBook:
        """Return all accounts, as of one moment.

        Raises: LedgerUnavailableError: an UnreadableAccountsError where some were written by a
            newer Loquent.
        """
        rows = await self._rows()
        try:
            # Of many keys this takes a while, and others want to be served meanwhile.
            book = await asyncio.to_thread(_book_of, rows)
        except StorageError as error:
            if not self._is_unreadable:
                _logger.error("Accounts cannot be read. %s", error)  # noqa: TRY400 - its words are enough
            self._is_unreadable = True
            raise UnreadableAccountsError(str(error), retry_after_s=RETRY_AFTER_S) from error
        self._is_unreadable = False
        return book

    async def change(self, change: AccountChange, entry: AuditEntry, *, base: int) -> int:
        """Write a change and who did it, both or neither; return the new version.

        Raises:
            ConflictError: if the book is not of version `base` any more.
            LedgerUnavailableError: also where a project, a key, its parent or a deployment would
                belong to nothing.
        """
        version = base + 1
        written = (
            (ORGANISATIONS, [fields_of_organisation(each) for each in change.organisations]),
            (PROJECTS, [fields_of_project(each) for each in change.projects]),
            (KEYS, [fields_of_key(each) for each in change.keys]),
            (DEPLOYMENTS, [fields_of_deployment(each) for each in change.deployments]),
        )
        act = fields_of_act(entry, version)

        def write(connection: Connection) -> None:
            # First: whoever changes the same row of the version waits here until this is done.
            if connection.execute(advance(base)).rowcount == 0:
                raise _out_of_date()
            for table, rows in written:
                _write(connection, table, rows)
            connection.execute(insert(AUDIT), act)

        await self._database.write(write)
        return version

    async def audit(
        self, *, before: datetime | None = None, n_most: int = 100
    ) -> Sequence[AuditEntry]:
        """Return what was done, the latest first; of acts of one moment the last one first.

        Raises: LedgerUnavailableError.
        """
        async with self._database.reading() as connection:
            found = await connection.execute(select_audit(before, n_most))
            return acts_of(found)

    async def fingerprint(self) -> str | None:
        """Return by what the pepper of all digests here is known, None before the first.

        Raises: LedgerUnavailableError.
        """
        async with self._database.reading() as connection:
            return (await connection.execute(select_fingerprint())).scalar_one()

    async def set_fingerprint(self, fingerprint: str) -> None:
        """Write by what the pepper is known; where one is written it stays, so look again.

        Raises: LedgerUnavailableError.
        """
        statement = write_fingerprint(fingerprint)
        await self._database.write(lambda connection: connection.execute(statement))

    async def _rows(self) -> _Rows:
        async with self._database.reading() as connection:
            if connection.dialect.name == "postgresql":
                # SQLite reads as of one moment by itself.
                await connection.execution_options(isolation_level="REPEATABLE READ")
            version = (await connection.execute(select_version())).scalar_one()
            organisations, projects, keys, deployments = [
                (await connection.execute(select(table))).all()
                for table in (ORGANISATIONS, PROJECTS, KEYS, DEPLOYMENTS)
            ]
        return _Rows(version, organisations, projects, keys, deployments)


def _write(connection: Connection, table: Table, rows: Sequence[Fields]) -> None:
    if rows:
        connection.execute(upsert(table, connection.dialect.name), rows)


def _book_of(rows: _Rows) -> AccountBook:
    return AccountBook(
        version=rows.version,
        organisations=_by_id(map(organisation_of, rows.organisations)),
        projects=_by_id(map(project_of, rows.projects)),
        keys=_by_id(map(key_of, rows.keys)),
        deployments=_by_id(map(deployment_of, rows.deployments)),
    )


def _by_id(entries: Iterable[EntryT]) -> dict[str, EntryT]:
    return {entry.id: entry for entry in entries}


def _out_of_date() -> ConflictError:
    return ConflictError("Something else was changed at the same time. Repeat the request.")
