"""The live client that A15T's document prints, on a microphone that plays a recording.

It runs for ever, as printed, and is ended once it has shown what was said.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import soxr

from tests.assets import ROOT, clip
from tests.cli.process import environment
from tests.live.conftest import HERE, KEY
from tests.live.server import RunningServer, wait_for

EXAMPLE = ROOT / "examples" / "live_captions.py"
PRINTED = HERE / "examples" / "2-a15t-realtime.python"
MICROPHONES = ROOT / "tests" / "fakes" / "microphones"

LIMIT_S = 60.0

_PARTIAL = "Partial transcript received: "
_FINAL = "Final transcript received: "


def test_the_example_is_what_the_document_prints_but_for_host_and_key() -> None:
    text = EXAMPLE.read_text()
    first = ast.parse(text).body[0]
    assert first.end_lineno is not None
    code = "".join(text.splitlines(keepends=True)[first.end_lineno :]).lstrip("\n")
    wanted = PRINTED.read_text().replace("wss://api.platform.a15t.com", "ws://127.0.0.1:8000")
    assert code == wanted.replace('"sk-..."', 'os.environ.get("LOQUENT_API_KEY", "sk-...")')


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """Write a clip at the rate that the example asks its microphone for."""
    with wave.open(str(clip("two-cities"))) as file:
        rate_hz = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    target = tmp_path / "spoken.wav"
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(soxr.resample(samples, rate_hz, 16_000).tobytes())
    return target


def test_the_example_shows_what_is_said_while_it_is_said(
    loquent: RunningServer, spoken: Path, tmp_path: Path
) -> None:
    program = tmp_path / "live_captions.py"
    ours = loquent.url.replace("http://", "ws://")
    program.write_text(EXAMPLE.read_text().replace("ws://127.0.0.1:8000", ours))
    with _running(program, spoken) as (process, lines):
        wait_for(lambda: process.poll() is not None or _texts(lines, _FINAL) != [], LIMIT_S)
        assert process.poll() is None, lines
    assert lines[0] == "Opened connection"
    assert lines[1].startswith(_PARTIAL)
    partials, finals = _texts(lines, _PARTIAL), _texts(lines, _FINAL)
    assert len(lines) == 1 + len(partials) + len(finals)
    for text in (partials[-1], finals[0]):
        assert "the best of times" in " ".join(_words(text))


@contextmanager
def _running(program: Path, spoken: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run a program until the block ends; its lines grow meanwhile."""
    settings = environment(
        LOQUENT_API_KEY=KEY,
        FAKE_MICROPHONE=spoken,
        PYTHONPATH=MICROPHONES,
        PYTHONUNBUFFERED=1,
    )
    with subprocess.Popen(
        [sys.executable, program],
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        reader = threading.Thread(target=_read, args=(process.stdout, lines))
        reader.start()
        try:
            yield process, lines
        finally:
            process.kill()
            reader.join()


def _read(output: IO[str], lines: list[str]) -> None:
    for line in output:
        lines.append(line.rstrip())  # noqa: PERF401 - line by line, so that others see it grow


def _texts(lines: list[str], start: str) -> list[str]:
    return [line.removeprefix(start) for line in lines if line.startswith(start)]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())
