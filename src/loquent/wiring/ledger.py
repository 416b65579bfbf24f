"""Builds where usage is written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from loquent.domain.errors import LedgerUnavailableError
from loquent.ports import Ledger
from loquent.settings import Settings, SettingsError

if TYPE_CHECKING:
    from loquent.storage.ledger import SqlLedger

LEDGER_FILE = "loquent.db"
OFF = "off"


def ledger_url(settings: Settings) -> str | None:
    """Return the address of the database, None where nothing is to be written down."""
    if settings.ledger == OFF:
        return None
    file = quote(str(settings.data_dir.absolute() / LEDGER_FILE))
    return settings.ledger or f"sqlite+aiosqlite:///{file}"


def build_ledger(settings: Settings) -> SqlLedger | None:
    """Build the ledger, not open yet; None where nothing is to be written down.

    Raises: SettingsError: if the address is none, or its driver is missing.
    """
    url = ledger_url(settings)
    if url is None:
        return None
    from loquent.storage.ledger import SqlLedger  # noqa: PLC0415 - SQLAlchemy takes long to import

    with _told():
        return SqlLedger(url)


@asynccontextmanager
async def opened(ledger: SqlLedger) -> AsyncIterator[Ledger]:
    """Keep a ledger open for as long as the context is.

    Raises: SettingsError: if it cannot be opened.
    """
    try:
        with _told():
            await ledger.open()
        yield ledger
    finally:
        await ledger.close()


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
    ledger = build_ledger(settings)
    if ledger is None:
        yield None
        return
    async with opened(ledger) as open_one:
        yield open_one


@contextmanager
def _told() -> Iterator[None]:
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
