"""The hub as a source, in front of a hub made of a dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from loquent.models.entry import (
    HubLocation,
    ModelFile,
    entry_of_piper_voice,
    entry_of_repository,
)
from loquent.models.events import OnBytes
from loquent.models.hub import Hub, HubFile, HubSnapshot
from loquent.models.source import SourceError
from tests.unit.models.builders import COMMIT, CONTENT, entry, sha256

_PINNED = entry(hub=HubLocation("owner/name", COMMIT))
_FOREIGN = entry_of_repository("owner/name@main", ("en",))


@dataclass
class FakeHub:
    """Serves `content` in pieces of 100 bytes and hangs up after `n_pieces` of them."""

    content: Mapping[str, bytes] = field(default_factory=lambda: CONTENT)
    n_pieces: int = 1000
    resolved: list[HubLocation] = field(default_factory=list)
    sent: list[tuple[str, int]] = field(default_factory=list)

    def snapshot(self, location: HubLocation) -> HubSnapshot:
        self.resolved.append(location)
        files = tuple(
            HubFile(path, len(data), sha256(data) if path == "model.bin" else None)
            for path, data in self.content.items()
        )
        return HubSnapshot(COMMIT, files)

    def download(
        self, location: HubLocation, file: ModelFile, part: Path, on_bytes: OnBytes
    ) -> None:
        assert location.revision == COMMIT
        data = self.content[f"{location.folder}/{file.path}" if location.folder else file.path]
        with part.open("ab") as stream:
            self.sent.append((file.path, stream.tell()))
            while stream.tell() < len(data):
                if self.n_pieces == 0:
                    raise SourceError("hung up")
                self.n_pieces -= 1
                stream.write(data[stream.tell() :][:100])
                on_bytes(stream.tell())


def _fetch(hub: FakeHub, into: Path) -> list[int]:
    progress: list[int] = []
    source = Hub(hub)
    source.fetch(_PINNED, source.plan(_PINNED), into, progress.append)
    return progress


def test_the_catalog_says_which_files_a_listed_model_has() -> None:
    hub = FakeHub({**CONTENT, "vocabulary.txt": b"more"})
    plan = Hub(hub).plan(_PINNED)
    assert hub.resolved == [HubLocation("owner/name", COMMIT)]
    assert (plan.revision, plan.files) == (COMMIT, _PINNED.files)


def test_a_branch_is_resolved_to_a_commit_and_the_checksums_that_are_known() -> None:
    hub = FakeHub()
    plan = Hub(hub).plan(_FOREIGN)
    assert hub.resolved == [HubLocation("owner/name", "main")]
    assert plan.revision == COMMIT
    known = {file.path: file.sha256 for file in plan.files}
    assert known == {
        "config.json": None,
        "model.bin": sha256(CONTENT["model.bin"]),
        "tokenizer.json": None,
    }


def test_only_files_of_the_allow_list_are_planned() -> None:
    more = {"pytorch_model.bin": b"pickle", "evil.py": b"", "sub/model.bin": b"", "README.md": b""}
    plan = Hub(FakeHub({**CONTENT, **more})).plan(_FOREIGN)
    assert {file.path for file in plan.files} == set(CONTENT)


def test_a_repository_that_is_no_converted_whisper_is_refused() -> None:
    with pytest.raises(SourceError, match=r"model\.bin"):
        Hub(FakeHub({"config.json": b"{}", "pytorch_model.bin": b"pickle"})).plan(_FOREIGN)


def test_a_repository_too_large_for_a_model_is_refused() -> None:
    class Huge(FakeHub):
        def snapshot(self, location: HubLocation) -> HubSnapshot:
            small = super().snapshot(location)
            return replace(small, files=(*small.files, HubFile("vocabulary.txt", 2**40, None)))

    with pytest.raises(SourceError, match="more there"):
        Hub(Huge()).plan(_FOREIGN)


def test_a_model_without_a_repository_is_refused() -> None:
    with pytest.raises(SourceError, match="does not have"):
        Hub(FakeHub()).plan(entry())


def test_files_arrive_whole_and_progress_never_falls(tmp_path: Path) -> None:
    progress = _fetch(FakeHub(), tmp_path)
    assert {path: (tmp_path / path).read_bytes() for path in CONTENT} == CONTENT
    assert progress == sorted(progress)
    assert progress[-1] == _PINNED.n_bytes


def test_a_broken_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="hung up"):
        _fetch(FakeHub(n_pieces=3), tmp_path)
    assert not (tmp_path / "model.bin").exists()
    hub = FakeHub()
    _fetch(hub, tmp_path)
    assert hub.sent == [("model.bin", 200), ("tokenizer.json", 0)]
    assert (tmp_path / "model.bin").read_bytes() == CONTENT["model.bin"]


def test_a_part_longer_than_its_file_starts_anew(tmp_path: Path) -> None:
    (tmp_path / ".parts").mkdir()
    (tmp_path / ".parts" / "model.bin").write_bytes(bytes(10_000))
    _fetch(FakeHub(), tmp_path)
    assert (tmp_path / "model.bin").read_bytes() == CONTENT["model.bin"]


def test_a_file_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="another size"):
        _fetch(FakeHub({**CONTENT, "model.bin": b"short"}), tmp_path)


_VOICE = entry_of_piper_voice("piper-de_DE-thorsten-medium")
_FOLDER = "de/de_DE/thorsten/medium"
_VOICE_FILES = {"v.onnx": b"weights" * 100, "v.onnx.json": b"{}"}


def _voices(*folders: str, content: Mapping[str, bytes] = _VOICE_FILES) -> FakeHub:
    return FakeHub({f"{f}/{name}": data for f in folders for name, data in content.items()})


def test_of_a_repository_of_many_models_only_one_folder_is_planned() -> None:
    assert _VOICE is not None
    hub = _voices("de/de_DE/thorsten/low", _FOLDER, f"{_FOLDER}/samples", f"{_FOLDER}_x")
    plan = Hub(hub).plan(_VOICE)
    assert hub.resolved == [_VOICE.hub]
    assert {file.path: file.n_bytes for file in plan.files} == {
        name: len(data) for name, data in _VOICE_FILES.items()
    }


def test_of_a_folder_only_files_of_the_engines_list_are_planned() -> None:
    assert _VOICE is not None
    foreign = {"MODEL_CARD": b"", "model.bin": b"x", "config.json": b"{}", "v.onnx.py": b"evil"}
    plan = Hub(_voices(_FOLDER, content=_VOICE_FILES | foreign)).plan(_VOICE)
    assert {file.path for file in plan.files} == set(_VOICE_FILES)


@pytest.mark.parametrize(
    ("hub", "missing"),
    [
        (_voices(_FOLDER, content={"v.onnx": b"x"}), r"\*\.onnx\.json"),
        (_voices(_FOLDER, content={"v.onnx.json": b"{}"}), r"\*\.onnx there"),
        (_voices("de/de_DE/thorsten/low"), r"\*\.onnx"),
        (FakeHub(_VOICE_FILES), r"\*\.onnx"),
    ],
)
def test_a_folder_that_lacks_a_file_of_a_voice_is_refused(hub: FakeHub, missing: str) -> None:
    assert _VOICE is not None
    with pytest.raises(SourceError, match=f"has no {missing}.*not a voice made for Piper"):
        Hub(hub).plan(_VOICE)


def test_files_of_a_folder_arrive_without_it(tmp_path: Path) -> None:
    assert _VOICE is not None
    source = Hub(_voices(_FOLDER))
    source.fetch(_VOICE, source.plan(_VOICE), tmp_path, lambda _: None)
    assert {path: (tmp_path / path).read_bytes() for path in _VOICE_FILES} == _VOICE_FILES
