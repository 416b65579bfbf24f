"""What the tests of the ledger share: each database that can be had here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from loquent.storage.ledger import SqlLedger
from tests.unit.storage.databases import Place, Postgres, running_postgres, sqlite_place
from tests.unit.storage.ledgers import opened_ledger


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return sqlite_place(tmp_path)
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_place()


@pytest.fixture
async def ledger(place: Place) -> AsyncIterator[SqlLedger]:
    async with opened_ledger(place.url) as opened:
        yield opened
