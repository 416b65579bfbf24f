"""Runs `loquent` in a process of its own, away from the settings of whoever runs the tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 60.0

_FOREIGN = re.compile(r"LOQUENT_|HF_|HUGGING|.*_PROXY$", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


def command(*words: object) -> list[str]:
    """Return the command line for `loquent` with `words` behind it."""
    return [sys.executable, "-m", "loquent", *map(str, words)]


def environment(**settings: object) -> dict[str, str]:
    """Return an environment with exactly these settings, such as LOQUENT_DATA_DIR."""
    kept: Mapping[str, str] = {k: v for k, v in os.environ.items() if not _FOREIGN.match(k)}
    return {**kept, **{name: str(value) for name, value in settings.items()}}


def run(cwd: Path, *words: object, **settings: object) -> Outcome:
    """Run a command in the folder `cwd` to its end."""
    done = subprocess.run(
        command(*words),
        cwd=cwd,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
