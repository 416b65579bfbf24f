"""Bring the tables of a database to the shape of this version, or back; knows no row.

Alembic takes a tenth of a second to import, and only a migration needs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout
from sqlalchemy import NullPool, create_engine, func, select
from sqlalchemy.engine import Connection

from loquent.storage.database import (
    Address,
    StorageError,
    address_of,
    connecting,
    prepare,
    teaching_to_install,
    translated,
    unavailable,
)

if TYPE_CHECKING:
    from alembic.config import Config

_STEPS: Final = Path(__file__).with_name("migrations")
_TURN_S: Final = 30.0
_TURN: Final = 0x6C6F7175
"""By which number those that start at once on PostgreSQL know each other."""


def upgrade(database_url: str) -> None:
    """Bring the tables up to this version; those that start at the same time take turns.

    Raises:
        LedgerUnavailableError: if the database cannot be reached, or a turn takes 30 s.
        StorageError: if the tables are of a newer version, or the URL cannot be used.
    """
    from alembic import command  # noqa: PLC0415 - 0.1 s, once

    _migrate(address_of(database_url), lambda config: command.upgrade(config, "head"))


def downgrade(database_url: str, revision: str = "base") -> None:
    """Bring the tables back to an older version; `base` has none, and drops what they hold.

    Raises: LedgerUnavailableError, StorageError: as `upgrade` does.
    """
    from alembic import command  # noqa: PLC0415 - 0.1 s, once

    _migrate(address_of(database_url), lambda config: command.downgrade(config, revision))


def _migrate(address: Address, change: Callable[[Config], None]) -> None:
    from alembic.config import Config  # noqa: PLC0415 - 0.1 s, once
    from alembic.util import CommandError  # noqa: PLC0415 - 0.1 s, once

    config = Config()
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    try:
        with translated(), _turn(address), _connected(address) as connection:
            config.attributes["connection"] = connection
            change(config)
    except CommandError as error:
        message = (
            "The tables of usage were made by a newer Loquent: run that one, or bring them back "
            "with it."
        )
        raise StorageError(message) from error


@contextlib.contextmanager
def _turn(address: Address) -> Generator[None]:
    if address.file is None:
        yield
        return
    address.file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{address.file}.lock", timeout=_TURN_S):
            address.file.touch(mode=0o600)
            yield
    except Timeout as error:
        raise unavailable() from error


@contextlib.contextmanager
def _connected(address: Address) -> Generator[Connection]:
    """One transaction: a process that dies halfway leaves the tables as they were."""
    with teaching_to_install():
        arguments = connecting(address, _TURN_S)
        engine = create_engine(address.blocking_url, poolclass=NullPool, **arguments)
    prepare(engine, address, 0.0)
    with engine.begin() as connection:
        if address.file is None:
            connection.execute(select(func.pg_advisory_xact_lock(_TURN)))
        yield connection
