"""Models that are fetched, dropped and unloaded over the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from loquent.accounting.registry import KeyWish
from loquent.api.app import ApiOptions, create_app
from loquent.api.silences import with_silences
from loquent.domain.accounts import OPERATOR, Reach, Scope
from loquent.domain.stock import Phase, PullEvent
from loquent.models.store import ModelStore
from loquent.ports import ModelStock
from loquent.routing.names import ModelNames
from loquent.wiring.stock import LocalStock
from tests.fakes.fake_stock import FakeStock
from tests.fakes.fake_treasury import FakeTreasury
from tests.fakes.services import fake_services
from tests.unit.accounting.offices import Office
from tests.unit.models.builders import FakeSource, catalog, entry
from tests.vendors.server import serving
from tests.wire.envelopes import assert_envelope


@asynccontextmanager
async def asking(
    stock: ModelStock, *, scope: Scope | None = Scope.ADMIN, reach: Reach = Reach.SERVER
) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve, and ask with a key of that scope; None asks with none, where none is needed."""
    office = Office()
    headers = {}
    if scope is not None:
        wish = KeyWish("me", scopes=frozenset({scope}), reach=reach)
        minted = await office.registry.create_key(OPERATOR, wish)
        headers = {"Authorization": f"Bearer {minted.text}"}
    services = replace(
        fake_services(stock=stock),
        keys=office.keyring,
        registry=office.registry,
        treasury=FakeTreasury(),
    )
    async with (
        serving(create_app(services, ApiOptions())) as url,
        httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as http,
    ):
        yield http


def real_stock(root: Path, source: FakeSource | None = None) -> LocalStock:
    store = ModelStore(root, catalog(entry()), sources=[source or FakeSource()])

    async def unload(_model_id: str) -> None: ...

    def names() -> ModelNames:
        return ModelNames({model.id: model.card for model in store.installed()}, {}, "tiny")

    return LocalStock(store, names, unload, needs={}, preload=frozenset())


def events_of(response: httpx2.Response) -> list[Any]:
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
async def test_a_model_is_pulled_listed_and_removed(tmp_path: Path, prefix: str) -> None:
    async with asking(real_stock(tmp_path)) as http:
        events = events_of(await http.post(f"{prefix}/models/tiny/pull"))
        assert events[-1] == "[DONE]"
        assert events[-2] == {
            "object": "model.pull",
            "model": "tiny",
            "state": "done",
            "source": "fake",
            "file": None,
            "bytes_done": entry().n_bytes,
            "bytes_total": entry().n_bytes,
            "message": "",
        }
        (listed,) = (await http.get(f"{prefix}/catalog")).json()["data"]
        assert listed == {
            "id": "tiny",
            "object": "catalog.model",
            "owned_by": "us",
            "license": "MIT",
            "capabilities": ["transcription"],
            "languages": ["en"],
            "quantization": "int8",
            "bytes": entry().n_bytes,
            "installed": True,
            "source": "fake",
            "built_in": False,
            "needed_by": [],
        }
        removed = await http.delete(f"{prefix}/models/tiny")
        assert removed.json() == {"id": "tiny", "object": "model", "deleted": True}
        assert_envelope(await http.delete(f"{prefix}/models/tiny"), 404)


async def test_a_name_with_slashes_is_pulled(tmp_path: Path) -> None:
    async with asking(real_stock(tmp_path)) as http:
        events = events_of(await http.post("/v1/models/owner/name@main/pull"))
        assert events[-2]["model"] == "owner/name"
        assert (await http.delete("/v1/models/owner/name")).status_code == 200


async def test_a_name_that_nobody_has_is_404_before_any_event(tmp_path: Path) -> None:
    async with asking(real_stock(tmp_path)) as http:
        error = assert_envelope(await http.post("/v1/models/tinny/pull"), 404)
        assert error["code"] == "model_not_found"


