"""Models from a folder on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loquent.models.entry import CatalogEntry, entry_of_repository
from loquent.models.local_folder import LocalFolder
from loquent.models.manifest import InstalledFile, Manifest
from loquent.models.source import SourceError
from tests.unit.models.builders import CONTENT, card, entry, sha256, write_files

_UNSUMMED = replace(entry(), files=tuple(replace(file, sha256=None) for file in entry().files))


def _fetch(source: LocalFolder, model: CatalogEntry, into: Path) -> None:
    into.mkdir(exist_ok=True)
    source.fetch(model, source.plan(model), into, lambda _: None)


def test_files_are_copied_from_the_folder_of_that_id(tmp_path: Path) -> None:
    write_files(tmp_path / "share" / "owner--name")
    source = LocalFolder(tmp_path / "share")
    _fetch(source, entry("owner/name"), tmp_path / "into")
    assert {path: (tmp_path / "into" / path).read_bytes() for path in CONTENT} == CONTENT


def test_a_file_that_is_there_already_is_not_copied_again(tmp_path: Path) -> None:
    write_files(tmp_path / "share" / "tiny")
    write_files(tmp_path / "into", {"config.json": b"[]"})
    _fetch(LocalFolder(tmp_path / "share"), entry(), tmp_path / "into")
    assert (tmp_path / "into" / "config.json").read_bytes() == b"[]"


def test_an_unlisted_model_is_known_by_the_names_of_its_files(tmp_path: Path) -> None:
    write_files(tmp_path / "owner--name", {**CONTENT, "pytorch_model.bin": b"pickle"})
    plan = LocalFolder(tmp_path).plan(entry_of_repository("owner/name", ("en",)))
    assert [file.path for file in plan.files] == sorted(CONTENT)
    assert all(file.sha256 is None for file in plan.files)


def test_a_copied_store_brings_its_checksums(tmp_path: Path) -> None:
    write_files(tmp_path / "owner--name")
    files = tuple(InstalledFile(path, len(d), sha256(d), 0) for path, d in CONTENT.items())
    Manifest(card("owner/name"), "whisper_ct2", "hub", "r", files).write(tmp_path / "owner--name")
    plan = LocalFolder(tmp_path).plan(entry_of_repository("owner/name", ("en",)))
    assert {file.path: file.sha256 for file in plan.files} == {
        path: sha256(data) for path, data in CONTENT.items()
    }


def test_files_whose_checksums_no_catalog_knows_are_copied_by_their_size(tmp_path: Path) -> None:
    write_files(tmp_path / "share" / "tiny")
    _fetch(LocalFolder(tmp_path / "share"), _UNSUMMED, tmp_path / "into")
    assert {path: (tmp_path / "into" / path).read_bytes() for path in CONTENT} == CONTENT


def test_files_whose_checksums_a_copied_store_knows_are_held_to_them(tmp_path: Path) -> None:
    write_files(tmp_path / "tiny")
    files = [InstalledFile(path, len(d), sha256(d), 0) for path, d in CONTENT.items()]
    older = replace(files[0], n_bytes=files[0].n_bytes + 1)
    Manifest(card(), "whisper_ct2", "hub", "r", (older, *files[1:])).write(tmp_path / "tiny")
    planned = LocalFolder(tmp_path).plan(_UNSUMMED).files
    assert [file.sha256 for file in planned] == [None, *(file.sha256 for file in files[1:])]
    assert [file.n_bytes for file in planned] == [file.n_bytes for file in files]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "has no folder tiny"),
        ({"config.json": b"{}"}, r"lacks model\.bin"),
        ({**CONTENT, "model.bin": b"short"}, r"lacks model\.bin"),
    ],
)
def test_an_incomplete_folder_is_refused(
    tmp_path: Path, content: dict[str, bytes] | None, complaint: str
) -> None:
    if content is not None:
        write_files(tmp_path / "tiny", content)
    with pytest.raises(SourceError, match=complaint):
        LocalFolder(tmp_path).plan(entry())


def test_a_folder_without_model_files_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path / "owner--name", {"notes.txt": b""})
    with pytest.raises(SourceError, match="no model files"):
        LocalFolder(tmp_path).plan(entry_of_repository("owner/name", ()))


def test_a_file_that_vanishes_is_a_failure_of_the_source(tmp_path: Path) -> None:
    write_files(tmp_path / "tiny")
    source = LocalFolder(tmp_path)
    plan = source.plan(entry())
    (tmp_path / "tiny" / "model.bin").unlink()
    (tmp_path / "into").mkdir()
    with pytest.raises(SourceError, match=r"could not copy model\.bin"):
        source.fetch(entry(), plan, tmp_path / "into", lambda _: None)
