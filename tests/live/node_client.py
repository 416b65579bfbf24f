"""Runs programs that use the official Node client, which it installs on first use."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

from tests.cli.process import environment

FOLDER = Path(__file__).with_name("node")
LIMIT_S = 120.0


def run_node(program: Path, *words: object, **variables: object) -> str:
    """Run `program` in its folder, the client in reach, and return its standard output."""
    _install()
    modules = program.parent / "node_modules"
    if not modules.exists():
        modules.symlink_to(FOLDER / "node_modules")
    done = subprocess.run(
        ["node", program, *map(str, words)],
        cwd=program.parent,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _install() -> None:
    """Install what the lock file says, unless that is what is there."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    lock, mark = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".installed-lock"
    with FileLock(FOLDER / ".installing"):  # tests run in several processes
        if mark.exists() and mark.read_bytes() == lock.read_bytes():
            return
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(
            command, cwd=FOLDER, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert done.returncode == 0, done.stderr
        mark.write_bytes(lock.read_bytes())
