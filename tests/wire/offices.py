"""A server whose accounts are in memory, and whoever asks it with a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import httpx2

from loquent.accounting.registry import KeyWish
from loquent.api.app import ApiOptions, create_app
from loquent.domain.accounts import OPERATOR, Reach
from tests.fakes.fake_deployments import FakeDeployments
from tests.fakes.fake_directory import FakeDirectory
from tests.fakes.fake_ledger import FakeLedger
from tests.fakes.fake_treasury import FakeTreasury
from tests.fakes.services import fake_services
from tests.unit.accounting.offices import ALL, Office
from tests.vendors.server import serving


class ErasableLedger(FakeLedger):
    """Remembers what was to be erased."""

    def __init__(self) -> None:
        super().__init__()
        self.erased: list[tuple[str, datetime]] = []

    async def erase(self, project_id: str, before: datetime) -> int:
        self.erased.append((project_id, before))
        return 7


@dataclass
class Counter:
    """Where to ask, and what is behind it."""

    http: httpx2.AsyncClient
    office: Office
    treasury: FakeTreasury
    ledger: ErasableLedger = field(default_factory=ErasableLedger)
    deployments: FakeDeployments = field(default_factory=FakeDeployments)

    async def ask(
        self, method: str, path: str, status: int = 200, **options: Any
    ) -> dict[str, Any]:
        response = await self.http.request(method, f"/v1/admin{path}", **options)
        assert response.status_code == status, response.text
        return dict(response.json())

    async def post(self, path: str, **fields: Any) -> dict[str, Any]:
        return await self.ask("POST", path, json=fields)

    async def patch(self, path: str, **fields: Any) -> dict[str, Any]:
        return await self.ask("PATCH", path, json=fields)

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        return await self.ask("GET", path, params=query)


@asynccontextmanager
async def opened_counter(
    *,
    scopes: frozenset[Any] = ALL,
    reach: Reach = Reach.SERVER,
    public_url: str = "",
    directory: FakeDirectory | None = None,
) -> AsyncIterator[Counter]:
    """Serve, and ask with a key that the operator has made."""
    office, treasury, ledger = Office(), FakeTreasury(), ErasableLedger()
    board = FakeDeployments()
    minted = await office.registry.create_key(OPERATOR, KeyWish("me", scopes=scopes, reach=reach))
    services = replace(
        fake_services(directory=directory, ledger=ledger),
        keys=office.keyring,
        registry=office.registry,
        treasury=treasury,
        deployments=board,
    )
    options = ApiOptions(currency="EUR", public_url=public_url)
    headers = {"Authorization": f"Bearer {minted.text}"}
    async with (
        serving(create_app(services, options)) as url,
        httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as http,
    ):
        yield Counter(http, office, treasury, ledger, board)
