"""What README and docs print, run as printed against a real server; only its address is ours.

`tests/documents.py` tells which blocks are run. Each gets a folder of its own, with the recordings
that the pages speak of.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.assets import DATA_DIR, sample
from tests.cli.process import environment
from tests.documents import Block, blocks
from tests.live.conftest import KEY
from tests.live.node_client import run_node
from tests.live.server import RunningServer

LIMIT_S = 180.0

CURL_REFUSED = 22
"""The answer was an error. Source: curl's manual."""

RECORDINGS = {
    "talk.mp3": "audio.mp3",
    "meeting.m4a": "speech.m4a",
    "vortrag.m4a": "speech.m4a",
    "talk.wav": None,
    "ann.wav": None,
    "ben.wav": None,
}
"""Name in the pages -> file of the fixture `recordings`; the sample itself where None."""

_ADDRESS = re.compile(r"\b(?:localhost|127\.0\.0\.1):8000\b")
_KEY = re.compile(r"(?<=api_key=\")none(?=\")|(?<=apiKey: \")none(?=\")|(?<=Bearer )none\b")

_MANY_COMMANDS = 4
"""From so many on, each of them a process that loads its model, a block waits for `make verify`."""


def _cases() -> list[Any]:
    """Return the blocks that are run, each of them a case."""
    cases = []
    for block in blocks():
        is_long = block.text.count("loquent ") >= _MANY_COMMANDS
        if block.is_run:
            marks = [pytest.mark.slow] if is_long and block.language == "sh" else []
            cases.append(pytest.param(block, id=str(block), marks=marks))
    return cases


@pytest.fixture
def folder(recordings: Path, tmp_path: Path) -> Path:
    """Make a folder with every recording that a page names."""
    for name, source in RECORDINGS.items():
        shutil.copy(recordings / source if source else sample(), tmp_path / name)
    return tmp_path


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make `loquent` a command, and give curl our key and the exit code of errors."""
    folder = tmp_path_factory.mktemp("programs")
    program = folder / "loquent"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m loquent "$@"\n')
    program.chmod(0o755)
    lines = (f'header = "Authorization: Bearer {KEY}"', "fail-with-body", "silent", "show-error")
    (folder / ".curlrc").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize("block", _cases())
def test_a_block_runs_as_printed(
    loquent: RunningServer, folder: Path, programs: Path, block: Block
) -> None:
    if block.language == "js":
        program = folder / "block.mjs"
        program.write_text(_ours(block.text, loquent))
        run_node(program)
        return
    if "curl " in block.text and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = _run(block, loquent, folder, programs)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_a_block_that_is_refused_does_not_pass(
    loquent: RunningServer, folder: Path, programs: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    text = "curl http://localhost:8000/v1/models/nobody\ntrue\n"
    done = _run(Block(Path(), 1, "sh", text, ""), loquent, folder, programs)
    assert done.returncode == CURL_REFUSED
    assert "model_not_found" in done.stdout


def _ours(text: str, server: RunningServer) -> str:
    """Return a block with our address and key, and the command where it is."""
    text = _ADDRESS.sub(server.url.removeprefix("http://"), text)
    return _KEY.sub(KEY, text).replace(".venv/bin/loquent", "loquent")


def _run(
    block: Block, server: RunningServer, folder: Path, programs: Path
) -> subprocess.CompletedProcess[str]:
    known = environment()
    return subprocess.run(
        ["sh", "-eu"] if block.language == "sh" else [sys.executable, "-"],
        input=_ours(block.text, server),
        cwd=folder,
        env={
            **known,
            "PATH": f"{programs}:{known['PATH']}",
            "CURL_HOME": str(programs),
            "LOQUENT_DATA_DIR": str(DATA_DIR),
            "LOQUENT_LEDGER": f"sqlite+aiosqlite:///{folder}/usage.db",
            "LOQUENT_BASE_URL": f"{server.url}/v1",
            "LOQUENT_API_KEY": KEY,
        },
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
