"""Ctrl-C: what is lost, what is kept, and what goes on from there."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.assets import clip, data_dir
from tests.cli.process import LIMIT_S, command, environment, run
from tests.cli.stalling_hub import CONTENT, WRITTEN_AT_ONCE_BYTES, StallingHub, stalling_hub

N_REPEATS = 6
"""Makes minutes of speech, so that work is still under way when it is interrupted."""


@pytest.fixture
def long_recording(tmp_path: Path) -> Path:
    """Write a clip several times in a row."""
    target = tmp_path / "long.wav"
    with wave.open(str(clip("two-cities"))) as once, wave.open(str(target), "wb") as often:
        often.setparams(once.getparams())
        frames = once.readframes(once.getnframes())
        for _ in range(N_REPEATS):
            often.writeframes(frames)
    return target


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_an_interrupted_transcription_keeps_what_was_heard(long_recording: Path) -> None:
    folder = long_recording.parent
    words = ("transcribe", long_recording, "--model", "whisper-tiny.en", "-o", folder / "kept.txt")
    with _at_terminal(folder, *words) as (process, terminal):
        _read_until(terminal, b"min heard")
        _press_ctrl_c(process)
        told = _read_to_end(terminal)
        assert process.wait(LIMIT_S) == 130
    assert b"interrupted; what was heard so far is kept" in told
    assert b"Traceback" not in told
    kept = (folder / "kept.txt").read_text()
    assert kept.startswith("It was the best of times")
    assert kept.count("best of times") < N_REPEATS


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_an_interruption_before_the_first_word_leaves_an_earlier_transcript(
    long_recording: Path,
) -> None:
    folder = long_recording.parent
    target = folder / "kept.txt"
    target.write_text("precious")
    words = ("transcribe", long_recording, "--model", "whisper-tiny.en", "-o", target)
    with _at_terminal(folder, *words) as (process, terminal):
        _read_until(terminal, long_recording.name.encode(), n_times=4)
        _press_ctrl_c(process)
        _read_to_end(terminal)
        assert process.wait(LIMIT_S) == 130
    assert target.read_text() == "precious"


@contextmanager
def _at_terminal(folder: Path, *words: object) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command that believes a person watches its standard error."""
    ours, theirs = pty.openpty()
    settings = environment(LOQUENT_DATA_DIR=data_dir(), TERM="xterm", COLUMNS=200)
    try:
        with subprocess.Popen(
            command(*words), cwd=folder, env=settings, stderr=theirs, start_new_session=True
        ) as process:
            os.close(theirs)
            try:
                yield process, ours
            finally:
                process.kill()
    finally:
        os.close(ours)


def _press_ctrl_c(process: subprocess.Popen[bytes]) -> None:
    """Interrupt every process of the command, as a terminal does."""
    os.killpg(process.pid, signal.SIGINT)


def _read_until(terminal: int, wanted: bytes, n_times: int = 1) -> None:
    """Read until `wanted` has been shown `n_times`; what moves is shown ten times a second."""
    told = b""
    while told.count(wanted) < n_times:
        told += os.read(terminal, 4096)


def _read_to_end(terminal: int) -> bytes:
    told = b""
    with suppress(OSError):  # how Linux reports that the other end is closed
        while piece := os.read(terminal, 4096):
            told += piece
    return told


@pytest.fixture
def hub() -> Iterator[StallingHub]:
    with stalling_hub() as hub:
        yield hub


def test_an_interrupted_pull_goes_on_where_it_stopped(hub: StallingHub, tmp_path: Path) -> None:
    settings = {
        "LOQUENT_DATA_DIR": tmp_path / "data",
        "HF_ENDPOINT": hub.url,
    }
    with subprocess.Popen(
        command("models", "pull", "owner/name"),
        cwd=tmp_path,
        env=environment(**settings),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        _wait_for_weights(tmp_path)
        _press_ctrl_c(process)
        assert process.wait(LIMIT_S) == 130
    assert not (tmp_path / "data" / "models" / "owner--name").exists()
    assert run(tmp_path, "models", "pull", "owner/name", **settings).code == 0
    first, second = hub.starts
    assert first == 0
    assert second >= WRITTEN_AT_ONCE_BYTES
    weights = tmp_path / "data" / "models" / "owner--name" / "model.bin"
    assert weights.read_bytes() == CONTENT["model.bin"]


def _wait_for_weights(folder: Path) -> None:
    """Wait until some of the weights have reached the disk."""
    give_up_s = time.monotonic() + LIMIT_S
    while not any(part.stat().st_size for part in folder.rglob(".parts/model.bin")):
        assert time.monotonic() < give_up_s
        time.sleep(0.02)
