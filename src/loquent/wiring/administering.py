"""Builds what administers accounts at the machine, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loquent.api.admin.administration import Administration
from loquent.settings import Settings
from loquent.wiring.accounts import build_accounts, check_pepper
from loquent.wiring.ledger import build_database, ledger_in, opened, told
from loquent.wiring.platform import LocalPlatform


@asynccontextmanager
async def open_administration(settings: Settings) -> AsyncIterator[Administration | None]:
    """Open the accounts for as long as the context is; None where there are none.

    Raises: SettingsError: if they cannot be opened, or keys made here would not be recognised.
    """
    database = build_database(settings)
    if database is None:
        yield None
        return
    accounts = build_accounts(settings, database)
    currency = LocalPlatform(settings).providing.catalog.currency
    async with opened(database), opened(ledger_in(database)) as ledger:
        with told():
            await check_pepper(accounts)
        yield Administration(accounts.registry, ledger, currency)
