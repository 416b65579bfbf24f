"""The direction of imports, and proof that each contract breaks where it is crossed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.assets import ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
SETTINGS = "settings"
CLIENTS = "client"
"""The client runs in programs of others, and has no settings."""

_READS_ENVIRONMENT = re.compile(r"\bos\.(environ|getenv|putenv)\b|import (environ|getenv)")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the house, so that something may be broken in it."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def _lint(house: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house / "src"), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_contract_is_kept(copy: Path) -> None:
    outcome = _lint(copy)
    assert outcome.returncode == 0, outcome.stdout
    assert "0 broken" in outcome.stdout


@pytest.mark.parametrize(
    ("room", "line", "contract"),
    [
        ("domain/audio.py", "import loquent.codec.sound", "Rooms are layered"),
        ("domain/audio.py", "import loquent.ports", "Rooms are layered"),
        ("pipeline/stretches.py", "import loquent.render", "Rooms are layered"),
        ("api/models.py", "import loquent.settings", "Rooms are layered"),
        ("utils.py", '"""A room that nobody planned."""', "Rooms are layered"),
        ("render/options.py", "import loquent.render.formats", "No cycles inside any room"),
        ("codec/limits.py", "import loquent.codec.pool", "No cycles inside any room"),
        ("api/models.py", "import loquent.engines.shelf", "Only wiring names an adapter"),
        ("cli/models.py", "import loquent.models.store", "Only wiring names an adapter"),
        ("domain/errors.py", "import fastapi", "Pure rooms know no web"),
        ("pipeline/transcription.py", "import ctranslate2", "Pure rooms know no web"),
        ("routing/names.py", "import sqlite3", "Pure rooms know no web"),
    ],
)
def test_a_planted_import_breaks_its_contract(
    copy: Path, room: str, line: str, contract: str
) -> None:
    module = copy / "src" / "loquent" / room
    module.write_text((module.read_text() if module.exists() else "") + f"\n{line}\n")
    outcome = _lint(copy)
    assert outcome.returncode == 1
    assert re.search(rf"{contract}.*BROKEN", outcome.stdout), outcome.stdout


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        path.parent.name
        for path in (ROOT / "src").rglob("*.py")
        if _READS_ENVIRONMENT.search(path.read_text())
    }
    assert readers == {SETTINGS, CLIENTS}
