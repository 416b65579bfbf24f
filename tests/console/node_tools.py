"""Installs what the checks of the console need from npm, once, as their lock file says."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

FOLDER = Path(__file__).parent
LIMIT_S = 180.0


@cache
def node_modules() -> Path:
    """Return the folder with the installed packages; skip the test where there is no npm."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    modules = FOLDER / "node_modules"
    lock, mark = FOLDER / "package-lock.json", modules / ".installed-lock"
    with FileLock(FOLDER / ".installing"):  # tests run in several processes
        if not mark.exists() or mark.read_bytes() != lock.read_bytes():
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = run(command)
            assert done.returncode == 0, done.stderr
            mark.write_bytes(lock.read_bytes())
    return modules


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a program of these checks to its end."""
    return subprocess.run(
        command, cwd=FOLDER, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
