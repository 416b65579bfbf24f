"""FFmpeg at one end of a pipe, curl at the other, as the documentation shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.assets import SAMPLE_TEXT, data_dir, sample
from tests.cli.process import command, environment
from tests.wire.conftest import KEY, LiveServer

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("ffmpeg") and shutil.which("curl")), reason="needs ffmpeg and curl"
    ),
]

SEND = "curl --silent --fail-with-body -H 'Authorization: Bearer {key}' -F model=whisper-1"


def _run(line: str) -> str:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("codec", ["-f wav", "-f mp3", "-c:a libopus -f ogg", "-c:a flac -f flac"])
def test_what_ffmpeg_writes_to_a_pipe_is_taken(
    server: LiveServer, tmp_path: Path, codec: str
) -> None:
    source = "-f lavfi -i sine=frequency=440:duration=2"
    send = SEND.format(key=KEY)
    line = (
        f"ffmpeg -v error {source} -ar 16000 -ac 1 {codec} - |"
        f" {send} -F response_format=text -F 'file=@-;filename=pipe'"
        f" {server.url}/v1/audio/transcriptions"
    )
    assert _run(line) == "Hello there. General speech.\n"
    assert len(server.transcriber.calls[0].content) > 1_000


def test_what_is_spoken_is_read_by_ffmpeg_while_it_comes(server: LiveServer) -> None:
    body = '{"model": "tts-1", "input": "one two three four", "response_format": "opus"}'
    line = (
        f"curl --silent --fail -H 'Authorization: Bearer {KEY}' --json '{body}'"
        f" {server.url}/v1/audio/speech | ffmpeg -v error -i - -f s16le -ar 16000 -ac 1 - | wc -c"
    )
    assert int(_run(line)) == pytest.approx(4 * 0.25 * 16_000 * 2, rel=0.05)


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_words_come_out_of_a_pipe_into_live_captions(tmp_path: Path) -> None:
    with _captions(tmp_path) as captions:
        line = ["ffmpeg", "-v", "error", "-i", str(sample()), "-f", "s16le", "-ar", "16000"]
        with subprocess.Popen([*line, "-ac", "1", "-"], stdout=subprocess.PIPE) as ffmpeg:
            out, _ = captions.communicate(ffmpeg.communicate()[0], timeout=120)
    assert captions.returncode == 0
    assert _words(out.decode()) == _words(SAMPLE_TEXT)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


@contextmanager
def _captions(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = command("listen", "--file", "-", "--model", "whisper-tiny.en")
    settings = environment(LOQUENT_DATA_DIR=data_dir())
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        words, cwd=folder, env=settings, stdin=pipe, stdout=pipe, stderr=nowhere
    ) as process:
        try:
            yield process
        finally:
            process.kill()
