"""Two ways to use the command line: inside this process, and as its users do."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from loquent.cli import main
from tests.cli.process import Outcome

Shell: TypeAlias = Callable[..., Outcome]

_STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """Run `loquent` in this process, in an empty folder, on an empty data folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("LOQUENT_DATA_DIR", str(tmp_path / "data"))

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["loquent", *map(str, words)])
        code = _exit_code()
        out, err = capsys.readouterr()
        return Outcome(code, _STYLE.sub("", out), _STYLE.sub("", err))

    return run


def _exit_code() -> int:
    try:
        main()
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 0
    return 0
