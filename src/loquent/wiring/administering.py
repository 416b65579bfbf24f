"""Builds what administers accounts at the machine, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from loquent.api.admin.administration import Administration
from loquent.api.admin.deployment_administration import DeploymentAdministration
from loquent.api.admin.deployment_telling import DeploymentTeller
from loquent.settings import Settings
from loquent.wiring.accounts import build_accounts, check_pepper
from loquent.wiring.ledger import build_database, ledger_in, opened, told
from loquent.wiring.platform import LocalPlatform


@dataclass(frozen=True, slots=True)
class Offices:
    """All that is administered over one database."""

    accounts: Administration
    deployments: DeploymentAdministration


@asynccontextmanager
async def open_administration(settings: Settings) -> AsyncIterator[Offices | None]:
    """Open the accounts for as long as the context is; None where there are none.

    Raises: SettingsError: if they cannot be opened, or keys made here would not be recognised.
    """
    database = build_database(settings)
    if database is None:
        yield None
        return
    accounts = build_accounts(settings, database)
    platform = LocalPlatform(settings)
    currency = platform.providing.catalog.currency
    teller = DeploymentTeller(None, settings.url, settings.domain)
    async with opened(database), opened(ledger_in(database)) as ledger:
        with told():
            await check_pepper(accounts)
        yield Offices(
            Administration(accounts.registry, ledger, currency),
            DeploymentAdministration(accounts.registry, teller, platform.directory),
        )
