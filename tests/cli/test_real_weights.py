"""`loquent transcribe` and `translate` as their users run them, on real weights."""

from __future__ import annotations

import json
import re
import shutil
import socket
from pathlib import Path

import pysubs2
import pytest

from tests.assets import SAMPLE_TEXT, clip, data_dir, sample
from tests.cli.process import Outcome, run

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("cli")]

SMALLEST = ("--model", "whisper-tiny.en")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Return a copy of the sample, in the folder where commands run."""
    target = tmp_path / "talk.wav"
    shutil.copy(sample(), target)
    return target


def _loquent(folder: Path, *words: object) -> Outcome:
    return run(folder, *words, LOQUENT_DATA_DIR=data_dir())


def test_the_default_model_writes_to_standard_output_and_nothing_but_text(recording: Path) -> None:
    outcome = _loquent(recording.parent, "transcribe", "talk.wav", "--language", "en")
    assert outcome.code == 0
    assert outcome.out == f"{SAMPLE_TEXT}\n"


@pytest.mark.parametrize("form", ["json", "verbose_json", "srt", "vtt"])
def test_every_format_but_text_goes_to_the_file_that_is_named(recording: Path, form: str) -> None:
    target = recording.parent / "out" / "talk.out"
    words = ("talk.wav", "-f", form, "-o", target, "--words")
    outcome = _loquent(recording.parent, "transcribe", *words, *SMALLEST)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.strip() == f"{target}: written"
    assert _spoken(_text_in(target, form)) == _spoken(SAMPLE_TEXT)


@pytest.mark.parametrize("command", ["transcribe", "translate"])
def test_subtitles_keep_to_their_limits(recording: Path, command: str) -> None:
    limits = ("--max-line-width", 20, "--max-line-count", 1, "--min-cue-duration", 0.5)
    model = SMALLEST if command == "transcribe" else ()
    outcome = _loquent(recording.parent, command, "talk.wav", "-f", "srt", *limits, *model)
    assert outcome.code == 0, outcome.err
    cues = pysubs2.SSAFile.from_string(outcome.out, "srt")
    assert len(cues) > 1
    assert all(len(cue.plaintext) <= 20 for cue in cues)
    assert _spoken(" ".join(cue.plaintext for cue in cues)) == _spoken(SAMPLE_TEXT)


def _spoken(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _text_in(target: Path, form: str) -> str:
    content = target.read_text()
    if form in {"srt", "vtt"}:
        return " ".join(cue.plaintext for cue in pysubs2.SSAFile.from_string(content, form))
    answer = json.loads(content)
    assert answer["model"] == "whisper-tiny.en"
    if form == "verbose_json":
        assert answer["segments"]
        return " ".join(word["word"] for word in answer["words"])
    return str(answer["text"])


def test_one_bad_recording_among_several_costs_only_itself(recording: Path) -> None:
    folder = recording.parent
    shutil.copy(recording, folder / "other.wav")
    (folder / "notes.mp3").write_text("This is no recording.")
    files = ("talk.wav", "notes.mp3", "missing.wav", "other.wav")
    outcome = _loquent(folder, "transcribe", *files, "-o", "texts/", *SMALLEST)
    assert outcome.code == 1
    assert sorted(path.name for path in (folder / "texts").iterdir()) == [
        "other.txt",
        "talk.txt",
    ]
    at_fault = {line.partition(": ")[0] for line in outcome.err.splitlines() if line}
    assert {"notes.mp3", "missing.wav"} < at_fault


def test_a_translation_is_english_whatever_is_spoken(tmp_path: Path) -> None:
    outcome = _loquent(tmp_path, "translate", clip("taiyi-zh"), "-f", "verbose_json")
    answer = json.loads(outcome.out)
    assert (answer["task"], answer["language"]) == ("translate", "english")
    assert answer["text"].isascii()


def test_a_name_with_brackets_is_told_as_it_is(recording: Path) -> None:
    recording.rename(recording.parent / "talk [live].wav")
    words = ("transcribe", "talk [live].wav", "-o", "texts", *SMALLEST)
    assert "talk [live].txt: written" in _loquent(recording.parent, *words).err


def test_an_output_that_cannot_be_written_is_one_line(recording: Path) -> None:
    outcome = _loquent(
        recording.parent, "transcribe", "talk.wav", "-o", recording / "talk.txt", *SMALLEST
    )
    assert outcome.code == 1
    assert "Traceback" not in outcome.err


def test_a_certificate_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    words = ("--port", 0, "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    outcome = _loquent(tmp_path, "serve", *words)
    assert outcome.code == 2
    assert "cert.pem" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = _loquent(tmp_path, "serve", "--port", taken.getsockname()[1])
    assert outcome.code == 1
    assert "--port" in outcome.err
