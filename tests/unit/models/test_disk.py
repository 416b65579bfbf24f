"""Files that are whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from loquent.models.disk import TooLargeError, folder_bytes, free_bytes, sha256_of, write_whole
from tests.unit.models.builders import sha256


def test_a_file_appears_only_once_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"

    def content() -> list[bytes]:
        assert not target.exists()
        return [b"one", b"two"]

    write_whole(target, content(), 6)
    assert target.read_bytes() == b"onetwo"
    assert folder_bytes(tmp_path) == 6


def test_a_file_larger_than_announced_never_appears(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="larger than the 5 bytes"):
        write_whole(tmp_path / "a", [b"one", b"two"], 5)
    assert not (tmp_path / "a").exists()


def test_a_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == sha256(b"abc")


def test_a_disk_has_some_room(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0
