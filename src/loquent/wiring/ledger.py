"""Builds where usage is written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import quote

from loquent.domain.errors import LedgerUnavailableError
from loquent.ports import Ledger
from loquent.settings import NO_LEDGER, Settings, SettingsError

if TYPE_CHECKING:
    from loquent.storage.ledger import SqlLedger
    from loquent.storage.opening import Database

LEDGER_FILE = "loquent.db"


class Openable(Protocol):
    """What is opened before use and closed after it."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


_StoreT = TypeVar("_StoreT", bound=Openable)


def ledger_url(settings: Settings) -> str | None:
    """Return the address of the database, None where nothing is to be written down."""
    if settings.ledger == NO_LEDGER:
        return None
    file = quote(str(settings.data_dir.absolute() / LEDGER_FILE))
    return settings.ledger or f"sqlite+aiosqlite:///{file}"


def build_database(settings: Settings) -> Database | None:
    """Name the database, not open yet; None where nothing is to be written down.

    Raises: SettingsError: if the address is none, or its driver is missing.
    """
    url = ledger_url(settings)
    if url is None:
        return None
    from loquent.storage.opening import Database  # noqa: PLC0415 - SQLAlchemy takes long to import

    with told():
        return Database.at(url)


def ledger_in(database: Database) -> SqlLedger:
    """Build the ledger, not open yet; it keeps money for requests, too."""
    from loquent.storage.ledger import SqlLedger  # noqa: PLC0415 - as above

    return SqlLedger(database)


@asynccontextmanager
async def opened(store: _StoreT) -> AsyncIterator[_StoreT]:
    """Keep a database, or what is kept in one, open for as long as the context is.

    Raises: SettingsError: if it cannot be opened.
    """
    try:
        with told():
            await store.open()
        yield store
    finally:
        await store.close()


def prepare_ledger(settings: Settings) -> None:
    """Bring the ledger to its present shape, and see that it can be written.

    Raises: SettingsError: saying why not, before anything is served.
    """

    async def prepare() -> None:
        async with open_ledger(settings):
            pass

    asyncio.run(prepare())


@asynccontextmanager
async def open_ledger(settings: Settings) -> AsyncIterator[Ledger | None]:
    """Open the ledger for as long as the context is; None where nothing is written down.

    Raises: SettingsError: if it cannot be opened.
    """
    database = build_database(settings)
    if database is None:
        yield None
        return
    async with opened(database), opened(ledger_in(database)) as ledger:
        yield ledger


@contextmanager
def told() -> Iterator[None]:
    """Turn what is wrong with the database into an error of the settings."""
    from loquent.storage.database import StorageError  # noqa: PLC0415 - as above

    try:
        yield
    except StorageError as error:
        raise SettingsError(f"ledger: {error}") from error
    except LedgerUnavailableError as error:
        raise SettingsError(
            "ledger: usage cannot be written down where this setting says. See that the data"
            " folder, or the database, can be written; LOQUENT_LEDGER=off serves without."
        ) from error
