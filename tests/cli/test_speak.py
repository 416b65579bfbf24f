"""`loquent speak` and `loquent voices` with the voice that needs no weights."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import wave
from pathlib import Path

import av
import pytest

from tests.assets import data_dir
from tests.cli.conftest import Shell
from tests.cli.process import LIMIT_S, Outcome, command, environment, run

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("cli")]

ESPEAK = ("--model", "espeak")
TEXT = "Some call me nature."
SEVERAL = "One. Two. Three. Four. Five. " * 60
"""More than is spoken in one piece."""


def loquent(folder: Path, *words: object) -> Outcome:
    return run(folder, *words, LOQUENT_DATA_DIR=data_dir())


def piped(folder: Path, *words: object, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command between two pipes."""
    return subprocess.run(
        command(*words),
        cwd=folder,
        env=environment(LOQUENT_DATA_DIR=data_dir()),
        input=text,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )


def at_terminal(folder: Path, *words: object) -> Outcome:
    """Run a command whose input and output are a terminal, with nobody there to type."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            command(*words),
            cwd=folder,
            env=environment(LOQUENT_DATA_DIR=data_dir(), COLUMNS=200),
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            timeout=LIMIT_S,
            check=False,
        )
    finally:
        os.close(theirs)
        os.close(ours)
    return Outcome(done.returncode, "", done.stderr.decode())


def length_s(sound: bytes) -> float:
    with av.open(io.BytesIO(sound), "r") as container:
        return float(sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0)))


def codec_of(path: Path) -> str:
    with av.open(str(path), "r") as container:
        return container.streams.audio[0].codec_context.name


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("talk.wav", "pcm_s16le"),
        ("talk.mp3", "mp3float"),
        ("talk.flac", "flac"),
        ("talk.OGG", "opus"),
        ("new/folder/talk", "pcm_s16le"),
    ],
)
def test_a_text_becomes_a_file_in_the_format_of_its_suffix(
    tmp_path: Path, name: str, codec: str
) -> None:
    outcome = loquent(tmp_path, "speak", TEXT, "-o", name, *ESPEAK)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.strip() == f"{name}: written"
    assert codec_of(tmp_path / name) == codec
    assert 0.5 < length_s((tmp_path / name).read_bytes()) < 5


def test_the_format_asked_for_wins_over_the_suffix(tmp_path: Path) -> None:
    assert loquent(tmp_path, "speak", TEXT, "-o", "a.dat", "-f", "flac", *ESPEAK).code == 0
    assert codec_of(tmp_path / "a.dat") == "flac"


def test_a_text_from_a_pipe_becomes_sound_in_a_pipe(tmp_path: Path) -> None:
    done = piped(tmp_path, "speak", "-", *ESPEAK, text=TEXT.encode())
    assert (done.returncode, done.stderr) == (0, b"")
    with wave.open(io.BytesIO(done.stdout)) as file:
        assert file.getparams()[:2] == (1, 2)
        assert len(file.readframes(10**7)) == 2 * file.getnframes() > 0
    assert list(tmp_path.iterdir()) == []


def test_the_same_text_sounds_the_same_by_argument_by_pipe_and_by_file(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    by_argument = piped(tmp_path, "speak", TEXT, *ESPEAK).stdout
    by_pipe = piped(tmp_path, "speak", *ESPEAK, text=TEXT.encode()).stdout
    by_file = piped(tmp_path, "speak", "--file", "text.txt", *ESPEAK).stdout
    assert by_argument
    assert by_argument == by_pipe == by_file


def test_a_long_text_is_written_as_it_is_spoken(tmp_path: Path) -> None:
    done = piped(tmp_path, "speak", "--sample-rate", "16000", *ESPEAK, text=SEVERAL.encode())
    assert done.returncode == 0
    with wave.open(io.BytesIO(done.stdout)) as file:
        assert file.getframerate() == 16_000
    assert length_s(done.stdout) > 60


def test_the_speed_is_heard(tmp_path: Path) -> None:
    usual = length_s(piped(tmp_path, "speak", TEXT, *ESPEAK).stdout)
    fast = length_s(piped(tmp_path, "speak", TEXT, "--speed", "2", *ESPEAK).stdout)
    assert fast < 0.75 * usual


def test_what_has_no_sound_is_told(tmp_path: Path) -> None:
    outcome = loquent(tmp_path, "speak", "Hi 😀😀", "-o", "a.wav", *ESPEAK)
    assert outcome.err.splitlines()[0] == "left out, for want of a sound: 2 of 5 characters"
    assert outcome.code == 0


def test_a_text_without_any_sound_fails_with_one_line(tmp_path: Path) -> None:
    outcome = loquent(tmp_path, "speak", "😀😀", "-o", "a.wav", *ESPEAK)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "error: There is nothing in the input that can be spoken.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("-o", "a.xyz"), "no format is called xyz"),
        (("-o", "a.wav", "--file", "text.txt"), "--file"),
        (("-o", "a.wav", "--speed", "9"), "--speed"),
        (("-o", "a.wav", "-f", "ogg"), "--format"),
        (("-o", "."), "--output"),
    ],
    ids=str,
)
def test_wrong_usage_is_named_and_ends_with_2(
    shell: Shell, tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    outcome = shell("speak", TEXT, *words, *ESPEAK)
    assert (outcome.code, outcome.out) == (2, "")
    assert named in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "named"),
    [(("-o", "a.wav"), "give a text, a file, or"), ((TEXT,), "say where the sound goes")],
    ids=str,
)
def test_at_a_terminal_a_text_and_a_file_are_wanted(
    tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    outcome = at_terminal(tmp_path, "speak", *words, *ESPEAK)
    assert outcome.code == 2
    assert named in outcome.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((" ",), "nothing in the input that can be spoken"),
        (("--file", "gone.txt"), "gone.txt: No such file"),
        ((TEXT, "--voice", "qqqq"), "has no voice 'qqqq'"),
        ((TEXT, "--language", "tlh"), "no voice that reads Tlh"),
        ((TEXT, "--model", "nothing"), "the model 'nothing' does not exist here"),
        ((TEXT, "--sample-rate", "5"), "8000 to 48000 Hz"),
    ],
    ids=str,
)
def test_what_cannot_be_done_fails_with_one_line(
    shell: Shell, words: tuple[str, ...], named: str
) -> None:
    outcome = shell("speak", "-o", "a.wav", *ESPEAK, *words)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("error: ")
    assert named in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_rate_that_the_format_lacks_leaves_an_earlier_file(tmp_path: Path) -> None:
    target = tmp_path / "a.opus"
    target.write_bytes(b"precious")
    words = ("-o", target, "--sample-rate", "44100")
    assert loquent(tmp_path, "speak", TEXT, *words, *ESPEAK).code == 1
    assert target.read_bytes() == b"precious"


def test_speech_needs_nothing_that_is_pulled(tmp_path: Path) -> None:
    empty = tmp_path / "data"
    words = ("speak", TEXT, "-o", "a.wav", *ESPEAK)
    assert run(tmp_path, *words, LOQUENT_DATA_DIR=empty, LOQUENT_OFFLINE="true").code == 0
    assert length_s((tmp_path / "a.wav").read_bytes()) > 0.5


def _rows(outcome: Outcome) -> list[list[str]]:
    assert outcome.code == 0
    return [line.split() for line in outcome.out.splitlines()[1:]]


def test_voices_are_listed_by_model_and_language(tmp_path: Path, shell: Shell) -> None:
    korean = shell("voices", "--model", "espeak", "--language", "ko")
    assert _rows(korean) == [["ko", "espeak", "ko", "neutral"]]
    everyone = _rows(loquent(tmp_path, "voices"))
    assert {row[1] for row in everyone} >= {"espeak", "kokoro", "piper-en-us-joe"}
    british = _rows(loquent(tmp_path, "voices", "--language", "EN-gb"))
    assert british == [row for row in everyone if row[2] == "en-GB"] != []


def test_voices_of_an_unknown_model_fail_with_one_line(shell: Shell) -> None:
    outcome = shell("voices", "--model", "espeek")
    assert (outcome.code, outcome.out) == (1, "")
    assert "did you mean espeak" in outcome.err
