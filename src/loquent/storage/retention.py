"""Erase from rows of usage what points to a person, and keep every sum; decides no period."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, bindparam, func, or_, select, update
from sqlalchemy.engine import Connection

from loquent.storage.account_tables import PROJECTS
from loquent.storage.columns import us_of
from loquent.storage.opening import Database
from loquent.storage.tables import USAGE

ERASED: Final = "erased_"
"""How the id of a request begins that nobody can look up any more."""

_N_AT_ONCE: Final = 200
"""So few that rows of usage do not wait long for their turn to be written."""

_DAY_US: Final = timedelta(days=1) // timedelta(microseconds=1)

# A caller may choose an id that looks erased, but only rows that are erased have no key as well.
_IS_PERSONAL: Final = or_(
    USAGE.c.key != "", func.substr(USAGE.c.request_id, 1, len(ERASED)) != ERASED
)
_ERASE: Final = (
    update(USAGE)
    .where(USAGE.c.request_id == bindparam("known"))
    .values(request_id=bindparam("unknown"), key="", asked_model="")
)


async def erase_personal(database: Database, project_id: str, before_us: int) -> int:
    """Erase ids, keys and the names that were asked for; return of how many rows.

    Args:
        before_us: only of requests that came before, in microseconds since 1970.

    Raises: LedgerUnavailableError: then some rows may be erased already.
    """
    personal = (
        select(USAGE.c.request_id)
        .where(USAGE.c.project == project_id, USAGE.c.began_at_us < before_us, _IS_PERSONAL)
        .order_by(USAGE.c.began_at_us)
        .limit(_N_AT_ONCE)
        .with_for_update()
    )
    n_erased = 0
    while n_more := await database.write(lambda connection: _erase(connection, personal)):
        n_erased += n_more
    return n_erased


def _erase(connection: Connection, personal: Select[str]) -> int:
    known = connection.execute(personal).scalars().all()
    if known:
        erased = [{"known": each, "unknown": ERASED + secrets.token_hex(16)} for each in known]
        connection.execute(_ERASE, erased)
    return len(known)


async def erase_outdated(database: Database, now: datetime) -> int:
    """Erase what projects want to be kept no longer; return of how many rows.

    Raises: LedgerUnavailableError.
    """
    limited = select(PROJECTS.c.id, PROJECTS.c.retention_days).where(
        PROJECTS.c.retention_days.is_not(None)
    )
    async with database.reading() as connection:
        projects = (await connection.execute(limited)).all()
    n_erased = 0
    for project_id, days in projects:
        before_us = max(0, us_of(now) - days * _DAY_US)  # however many days somebody wrote
        n_erased += await erase_personal(database, project_id, before_us)
    return n_erased
