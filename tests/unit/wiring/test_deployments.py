"""What stands in the book of accounts is served: real books, real platforms, a real voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from loquent.api.app import create_app
from loquent.domain.accounts import AccountChange, AuditEntry
from loquent.domain.deployments import Deployment, DeploymentState, Replicas
from loquent.domain.errors import WorkerCrashedError
from loquent.settings import load_settings
from loquent.wiring import deployments
from loquent.wiring.bookkeeping import Books
from loquent.wiring.deployments import Deployments
from loquent.wiring.platform import LocalPlatform
from loquent.wiring.residence import Residence
from loquent.wiring.services import options_of, services_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALPHA = Deployment("alpha", ("espeak",), NOW)
WAIT_S = 20.0


@dataclass
class House:
    """A server without a socket."""

    books: Books
    deployments: Deployments
    client: httpx2.AsyncClient

    async def write(self, *deployments: Deployment) -> None:
        store, keyring = self.books.accounts.store, self.books.accounts.keyring
        entry = AuditEntry(NOW, "operator", "deployment.create", "alpha")
        base = await store.version()
        await store.change(AccountChange(deployments=deployments), entry, base=base)
        keyring.expire()

    async def until(self, deployment_id: str, *states: DeploymentState | None) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.state(deployment_id) not in states:  # noqa: ASYNC110 - nobody tells when
                await asyncio.sleep(0.01)

    def state(self, deployment_id: str) -> DeploymentState | None:
        status = self.deployments.status(deployment_id)
        return status.state if status else None

    async def told(self, deployment_id: str, until: str) -> list[str]:
        told: list[str] = []
        async with asyncio.timeout(WAIT_S):
            async for event in self.deployments.events(deployment_id, follows=True):
                told.append(event.message)
                if event.message == until:
                    break
        return told

    async def speak(self) -> httpx2.Response:
        body = {"model": "espeak", "input": "Hello.", "voice": "en", "response_format": "wav"}
        return await self.client.post("/deployments/alpha/v1/audio/speech", json=body)

    async def readiness(self) -> tuple[int, str]:
        answer = await self.get("/deployments/alpha/readyz")
        told = answer.json()
        return answer.status_code, told["status"] if answer.is_success else told["error"]["code"]

    async def get(self, path: str) -> httpx2.Response:
        return await self.client.get(path)


@asynccontextmanager
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    settings = load_settings(data_dir=tmp_path, default_model="espeak", offline=True)
    platform = LocalPlatform(settings)
    books = Books.of(settings)
    assert books is not None
    deployments = Deployments(platform, books)
    app = create_app(
        services_of(platform, books), options_of(settings, platform), applications=deployments
    )
    transport = httpx2.ASGITransport(app)
    async with (
        books.running(),
        deployments.running(app.state.metrics),
        httpx2.AsyncClient(transport=transport, base_url="http://here") as client,
    ):
        yield House(books, deployments, client)


@pytest.mark.engine
async def test_a_deployment_is_served_from_when_it_is_written_until_it_is_closed(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as there:
        assert (await there.get("/deployments/alpha/v1/models")).status_code == 404
        await there.write(ALPHA)
        await there.until("alpha", DeploymentState.READY)
        assert await there.readiness() == (200, "ready")
        listed = (await there.get("/deployments/alpha/v1/models")).json()["data"]
        assert {model["served_by"] for model in listed} == {"espeak"}
        spoken = await there.speak()
        assert (spoken.status_code, spoken.content[:4]) == (200, b"RIFF")
        assert (await there.told("alpha", until="espeak serves"))[0] == "is opened"
        await there.write(replace(ALPHA, closed_at=NOW))
        await there.until("alpha", None)
        assert (await there.get("/deployments/alpha/v1/models")).status_code == 404


@pytest.mark.engine
async def test_it_moves_when_it_changes_and_nothing_is_refused_meanwhile(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await there.write(ALPHA)
        await there.until("alpha", DeploymentState.READY)
        before = there.deployments.application("alpha")
        await there.write(replace(ALPHA, region="eu"))
        async with asyncio.timeout(WAIT_S):
            while there.deployments.application("alpha") is before:
                assert (await there.get("/deployments/alpha/v1/models")).status_code == 200
        assert there.state("alpha") is DeploymentState.READY


@pytest.mark.engine
async def test_what_need_not_be_there_is_loaded_by_the_first_who_asks(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await there.write(replace(ALPHA, replicas=Replicas(0, 1)))
        await there.until("alpha", DeploymentState.ASLEEP)
        assert await there.readiness() == (200, "asleep")
        assert (await there.get("/deployments/alpha/v1/status")).json()["ready"] is True
        assert (await there.speak()).status_code == 200
        assert there.state("alpha") is DeploymentState.READY
        assert await there.readiness() == (200, "ready")


@pytest.mark.engine
async def test_who_wakes_a_model_keeps_nobody_away(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await there.write(replace(ALPHA, replicas=Replicas(0, 1)))
        await there.until("alpha", DeploymentState.ASLEEP)
        waking = asyncio.create_task(there.speak())
        await there.until("alpha", DeploymentState.STARTING)
        assert await there.readiness() == (200, "asleep")
        assert (await waking).status_code == 200


@pytest.mark.engine
async def test_what_cannot_be_opened_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, closed, failures = Residence.open, Residence.close, ["no processes left"]
    ended: list[Residence] = []

    async def fail_once(residence: Residence) -> None:
        await opened(residence)
        if failures:
            raise WorkerCrashedError(failures.pop())

    async def close(residence: Residence) -> None:
        ended.append(residence)
        await closed(residence)

    monkeypatch.setattr(Residence, "open", fail_once)
    monkeypatch.setattr(Residence, "close", close)
    monkeypatch.setattr(deployments, "RETRY_S", 0.0)
    async with house(tmp_path) as there:
        await there.write(ALPHA)
        told = await there.told("alpha", until="espeak serves")
        assert told[:2] == ["cannot be served now: no processes left", "is opened"]
        assert len(ended) == 1, "what it had begun was not ended"


async def test_a_model_that_is_not_here_is_told(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await there.write(replace(ALPHA, models=("whisper-tiny",)))
        await there.until("alpha", DeploymentState.FAILED)
        status = there.deployments.status("alpha")
        assert status is not None
        assert "loquent models pull whisper-tiny" in status.message
        assert await there.readiness() == (503, "deployment_failed")
        assert (await there.get("/deployments/alpha/v1/models")).json()["data"] == []


async def test_nothing_that_administers_is_in_a_deployment(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await there.write(replace(ALPHA, replicas=Replicas(0, 1)))
        await there.until("alpha", DeploymentState.ASLEEP)
        for path in ("/", "/metrics", "/v1/usage", "/v1/admin/keys", "/v1/catalog"):
            assert (await there.get(f"/deployments/alpha{path}")).status_code == 404, path
        for path in ("/healthz", "/v1/status", "/v1/pricing", "/openapi.json"):
            assert (await there.get(f"/deployments/alpha{path}")).status_code == 200, path
