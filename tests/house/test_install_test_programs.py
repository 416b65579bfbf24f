"""The script that installs what tests drive: it takes what is missing, and never fails."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.assets import ROOT
from tests.console.browser import PROGRAMS

SCRIPT = ROOT / "scripts" / "install-test-programs"
ALL = ("chromium", "initdb", "redis-server", "ffmpeg", "curl")
PACKAGES = ("chromium", "redis-server", "ffmpeg", "curl")
"""Without PostgreSQL, which is also looked for where Debian puts it."""

QUICK_S = 1.0

Outcome = subprocess.CompletedProcess[str]
Script = Callable[..., Outcome]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Return a way to run it where there are only some programs, none of them real."""

    def run(*programs: str, is_root: bool = True, has_apt: bool = True, fails: str = "") -> Outcome:
        _program(tmp_path, "id", f"echo {0 if is_root else 1000}")
        for name in programs:
            _program(tmp_path, name, "exit 1")
        if has_apt:
            refusal = f'case "$*" in *{fails}*) exit 100 ;; esac' if fails else ""
            _program(tmp_path, "apt-get", f'echo "$*" >> {tmp_path}/asked\n{refusal}')
        return subprocess.run(
            ["/bin/sh", SCRIPT],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def _program(folder: Path, name: str, line: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def asked(folder: Path) -> list[str]:
    """Return the packages that were asked for, one after the other."""
    path = folder / "asked"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.split()[-1] for line in lines if " install " in line]


def test_where_all_is_there_nothing_happens_at_once(script: Script, tmp_path: Path) -> None:
    began_s = time.monotonic()
    outcome = script(*ALL)
    assert time.monotonic() - began_s < QUICK_S
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("missing", PACKAGES)
def test_exactly_what_is_missing_is_installed(script: Script, tmp_path: Path, missing: str) -> None:
    outcome = script(*(name for name in ALL if name != missing))
    assert outcome.returncode == 0
    assert asked(tmp_path) == [missing]
    assert "--no-install-recommends" in (tmp_path / "asked").read_text()


def test_what_cannot_be_installed_does_not_keep_the_rest_from_it(
    script: Script, tmp_path: Path
) -> None:
    outcome = script("initdb", fails="chromium")
    assert outcome.returncode == 0
    assert asked(tmp_path) == list(PACKAGES)
    assert outcome.stdout.splitlines()[1:] == [
        "Tests that need chromium are skipped: apt-get could not install it."
    ]


@pytest.mark.parametrize(
    ("here", "reason"), [({"is_root": False}, "as root"), ({"has_apt": False}, "no apt-get")]
)
def test_where_it_cannot_be_done_one_line_says_why(
    script: Script, tmp_path: Path, here: dict[str, bool], reason: str
) -> None:
    outcome = script("initdb", "redis-server", "curl", **here)
    (line,) = outcome.stdout.splitlines()
    assert outcome.returncode == 0
    assert line.startswith("Tests that need chromium ffmpeg are skipped: ")
    assert reason in line
    assert asked(tmp_path) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_any_browser_that_the_tests_can_drive_is_enough(
    script: Script, tmp_path: Path, name: str
) -> None:
    assert script(name, *ALL[1:]).returncode == 0
    assert asked(tmp_path) == []


def test_make_runs_it_before_the_tests() -> None:
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    told = subprocess.run(
        [make, "--dry-run", "--always-make", "test"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.index(SCRIPT.name) < told.index("pytest")
