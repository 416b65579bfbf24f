"""What is remembered of an installed model, and when it is believed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loquent.domain.model import Gender, Knob, Voice
from loquent.models.entry import HubLocation, entry_of_repository
from loquent.models.manifest import InstalledFile, Manifest
from tests.unit.models.builders import COMMIT, CONTENT, card, entry, sha256, write_files


def _manifest(folder: Path) -> Manifest:
    write_files(folder)
    files = tuple(
        InstalledFile(path, len(data), sha256(data), (folder / path).stat().st_mtime_ns)
        for path, data in CONTENT.items()
    )
    return Manifest(card(), "whisper_ct2", "hub", COMMIT, files)


def test_a_manifest_survives_the_disk(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    assert manifest.n_bytes == sum(map(len, CONTENT.values()))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"card": {}},
        {"files": [{"path": "../x", "n_bytes": 1, "sha256": "0" * 64, "mtime_ns": 0}]},
        {"files": [{"path": "x", "n_bytes": 1, "sha256": "y", "mtime_ns": 0}]},
    ],
)
def test_a_manifest_that_makes_no_sense_is_none(tmp_path: Path, change: dict[str, object]) -> None:
    _manifest(tmp_path).write(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert Manifest.read(tmp_path) is None


def test_no_manifest_and_no_json_are_none(tmp_path: Path) -> None:
    assert Manifest.read(tmp_path) is None
    (tmp_path / "manifest.json").write_text("{")
    assert Manifest.read(tmp_path) is None


def test_files_that_look_untouched_are_not_read(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    read: list[str] = []
    assert manifest.check(tmp_path, is_thorough=False, on_file=read.append) == manifest
    assert read == []


def test_a_touched_file_is_read_and_remembered(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    os.utime(tmp_path / "model.bin", ns=(1, 1))
    read: list[str] = []
    checked = manifest.check(tmp_path, is_thorough=False, on_file=read.append)
    assert read == ["model.bin"]
    assert checked is not None
    assert checked != manifest
    assert checked.check(tmp_path, is_thorough=False, on_file=read.append) == checked
    assert read == ["model.bin"]


@pytest.mark.parametrize("damage", [b"weightS" * 100, b"short", None])
def test_a_changed_or_missing_file_is_damage(tmp_path: Path, damage: bytes | None) -> None:
    manifest = _manifest(tmp_path)
    if damage is None:
        (tmp_path / "model.bin").unlink()
    else:
        (tmp_path / "model.bin").write_bytes(damage)
        os.utime(tmp_path / "model.bin", ns=(1, 1))
    assert manifest.check(tmp_path, is_thorough=False) is None


def test_only_a_thorough_check_sees_damage_that_hides_its_traces(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    before = (tmp_path / "model.bin").stat().st_mtime_ns
    (tmp_path / "model.bin").write_bytes(b"weightS" * 100)
    os.utime(tmp_path / "model.bin", ns=(before, before))
    assert manifest.check(tmp_path, is_thorough=False) == manifest
    assert manifest.check(tmp_path, is_thorough=True) is None


def test_a_listed_model_is_satisfied_by_its_files_wherever_they_came_from(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    assert manifest.satisfies(entry(hub=HubLocation("owner/name", "f" * 40)))
    assert not manifest.satisfies(entry(content={**CONTENT, "model.bin": b"newer"}))


def test_a_file_without_a_known_checksum_is_satisfied_by_its_size(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    files = [replace(file, sha256=None) for file in entry().files]
    assert manifest.satisfies(replace(entry(), files=tuple(files)))
    longer = replace(files[1], n_bytes=files[1].n_bytes + 1)
    assert not manifest.satisfies(replace(entry(), files=(files[0], longer, files[2])))
    assert not manifest.satisfies(replace(entry(), files=tuple(files[:2])))


def test_an_unlisted_model_is_satisfied_by_the_commit_asked_for(tmp_path: Path) -> None:
    manifest = replace(_manifest(tmp_path), card=card("owner/name"))
    assert manifest.satisfies(entry_of_repository("owner/name", ()))
    assert manifest.satisfies(entry_of_repository(f"owner/name@{COMMIT}", ()))
    assert not manifest.satisfies(entry_of_repository("owner/name@main", ()))


def _speaking(folder: Path) -> Manifest:
    voices = (Voice("hum", "en-US", Gender.NEUTRAL), Voice("buzz", "zh", Gender.MALE))
    knobs = (Knob("pitch", 0.0, 99.5), Knob("noise", -1.0, 2.0))
    return replace(_manifest(folder), card=replace(card(), voices=voices, knobs=knobs))


def test_voices_and_knobs_survive_the_disk(tmp_path: Path) -> None:
    manifest = _speaking(tmp_path)
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest


def _rewrite_card(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    row = json.loads(path.read_text())
    change(row["card"])
    path.write_text(json.dumps(row))


def test_a_manifest_from_before_there_were_voices_is_still_read(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    manifest.write(tmp_path)
    _rewrite_card(tmp_path, lambda row: (row.pop("voices"), row.pop("knobs")))
    assert Manifest.read(tmp_path) == manifest


@pytest.mark.parametrize(
    "change",
    [
        {"voices": [{"id": "hum", "language": "en", "gender": "loud"}]},
        {"voices": [{"id": "hum"}]},
        {"voices": ["hum"]},
        {"voices": 5},
        {"knobs": [{"name": "pitch"}]},
        {"knobs": [{"name": "pitch", "least": 0, "most": 1, "colour": "red"}]},
    ],
)
def test_voices_and_knobs_that_make_no_sense_are_none(
    tmp_path: Path, change: dict[str, object]
) -> None:
    _speaking(tmp_path).write(tmp_path)
    _rewrite_card(tmp_path, lambda row: row.update(change))
    assert Manifest.read(tmp_path) is None
