"""A server that is killed under load has written down every answer that it gave, once."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from pathlib import Path

import httpx2
import pytest

from tests.live.server import RunningServer
from tests.vendors.gateway import MODEL, PATH, gateway_process, provider, recording
from tests.vendors.openai_vendor import OpenAiVendor
from tests.vendors.server import serving

N_CALLERS = 8
DEADLINE_S = 30.0
MOST_ANSWERS = 60
"""Of one life of the server; it is killed somewhere before."""


@pytest.mark.xdist_group("ledger")
async def test_no_acknowledged_row_is_lost_over_five_kills(tmp_path: Path) -> None:
    await _survives(tmp_path, n_kills=5)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
async def test_no_acknowledged_row_is_lost_over_thirty_kills(tmp_path: Path) -> None:
    await _survives(tmp_path, n_kills=30)


async def _survives(folder: Path, n_kills: int) -> None:
    chance = random.Random(7)
    acknowledged: list[str] = []
    async with serving(OpenAiVendor().app) as url:
        for _ in range(n_kills):
            await asyncio.to_thread(_one_life, folder, url, acknowledged, chance)
    assert len(acknowledged) > n_kills
    with sqlite3.connect(folder / "loquent.db") as database:
        written = [row[0] for row in database.execute("SELECT request_id FROM usage")]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(written) == len(set(written))
    assert set(acknowledged) <= set(written)


def _one_life(folder: Path, url: str, acknowledged: list[str], chance: random.Random) -> None:
    """Start a server, call it until it is killed in the midst of its work."""
    with gateway_process(folder, {"fake": provider(url)}, deadline_s=DEADLINE_S) as server:
        asyncio.run(_calls(server, acknowledged, chance.randrange(10, MOST_ANSWERS)))


async def _calls(server: RunningServer, acknowledged: list[str], n_answers: int) -> None:
    enough_at = len(acknowledged) + n_answers
    sound = recording()
    async with httpx2.AsyncClient(base_url=server.url, timeout=DEADLINE_S) as client:

        async def call_on() -> None:
            while True:
                try:
                    answer = await client.post(
                        PATH,
                        data={"model": MODEL},
                        files={"file": ("a.wav", sound, "audio/wav")},
                    )
                except httpx2.HTTPError:
                    return
                assert answer.status_code == 200
                acknowledged.append(answer.headers["x-request-id"])
                if len(acknowledged) == enough_at:
                    server.process.kill()

        await asyncio.gather(*(call_on() for _ in range(N_CALLERS)))