async def test_a_failure_is_the_last_event(tmp_path: Path) -> None:
    async with asking(real_stock(tmp_path, FakeSource(fails_at="model.bin"))) as http:
        events = events_of(await http.post("/v1/models/tiny/pull"))
        assert events[-1]["error"]["code"] == "model_pull_failed"
        assert "the line went dead" in events[-1]["error"]["message"]


async def test_a_model_is_unloaded(tmp_path: Path) -> None:
    stock = FakeStock()
    async with asking(stock) as http:
        answer = await http.post("/v1/models/owner/name/unload")
        assert answer.json() == {"id": "owner/name", "object": "model", "loaded": False}
    assert stock.asked == [("unload", "owner/name")]
    async with asking(real_stock(tmp_path)) as http:
        assert_envelope(await http.post("/v1/models/tiny/unload"), 404)


@pytest.mark.parametrize(
    ("scope", "reach"),
    [
        (None, Reach.SERVER),
        (Scope.INFERENCE, Reach.SERVER),
        (Scope.ADMIN, Reach.PROJECT),
        (Scope.ADMIN, Reach.ORGANISATION),
    ],
)
async def test_only_who_administers_the_whole_server_may_change_models(
    scope: Scope | None, reach: Reach
) -> None:
    stock = FakeStock()
    async with asking(stock, scope=scope, reach=reach) as http:
        for method, path in (
            ("POST", "/v1/models/tiny/pull"),
            ("POST", "/models/tiny/unload"),
            ("DELETE", "/v0/models/tiny"),
            ("DELETE", "/v1/models/a/b/"),
        ):
            error = assert_envelope(await http.request(method, path), 403)
            assert "This needs a key" in error["message"]
        for path in ("/v1/catalog", "/v1/models/whisper-1"):
            assert (await http.get(path)).status_code == 200
    assert stock.asked == []


async def test_other_methods_of_these_addresses_are_told_apart() -> None:
    async with asking(FakeStock(), scope=Scope.INFERENCE) as http:
        options = await http.request("OPTIONS", "/v1/models/whisper-1")
        assert options.headers["allow"] == "DELETE, GET"
        assert_envelope(await http.put("/v1/models/whisper-1"), 405)
        for path in ("/v1/models/whisper-1/pull", "/v1/models/a/b/unload/"):
            assert_envelope(await http.put(path), 403)
    async with asking(FakeStock()) as http:
        for path in ("/v1/models/whisper-1/pull", "/v1/models/a/b/unload/"):
            assert (await http.request("OPTIONS", path)).headers["allow"] == "POST"
            assert_envelope(await http.get(path), 405)
        assert_envelope(await http.get("/v1/models/a/pull/pull"), 404)


async def test_who_hangs_up_stops_the_pull() -> None:
    class Endless(FakeStock):
        def __init__(self) -> None:
            super().__init__()
            self.stopped = asyncio.Event()

        async def pull(self, name: str) -> AsyncGenerator[PullEvent]:
            try:
                yield PullEvent(name, Phase.DOWNLOADING, "hub", 1, 2)
                await asyncio.Event().wait()
            finally:
                self.stopped.set()

    stock = Endless()
    async with asking(stock) as http:
        async with http.stream("POST", "/v1/models/tiny/pull") as response:
            await anext(response.aiter_lines())
            assert not stock.stopped.is_set()
        async with asyncio.timeout(10):
            await stock.stopped.wait()


async def test_a_silence_is_noticed_and_costs_no_event() -> None:
    gate = asyncio.Event()

    async def events() -> AsyncGenerator[PullEvent]:
        yield PullEvent("tiny", Phase.RESOLVING)
        await gate.wait()
        yield PullEvent("tiny", Phase.DONE)

    told: list[PullEvent | None] = []
    async for event in with_silences(events(), 0.001):
        told.append(event)
        if event is None:
            gate.set()
    assert told[:2] == [PullEvent("tiny", Phase.RESOLVING), None]
    assert [event for event in told if event][-1] == PullEvent("tiny", Phase.DONE)
