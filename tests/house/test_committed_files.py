"""What may not be in a committed file: places of one machine, hosts of registries, loose ends."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.assets import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="which files are committed is not known outside of git"
)

LOCKS = ("base.txt", "dev.txt", "server.txt", "docs.txt")

_REGISTRY = re.compile(r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|huggingface|hf)\.(?:org|com|co|io)\b")
_HOME = re.compile(r"/(?:home|Users)/\w")
_LOOSE_END = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
_REQUIREMENT = re.compile(r"^[A-Za-z0-9][\w.\[\]-]*==", re.MULTILINE)


@cache
def _texts() -> dict[Path, str]:
    """Return the text files that git knows or would add, without this one, which says it all."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    contents = {
        path: path.read_bytes() for path in paths if path.is_file() and path != Path(__file__)
    }
    return {path: raw.decode() for path, raw in contents.items() if b"\0" not in raw}


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in _texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_names_the_host_of_a_registry() -> None:
    assert _lines_with(_REGISTRY) == []


def test_no_file_names_a_place_of_one_machine() -> None:
    assert _lines_with(re.compile(re.escape(f"{ROOT}/"))) == []
    assert _lines_with(_HOME) == []


def test_no_loose_end_is_committed() -> None:
    assert _lines_with(_LOOSE_END) == []


@pytest.mark.parametrize("name", [*LOCKS, "integrations.txt"])
def test_every_locked_requirement_has_a_version_and_a_hash(name: str) -> None:
    blocks = list(_blocks((ROOT / "requirements" / name).read_text()))
    assert len(blocks) > 10
    assert [block for block in blocks if not _REQUIREMENT.match(block)] == []
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def _blocks(lock: str) -> Iterator[str]:
    """Yield each requirement with its continuation lines."""
    joined = re.sub(r"\\\n", " ", lock)
    for line in joined.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def test_the_locks_agree_on_every_version() -> None:
    base, dev, server, docs = (
        {block.split()[0] for block in _blocks((ROOT / "requirements" / name).read_text())}
        for name in LOCKS
    )
    assert base <= dev & server
    assert server <= dev
    names = {requirement.partition("==")[0] for requirement in dev}
    assert {each for each in docs if each.partition("==")[0] in names} <= dev


def test_every_python_file_says_what_it_is_for() -> None:
    silent = {
        path.relative_to(ROOT).as_posix()
        for path, text in _texts().items()
        if path.suffix == ".py" and ast.get_docstring(ast.parse(text)) is None
    }
    assert not silent
