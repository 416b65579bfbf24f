"""Models that are fetched, dropped and unloaded for a running server, on a real store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loquent.domain.errors import (
    ConflictError,
    InvalidRequestError,
    ModelLoadError,
    ModelNotFoundError,
)
from loquent.domain.model import ModelCard
from loquent.domain.stock import Phase, PullEvent, StockedModel
from loquent.models.entry import CatalogEntry
from loquent.models.events import OnBytes
from loquent.models.source import Plan
from loquent.models.store import ModelStore
from loquent.routing.names import ModelNames
from loquent.settings import load_settings
from loquent.wiring.stock import LocalStock, named_by_settings
from tests.unit.models.builders import CONTENT, FakeSource, built_in, catalog, entry

N_BYTES = sum(map(len, CONTENT.values()))


@dataclass
class GatedSource(FakeSource):
    """Delivers a file whenever it is let, and tells of the bytes in between."""

    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def fetch(self, entry: CatalogEntry, plan: Plan, into: Path, on_bytes: OnBytes) -> None:
        n_bytes = 0
        for file in plan.files:
            assert self.gate.acquire(timeout=10)
            if not (into / file.path).exists():
                (into / file.path).write_bytes(self.content[file.path])
                self.fetched.append(file.path)
            n_bytes += file.n_bytes
            on_bytes(n_bytes)


@dataclass
class Stage:
    """A stock over a store, and what was unloaded."""

    root: Path
    source: FakeSource = field(default_factory=FakeSource)
    entries: tuple[CatalogEntry, ...] = (entry(), entry("other"), built_in())
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    preload: frozenset[str] = frozenset()
    is_offline: bool = False
    unloaded: list[str] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.store = ModelStore(
            self.root,
            catalog(*self.entries),
            sources=[self.source],
            is_offline=self.is_offline,
        )
        unload: Callable[[str], Awaitable[None]] = self._unload
        self.stock = LocalStock(
            self.store, self._names, unload, needs=self.needs, preload=self.preload
        )

    async def pulled(self, name: str) -> list[PullEvent]:
        return [event async for event in self.stock.pull(name)]

    async def listed(self) -> dict[str, StockedModel]:
        return {model.card.id: model for model in await self.stock.listed()}

    async def _unload(self, model_id: str) -> None:
        if model_id in self.busy:
            raise ConflictError(f"The model '{model_id}' is in use.")
        self.unloaded.append(model_id)

    def _names(self) -> ModelNames:
        cards: dict[str, ModelCard] = {model.id: model.card for model in self.store.installed()}
        return ModelNames(cards, {"alias": "tiny"}, "tiny")


async def test_what_can_be_had_is_listed_beside_what_is_here(tmp_path: Path) -> None:
    stage = Stage(tmp_path, needs={"default_model": ("alias",), "preload": ("other", "tiny")})
    found = await stage.listed()
    assert list(found) == ["other", "robot", "tiny"]
    assert found["tiny"] == StockedModel(entry().card(), N_BYTES, is_installed=False)
    assert found["robot"].is_built_in
    assert found["robot"].is_installed
    await stage.pulled("tiny")
    needed_by = ("default_model", "preload")
    assert (await stage.listed())["tiny"] == StockedModel(
        entry().card(), N_BYTES, is_installed=True, source="fake", needed_by=needed_by
    )


async def test_what_only_the_disk_knows_is_listed_too(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.pulled("owner/name")
    found = (await stage.listed())["owner/name"]
    assert (found.is_installed, found.n_bytes, found.source) == (True, N_BYTES, "fake")


async def test_a_pull_tells_its_steps_with_files_and_bytes(tmp_path: Path) -> None:
    source = GatedSource()
    stage, seen = Stage(tmp_path, source), []
    async for event in stage.stock.pull("tiny"):
        seen.append(event)
        if event.phase is Phase.DOWNLOADING:
            source.gate.release()
    assert seen[0].phase is Phase.RESOLVING
    downloads = [event for event in seen if event.phase is Phase.DOWNLOADING]
    assert [event.file for event in downloads[:3]] == list(CONTENT)
    assert {event.bytes_total for event in downloads} == {N_BYTES}
    counts = [event.bytes_done for event in downloads]
    assert counts == sorted(counts)
    assert [event.phase for event in seen if event.phase is Phase.DONE] == [Phase.DONE]
    assert seen[-1] == PullEvent("tiny", Phase.DONE, "fake", N_BYTES, N_BYTES)
    verified = [event.file for event in seen if event.phase is Phase.VERIFYING]
    assert verified == list(CONTENT)


async def test_a_model_that_is_built_in_is_there_at_once(tmp_path: Path) -> None:
    events = await Stage(tmp_path).pulled("robot")
    assert events == [PullEvent("robot", Phase.DONE, "built in", 0, 0)]


async def test_who_leaves_stops_the_pull_and_the_next_one_goes_on(tmp_path: Path) -> None:
    source = GatedSource()
    stage = Stage(tmp_path, source)
    source.gate.release()
    events = stage.stock.pull("tiny")
    async for event in events:
        if event.bytes_done:
            break
    await events.aclose()
    assert source.fetched == ["config.json"]
    source.gate.release(len(CONTENT) + 2)
    assert (await stage.pulled("tiny"))[-1].phase is Phase.DONE
    assert sorted(source.fetched) == sorted(CONTENT), "a file was fetched twice"


async def test_one_model_is_pulled_once_at_a_time(tmp_path: Path) -> None:
    source = GatedSource()
    stage = Stage(tmp_path, source)
    events = stage.stock.pull("tiny")
    await anext(events)
    with pytest.raises(ConflictError, match="being pulled already"):
        await stage.pulled("tiny")
    with pytest.raises(ConflictError, match="is being pulled"):
        await stage.stock.remove("tiny")
    source.gate.release(2 * len(CONTENT))
    assert (await stage.pulled("other"))[-1].phase is Phase.DONE
    assert [event async for event in events][-1].phase is Phase.DONE


async def test_a_name_that_nobody_has_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="Did you mean tiny"):
        await Stage(tmp_path).pulled("tinny")


async def test_offline_it_says_that_nobody_was_asked(tmp_path: Path) -> None:
    stage = Stage(tmp_path, is_offline=True)
    with pytest.raises(ModelLoadError, match="not asked, because offline mode is on"):
        await stage.pulled("tiny")


async def test_a_failure_is_told_and_the_next_pull_may_succeed(tmp_path: Path) -> None:
    source = FakeSource(fails_at="tokenizer.json")
    stage = Stage(tmp_path, source)
    with pytest.raises(ModelLoadError, match="the line went dead"):
        await stage.pulled("tiny")
    source.fails_at = None
    assert (await stage.pulled("tiny"))[-1].phase is Phase.DONE
    assert source.fetched == list(CONTENT)


async def test_a_folder_that_cannot_be_written_is_told_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelLoadError, match="cannot be written") as caught:
        await Stage(tmp_path / "file" / "models").pulled("tiny")
    assert str(tmp_path) not in caught.value.message


async def test_a_model_is_removed_from_memory_and_from_the_disk(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.pulled("tiny")
    await stage.stock.remove("tiny")
    assert stage.unloaded == ["tiny"]
    assert not (tmp_path / "tiny").exists()
    with pytest.raises(ModelNotFoundError, match="not installed"):
        await stage.stock.remove("tiny")


async def test_a_model_in_use_stays(tmp_path: Path) -> None:
    stage = Stage(tmp_path, busy={"tiny"})
    await stage.pulled("tiny")
    with pytest.raises(ConflictError, match="in use"):
        await stage.stock.remove("tiny")
    assert (tmp_path / "tiny").exists()


@pytest.mark.parametrize("name", ["tiny", "alias"])
async def test_a_model_that_a_setting_names_stays(tmp_path: Path, name: str) -> None:
    stage = Stage(tmp_path, needs={"default_model": (name,)})
    await stage.pulled("tiny")
    with pytest.raises(InvalidRequestError, match=r"named by `default_model` in the settings"):
        await stage.stock.remove("tiny")
    assert stage.unloaded == []
    assert (tmp_path / "tiny").exists()


async def test_another_name_removes_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.pulled("tiny")
    with pytest.raises(InvalidRequestError, match="another name of 'tiny'"):
        await stage.stock.remove("alias")
    assert (tmp_path / "tiny").exists()


async def test_what_is_built_in_cannot_be_removed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="part of Loquent"):
        await Stage(tmp_path).stock.remove("robot")


async def test_a_model_is_unloaded_under_any_of_its_names(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.pulled("tiny")
    assert await stage.stock.unload("alias") == "tiny"
    assert stage.unloaded == ["tiny"]


async def test_what_settings_keep_in_memory_is_not_unloaded(tmp_path: Path) -> None:
    stage = Stage(tmp_path, preload=frozenset({"tiny"}))
    await stage.pulled("tiny")
    with pytest.raises(InvalidRequestError, match="stays in memory"):
        await stage.stock.unload("tiny")
    assert stage.unloaded == []


def test_settings_that_name_models_are_all_known(tmp_path: Path) -> None:
    settings = load_settings(
        data_dir=tmp_path, default_model="a", preload=["b"], translation_model="c",
        diarization_model="d",
    )  # fmt: skip
    assert named_by_settings(settings) == {
        "default_model": ("a",), "preload": ("b",), "translation_model": ("c",),
        "diarization_model": ("d",),
    }  # fmt: skip


async def test_pulls_side_by_side_do_not_wait_for_each_other(tmp_path: Path) -> None:
    source = GatedSource()
    stage = Stage(tmp_path, source)
    first, second = stage.stock.pull("tiny"), stage.stock.pull("other")
    await asyncio.gather(anext(first), anext(second))
    source.gate.release(2 * len(CONTENT))
    for events in (first, second):
        assert [event async for event in events][-1].phase is Phase.DONE
