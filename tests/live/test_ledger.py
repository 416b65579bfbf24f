"""A server that is killed under load has written down every answer that it gave, once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from loquent.accounting.registry import KeyWish
from loquent.domain.accounts import Budget, BudgetPeriod, Terms
from loquent.storage.columns import us_of
from loquent.storage.opening import Database
from loquent.storage.tables import RESERVATIONS, SPENDING, USAGE
from tests.live.books import Home
from tests.live.server import RunningServer
from tests.unit.storage.databases import running_postgres
from tests.vendors.gateway import MODEL, PATH, gateway_process, provider, recording
from tests.vendors.openai_vendor import OpenAiVendor
from tests.vendors.server import serving

N_CALLERS = 8
DEADLINE_S = 30.0
MOST_ANSWERS = 60
"""Of one life of the server; it is killed somewhere before."""

PRICE_MICROS = 100
PLENTY = Terms(budget=Budget(BudgetPeriod.TOTAL, hard_micros=10**12))


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    if request.param == "sqlite":
        yield Home.of(tmp_path)
        return
    with running_postgres() as server:
        yield Home(tmp_path, server.new_place().url)


@pytest.mark.xdist_group("ledger")
async def test_nothing_acknowledged_is_lost_over_five_kills(home: Home) -> None:
    await _survives(home, n_kills=5)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
async def test_nothing_acknowledged_is_lost_over_thirty_kills(home: Home) -> None:
    await _survives(home, n_kills=30)


async def _survives(home: Home, n_kills: int) -> None:
    chance = random.Random(7)
    acknowledged: list[str] = []
    key = await home.new_key(KeyWish("app", terms=PLENTY))
    async with serving(OpenAiVendor().app) as url:
        for _ in range(n_kills):
            life = _Life(home, url, key, enough=chance.randrange(10, MOST_ANSWERS))
            await asyncio.to_thread(life.run, acknowledged.append)
    assert len(acknowledged) > n_kills
    await _check_books(home, acknowledged)


@dataclass(frozen=True, slots=True)
class _Life:
    """A server from its start until it is killed in the midst of its work."""

    home: Home
    provider_url: str
    key: str
    enough: int

    def run(self, acknowledge: Callable[[str], None]) -> None:
        providers = {"fake": provider(self.provider_url, micros=PRICE_MICROS)}
        with gateway_process(
            self.home.folder, providers, deadline_s=DEADLINE_S, ledger=self.home.url
        ) as server:
            asyncio.run(self._calls(server, acknowledge))

    async def _calls(self, server: RunningServer, acknowledge: Callable[[str], None]) -> None:
        n_answered, sound = 0, recording()
        headers = {"authorization": f"Bearer {self.key}"}
        async with httpx2.AsyncClient(
            base_url=server.url, headers=headers, timeout=DEADLINE_S
        ) as client:

            async def call_on() -> None:
                nonlocal n_answered
                while True:
                    try:
                        answer = await client.post(
                            PATH,
                            data={"model": MODEL},
                            files={"file": ("a.wav", sound, "audio/wav")},
                        )
                    except httpx2.HTTPError:
                        return
                    assert answer.status_code == 200, answer.text
                    acknowledge(answer.headers["x-request-id"])
                    n_answered += 1
                    if n_answered == self.enough:
                        server.process.kill()

            await asyncio.gather(*(call_on() for _ in range(N_CALLERS)))


async def _check_books(home: Home, acknowledged: list[str]) -> None:
    """See that every answer has one row, all rows are paid once, and no money is kept for long."""
    in_a_minute = datetime.now(UTC) + timedelta(seconds=60)
    is_open = RESERVATIONS.c.expires_at_us > us_of(in_a_minute)
    database = Database.at(home.url)
    async with database.reading() as connection:
        rows = (await connection.execute(select(USAGE))).all()
        spending = (await connection.execute(select(SPENDING))).all()
        reserved = (await connection.execute(select(RESERVATIONS).where(is_open))).all()
        if database.address.file:
            check = await connection.exec_driver_sql("PRAGMA integrity_check")
            assert check.scalar_one() == "ok"
    await database.close()
    written = Counter(row.request_id for row in rows)
    assert set(acknowledged) <= set(written)
    assert max(written.values()) == 1
    paid = sum(row.price_micros for row in rows)
    accounts = {row.account_id for row in spending}
    assert len(accounts) == 3  # the key, its project, its organisation
    for account in accounts:
        assert sum(row.micros for row in spending if row.account_id == account) == paid
    assert not reserved
