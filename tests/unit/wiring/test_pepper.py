"""Where the pepper comes from, and that it never changes by itself."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from loquent.settings import SettingsError, load_settings
from loquent.wiring.pepper import pepper_of
from tests.cli.process import environment


def _pepper(folder: Path, **settings: object) -> bytes:
    return pepper_of(load_settings(data_dir=folder, **settings))


def test_a_pepper_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    pepper = _pepper(folder)
    assert len(pepper) == 32
    assert (folder / "pepper").read_bytes() == pepper
    assert stat.S_IMODE((folder / "pepper").stat().st_mode) == 0o600
    assert _pepper(folder) == pepper
    assert [path.name for path in folder.iterdir()] == ["pepper"]


def test_no_two_installations_share_one(tmp_path: Path) -> None:
    assert _pepper(tmp_path / "a") != _pepper(tmp_path / "b")


def test_those_who_start_at_once_get_the_same(tmp_path: Path) -> None:
    for round_ in range(20):
        folder = tmp_path / str(round_)
        with ThreadPoolExecutor(8) as starters:
            peppers = list(starters.map(_pepper, [folder] * 8))
        assert len(set(peppers)) == 1
        assert [path.name for path in folder.iterdir()] == ["pepper"]


def test_processes_that_start_at_once_get_the_same(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from loquent.settings import load_settings;"
        "from loquent.wiring.pepper import pepper_of; sys.stdin.read();"
        "print(pepper_of(load_settings(data_dir=Path(sys.argv[1]))).hex())"
    )
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        for _ in range(3)
    ]
    for starter in starters:
        assert starter.stdin
        starter.stdin.close()
    found = set()
    for starter in starters:
        with starter:
            assert starter.stdout
            found.add(starter.stdout.read().strip())
    assert found == {(tmp_path / "pepper").read_bytes().hex()}


def test_a_setting_goes_before_the_file_and_makes_none(tmp_path: Path) -> None:
    assert _pepper(tmp_path, key_pepper="salt " * 8) == b"salt " * 8
    assert not list(tmp_path.iterdir())


def test_the_bytes_of_a_file_can_be_given_as_digits(tmp_path: Path) -> None:
    pepper = _pepper(tmp_path)
    for digits in (pepper.hex(), pepper.hex().upper()):
        assert _pepper(tmp_path / "other", key_pepper=digits) == pepper
    odd = pepper.hex()[:-1]
    assert _pepper(tmp_path, key_pepper=odd) == odd.encode()


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_damaged_file_is_not_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pepper").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"must hold 32 bytes and holds {len(content)}"):
        _pepper(tmp_path)
    assert (tmp_path / "pepper").read_bytes() == content


@pytest.mark.parametrize("obstacle", ["folder", "file"])
def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, obstacle: str) -> None:
    folder = tmp_path / "data"
    if obstacle == "file":
        folder.touch()
    else:
        (folder / "pepper").mkdir(parents=True)
    with pytest.raises(SettingsError, match=r"pepper cannot be read or made .*LOQUENT_KEY_PEPPER"):
        _pepper(folder)
