"""The store's promises: nothing half-written is found, nothing whole is fetched twice."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from loquent.domain.errors import InvalidRequestError, ModelLoadError, ModelNotFoundError
from loquent.domain.stock import Phase, PullEvent
from loquent.models.entry import CatalogEntry
from loquent.models.local_folder import LocalFolder
from loquent.models.manifest import Manifest
from loquent.models.source import Source
from loquent.models.store import ModelStore
from tests.unit.models.builders import (
    CONTENT,
    FakeSource,
    built_in,
    catalog,
    entry,
    write_files,
)


def _store(root: Path, *sources: Source, model: CatalogEntry | None = None) -> ModelStore:
    return ModelStore(root, catalog(model or entry()), sources=sources)


def _phases(events: list[PullEvent]) -> list[Phase]:
    phases = [event.phase for event in events]
    return [phase for i, phase in enumerate(phases) if i == 0 or phases[i - 1] != phase]


def test_a_pulled_model_is_installed_and_located(tmp_path: Path) -> None:
    store = _store(tmp_path, FakeSource())
    model = store.pull("tiny")
    assert store.installed() == (model,)
    assert store.locate("tiny") == model.path == tmp_path / "tiny"
    assert (model.source, model.engine, model.n_bytes) == ("fake", "whisper_ct2", entry().n_bytes)
    assert model.card == entry().card()
    assert {path.name for path in model.path.iterdir()} == {*CONTENT, "manifest.json"}
    assert not any((tmp_path / ".partial").iterdir())


def test_what_is_known_and_what_is_default_come_from_the_catalog(tmp_path: Path) -> None:
    store = _store(tmp_path / "not there yet")
    assert store.known() == (entry(),)
    assert store.defaults() == ("tiny",)
    assert store.installed() == ()


def test_a_pull_tells_its_phases_in_order(tmp_path: Path) -> None:
    events: list[PullEvent] = []
    _store(tmp_path, FakeSource()).pull("tiny", events.append)
    assert _phases(events) == list(Phase)
    assert {event.model_id for event in events} == {"tiny"}
    assert (events[-1].bytes_done, events[-1].bytes_total) == (entry().n_bytes, entry().n_bytes)


def test_an_intact_model_is_not_fetched_again(tmp_path: Path) -> None:
    source = FakeSource()
    store = _store(tmp_path, source)
    assert store.pull("tiny") == store.pull("tiny")
    assert source.fetched == list(CONTENT)


def test_a_source_that_fails_is_followed_by_the_next(tmp_path: Path) -> None:
    events: list[PullEvent] = []
    first, second = FakeSource(name="first", fails_at="model.bin"), FakeSource(name="second")
    assert _store(tmp_path, first, second).pull("tiny", events.append).source == "second"
    assert any(event.message == "the line went dead" for event in events)


def test_when_all_sources_fail_the_error_tells_why_each_did(tmp_path: Path) -> None:
    store = _store(tmp_path, LocalFolder(tmp_path / "share"), FakeSource(fails_at="model.bin"))
    with pytest.raises(ModelLoadError, match=r"local folder: .*; fake: the line") as caught:
        store.pull("tiny")
    assert caught.value.code == "model_pull_failed"
    assert store.installed() == ()


def test_offline_only_local_sources_are_asked(tmp_path: Path) -> None:
    remote = FakeSource()
    store = ModelStore(tmp_path, catalog(entry()), sources=[remote], is_offline=True)
    with pytest.raises(ModelLoadError, match="offline"):
        store.pull("tiny")
    assert remote.fetched == []
    write_files(tmp_path / "share" / "tiny")
    sources: list[Source] = [remote, LocalFolder(tmp_path / "share")]
    store = ModelStore(tmp_path, catalog(entry()), sources=sources, is_offline=True)
    assert store.pull("tiny").source == "local folder"


def test_an_interrupted_pull_goes_on_where_it_was(tmp_path: Path) -> None:
    source = FakeSource(fails_at="tokenizer.json")
    store = _store(tmp_path, source)
    with pytest.raises(ModelLoadError):
        store.pull("tiny")
    source.fails_at = None
    store.pull("tiny")
    assert source.fetched == list(CONTENT)


def test_a_watcher_that_raises_leaves_a_resumable_state(tmp_path: Path) -> None:
    def interrupt(event: PullEvent) -> None:
        if event.phase is Phase.VERIFYING:
            raise KeyboardInterrupt

    source = FakeSource()
    store = _store(tmp_path, source)
    with pytest.raises(KeyboardInterrupt):
        store.pull("tiny", interrupt)
    assert store.installed() == ()
    store.pull("tiny")
    assert source.fetched == list(CONTENT)


def test_bytes_with_another_checksum_are_never_installed(tmp_path: Path) -> None:
    wrong = FakeSource(content={**CONTENT, "model.bin": b"WEIGHTS" * 100})
    store = _store(tmp_path, wrong)
    with pytest.raises(ModelLoadError, match=r"delivered model\.bin with another checksum"):
        store.pull("tiny")
    assert store.installed() == ()
    wrong.content = CONTENT
    assert store.pull("tiny").path == store.locate("tiny")


def test_a_short_file_is_never_installed(tmp_path: Path) -> None:
    short = FakeSource(content={**CONTENT, "model.bin": b"short"})
    with pytest.raises(ModelLoadError, match=r"delivered model\.bin in another size"):
        _store(tmp_path, short).pull("tiny")


def test_a_full_disk_is_found_before_the_download(tmp_path: Path) -> None:
    source = FakeSource(n_disk_bytes=5_000_000_000)
    store = ModelStore(
        tmp_path, catalog(entry()), sources=[source], free_bytes_at=lambda _: 1_000_000_000
    )
    with pytest.raises(ModelLoadError, match=r"needs 5,067 MB .* 1,000 MB are free") as caught:
        store.pull("tiny")
    assert caught.value.code == "insufficient_storage"
    assert source.fetched == []


def test_checksums_learned_from_the_hub_are_kept(tmp_path: Path) -> None:
    store = _store(tmp_path, FakeSource())
    folder = store.pull("owner/name").path
    manifest = Manifest.read(folder)
    assert folder.name == "owner--name"
    assert manifest is not None
    assert manifest.revision == "r1"
    assert all(len(file.sha256) == 64 for file in manifest.files)
    assert store.locate("owner/name") == folder


def test_a_damaged_model_says_how_to_mend_it_and_a_pull_does(tmp_path: Path) -> None:
    store = _store(tmp_path, FakeSource())
    folder = store.pull("tiny").path
    (folder / "model.bin").write_bytes(b"WEIGHTS" * 100)
    os.utime(folder / "model.bin", ns=(1, 1))
    with pytest.raises(ModelLoadError, match="loquent models pull tiny"):
        store.locate("tiny")
    store.pull("tiny")
    assert (store.locate("tiny") / "model.bin").read_bytes() == CONTENT["model.bin"]


def test_a_model_with_an_illegible_manifest_is_damaged(tmp_path: Path) -> None:
    store = _store(tmp_path, FakeSource())
    (store.pull("tiny").path / "manifest.json").write_text("{")
    assert store.installed() == ()
    with pytest.raises(ModelLoadError, match="is damaged"):
        store.locate("tiny")
    store.pull("tiny")
    assert store.locate("tiny") == tmp_path / "tiny"


def test_a_touched_but_whole_model_is_remembered_as_verified(tmp_path: Path) -> None:
    store = _store(tmp_path, FakeSource())
    folder = store.pull("tiny").path
    before = Manifest.read(folder)
    os.utime(folder / "model.bin", ns=(1, 1))
    store.locate("tiny")
    after = Manifest.read(folder)
    assert after is not None
    assert after != before
    os.utime(folder / "config.json", ns=(1, 1))
    store.pull("tiny")
    assert Manifest.read(folder) != after


def test_a_new_edition_in_the_catalog_replaces_the_old(tmp_path: Path) -> None:
    _store(tmp_path, FakeSource()).pull("tiny")
    newer = {**CONTENT, "model.bin": b"newer"}
    store = _store(tmp_path, FakeSource(content=newer), model=entry(content=newer))
    assert (store.pull("tiny").path / "model.bin").read_bytes() == b"newer"


def test_a_removed_model_is_gone_with_its_leftovers(tmp_path: Path) -> None:
    store = _store(tmp_path, FakeSource())
    store.pull("tiny")
    store.remove("tiny")
    assert store.installed() == ()
    with pytest.raises(ModelNotFoundError, match="not installed"):
        store.locate("tiny")
    with pytest.raises(ModelNotFoundError, match="loquent models pull tiny"):
        store.remove("tiny")


def test_removing_drops_an_unfinished_pull(tmp_path: Path) -> None:
    store = _store(tmp_path, FakeSource(fails_at="model.bin"))
    with pytest.raises(ModelLoadError):
        store.pull("tiny")
    store.remove("tiny")
    assert not any((tmp_path / ".partial").iterdir())


@pytest.mark.parametrize("name", ["../tiny", "owner/../../x", "medium"])
def test_a_name_outside_the_catalog_is_not_found(tmp_path: Path, name: str) -> None:
    store = _store(tmp_path, FakeSource())
    with pytest.raises(ModelNotFoundError):
        store.pull(name)
    with pytest.raises(ModelNotFoundError):
        store.locate(name)


def test_two_pulls_at_once_fetch_once(tmp_path: Path) -> None:
    source = FakeSource()
    holds, waits = threading.Event(), threading.Event()
    seen: list[PullEvent] = []

    def hold(event: PullEvent) -> None:
        if event.phase is Phase.DOWNLOADING and not holds.is_set():
            holds.set()
            assert waits.wait(10)

    def watch(event: PullEvent) -> None:
        seen.append(event)
        waits.set()

    first = threading.Thread(target=_store(tmp_path, source).pull, args=("tiny", hold))
    first.start()
    assert holds.wait(10)
    _store(tmp_path, source).pull("tiny", watch)
    first.join()
    assert "Another process" in seen[0].message
    assert source.fetched == list(CONTENT)


def test_a_built_in_model_is_there_before_anything_is_pulled(tmp_path: Path) -> None:
    root = tmp_path / "not there yet"
    store = _store(root, model=built_in())
    (model,) = store.installed()
    assert (model.id, model.engine, model.source, model.n_bytes) == (
        "robot",
        "espeak",
        "built in",
        0,
    )
    assert model.card == built_in().card()
    assert store.locate("robot") == model.path
    assert not root.exists()


def test_pulling_a_built_in_model_asks_no_source_and_writes_nothing(tmp_path: Path) -> None:
    source = FakeSource()
    store = _store(tmp_path / "root", source, model=built_in())
    assert (store.pull("robot"),) == store.installed()
    assert source.fetched == []
    assert not (tmp_path / "root").exists()


def test_a_built_in_model_cannot_be_removed(tmp_path: Path) -> None:
    store = _store(tmp_path, model=built_in())
    with pytest.raises(InvalidRequestError, match=r"robot.*cannot be removed"):
        store.remove("robot")
    assert [model.id for model in store.installed()] == ["robot"]


def test_built_in_models_are_sorted_among_the_others(tmp_path: Path) -> None:
    models = catalog(entry("tiny"), built_in("robot"), built_in("zither"))
    store = ModelStore(tmp_path, models, sources=[FakeSource()])
    store.pull("tiny")
    assert [model.id for model in store.installed()] == ["robot", "tiny", "zither"]
