"""A budget that two hundred requests rush at lets through what it has, and no more."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from loquent.accounting.registry import KeyWish
from loquent.domain.accounts import Budget, BudgetPeriod, Reach, Scope, Terms
from tests.live.books import Home
from tests.vendors.gateway import MODEL, PATH, gateway_process, provider, recording
from tests.vendors.openai_vendor import OpenAiVendor
from tests.vendors.server import serving

N_REQUESTS, N_PAID = 200, 50
PRICE_MICROS = 100
BUDGET = Budget(BudgetPeriod.MONTH, hard_micros=N_PAID * PRICE_MICROS, soft_micros=1)
DEADLINE_S = 60.0


@pytest.mark.xdist_group("ledger")
async def test_a_budget_for_fifty_serves_fifty_of_two_hundred_at_once(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    key = await home.new_key(KeyWish("app", terms=Terms(budget=BUDGET)))
    reader = KeyWish("reader", scopes=frozenset({Scope.USAGE}), reach=Reach.SERVER)
    async with serving(OpenAiVendor().app) as url:
        providers = {"fake": provider(url, micros=PRICE_MICROS)}
        with gateway_process(tmp_path, providers, deadline_s=DEADLINE_S) as server:
            answers = await _rush(server.url, key)
            usage = await _usage(server.url, await home.new_key(reader))
    bodies = Counter(a.text[:300] for a in answers if a.status_code not in (200, 429))
    assert not bodies
    assert Counter(answer.status_code for answer in answers) == {200: N_PAID, 429: 150}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "insufficient_quota"
    assert refused.headers["x-should-retry"] == "false"
    paid = [answer for answer in answers if answer.status_code == 200]
    left = {answer.headers["x-loquent-budget-remaining"] for answer in paid}
    assert "0.000000 USD" in left
    assert all("is spent" in answer.headers["x-loquent-budget-warning"] for answer in paid)
    assert usage["total"]["requests"] == N_PAID
    assert usage["total"]["price"] == "0.005000"


async def _rush(url: str, key: str) -> list[httpx2.Response]:
    sound = recording()
    limits = httpx2.Limits(max_connections=N_REQUESTS)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(
        base_url=url, headers=headers, timeout=DEADLINE_S, limits=limits
    ) as client:
        sending = (
            client.post(PATH, data={"model": MODEL}, files={"file": ("a.wav", sound)})
            for _ in range(N_REQUESTS)
        )
        return await asyncio.gather(*sending)


async def _usage(url: str, key: str) -> dict[str, dict[str, object]]:
    async with httpx2.AsyncClient(base_url=url, headers={"x-api-key": key}) as client:
        answer = await client.get("/v1/usage", params={"group_by": "key"})
        return dict(answer.json())
