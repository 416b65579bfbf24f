"""From a database URL to engines that are set up to lose nothing; knows no table."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from loquent.domain.errors import LedgerUnavailableError

RETRY_AFTER_S: Final = 1.0
_N_READERS: Final = 4
_READ_LIMIT_S: Final = 30.0

FILE: Final = "file"
"""Where a connection remembers which file it opened."""

_SPELLING: Final = (
    "write sqlite+aiosqlite:///path/to/usage.db or postgresql+psycopg://user:password@host/name."
)
_SQLITE: Final = ("sqlite", "sqlite+aiosqlite")
_POSTGRES: Final = ("postgresql", "postgresql+psycopg")

# A server that vanishes is noticed within 3 s, whether it owes us an answer or we owe it bytes.
# Source: libpq's connection parameters, PostgreSQL's documentation, chapter 34.1.2.
_POSTGRES_LIMITS: Final = {
    "connect_timeout": 2,
    "tcp_user_timeout": 3000,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
}


class StorageError(Exception):
    """The database cannot be used as it is configured; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is.

    Attributes:
        url: for an asynchronous engine.
        file: of SQLite, absolute; None for a server.
    """

    url: URL
    file: Path | None

    @property
    def blocking_url(self) -> URL:
        """The same for a blocking engine."""
        return self.url if self.file is None else self.url.set(drivername="sqlite+pysqlite")

    def identity(self) -> tuple[int, int] | None:
        """Return which file is there now.

        Raises: FileNotFoundError.
        """
        if self.file is None:
            return None
        found = self.file.stat()
        return found.st_dev, found.st_ino


@dataclass(frozen=True, slots=True)
class Engines:
    """The two ways to a database; readers never hold up the writer.

    Attributes:
        writing: blocks, and is used by one thread.
    """

    writing: Engine
    reading: AsyncEngine


def address_of(database_url: str) -> Address:
    """Read a URL.

    Raises: StorageError: if it names no database that can be used; never quotes the URL.
    """
    try:
        url = make_url(database_url)
    except ArgumentError:
        raise StorageError(f"The URL of the database cannot be read; {_SPELLING}") from None
    if url.drivername in _POSTGRES:
        return Address(url.set(drivername="postgresql+psycopg"), None)
    if url.drivername not in _SQLITE:
        raise StorageError(f"Usage is kept in SQLite or PostgreSQL; {_SPELLING}")
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise StorageError(f"Usage must outlive the process, so it needs a file; {_SPELLING}")
    file = Path(url.database).expanduser().absolute()
    # Whoever only opens a connection must not make an empty file where the ledger has gone.
    existing = URL.create(
        "sqlite+aiosqlite", database=f"file:{quote(str(file))}", query={"mode": "rw", "uri": "true"}
    )
    return Address(existing, file)


def engines_of(address: Address, limit_s: float) -> Engines:
    """Return engines; none connects before it is used.

    Args:
        limit_s: how long a write may wait for somebody else's.

    Raises: StorageError: if the driver is not installed.
    """
    # It logs each statement with all values at DEBUG, whatever `hide_parameters` says.
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    arguments = connecting(address, limit_s) | {"max_overflow": 0}
    with teaching_to_install():
        writing = create_engine(address.blocking_url, pool_size=1, **arguments)
        reading = create_async_engine(address.url, pool_size=_N_READERS, **arguments)
    prepare(writing, address, limit_s)
    prepare(reading.sync_engine, address, _READ_LIMIT_S, begin="BEGIN")
    return Engines(writing, reading)


def connecting(address: Address, wait_s: float) -> dict[str, Any]:
    """Return how an engine connects.

    Args:
        wait_s: how long it waits for a lock of SQLite.
    """
    if address.file is None:
        return {"connect_args": _POSTGRES_LIMITS, "pool_pre_ping": True, "hide_parameters": True}
    # The driver would begin a transaction only at the first write, and then fail where it should
    # wait; without an isolation level it leaves that to `prepare`.
    arguments = {"isolation_level": None, "timeout": wait_s}
    return {"connect_args": arguments, "hide_parameters": True}


def prepare(
    engine: Engine, address: Address, limit_s: float, *, begin: str = "BEGIN IMMEDIATE"
) -> None:
    """Have each connection of `engine` set up to lose nothing that was committed.

    Args:
        limit_s: how long a statement may take in PostgreSQL; 0 for any time.
        begin: how a transaction begins in SQLite.
    """
    if address.file is None:
        event.listen(engine, "connect", partial(_set_up_postgres, limit_s))
        return
    event.listen(engine, "connect", partial(_set_up_sqlite, address))
    event.listen(engine, "checkout", partial(_see_that_file_is_there, address))

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


@contextlib.contextmanager
def teaching_to_install() -> Generator[None]:
    """Turn a missing driver into a StorageError that says how to get it."""
    try:
        yield
    except ImportError as error:
        message = "PostgreSQL needs its driver: pip install 'loquent[postgres]'."
        raise StorageError(message) from error


@contextlib.contextmanager
def translated() -> Generator[None]:
    """Turn every failure of a database into LedgerUnavailableError."""
    try:
        yield
    except (SQLAlchemyError, OSError, ValueError) as error:
        raise unavailable() from error


def unavailable() -> LedgerUnavailableError:
    """Return the error for a caller whose usage cannot be written down now."""
    message = "Usage cannot be written down now, so nothing is served. Repeat the request."
    return LedgerUnavailableError(message, retry_after_s=RETRY_AFTER_S)


def cause_of(error: BaseException) -> str:
    """Return the kind of what a database said; its words may hold what a caller sent."""
    cause = error.__cause__ or error
    said = cause.orig if isinstance(cause, DBAPIError) else None
    return type(said or cause).__name__


def _set_up_sqlite(
    address: Address, connection: DBAPIConnection, entry: ConnectionPoolEntry
) -> None:
    with _closed_on_failure(connection):
        cursor = connection.cursor()
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()
        entry.info[FILE] = address.identity()


def _see_that_file_is_there(
    address: Address,
    _connection: DBAPIConnection,
    entry: ConnectionPoolEntry,
    _proxy: PoolProxiedConnection,
) -> None:
    if entry.info[FILE] != address.identity():
        raise DisconnectionError


def _set_up_postgres(
    limit_s: float,
    connection: DBAPIConnection,
    _entry: ConnectionPoolEntry,
) -> None:
    limit_ms = str(round(1000 * limit_s))
    with _closed_on_failure(connection):
        cursor = connection.cursor()
        for setting in (
            ("synchronous_commit", "on"),
            ("statement_timeout", limit_ms),
            ("lock_timeout", limit_ms),
        ):
            cursor.execute("SELECT set_config(%s, %s, false)", setting)
        cursor.close()
        connection.commit()


@contextlib.contextmanager
def _closed_on_failure(connection: DBAPIConnection) -> Generator[None]:
    # The pool forgets a connection whose set-up fails, without closing it.
    try:
        yield
    except BaseException:
        connection.close()
        raise
