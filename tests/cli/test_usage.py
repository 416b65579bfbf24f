"""What the command line says of itself and of commands that cannot be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from loquent import __version__
from tests.cli.conftest import Shell

COMMANDS = (
    (),
    ("serve",),
    ("transcribe",),
    ("translate",),
    ("diarise",),
    ("diarize",),
    ("models",),
    ("models", "ls"),
    ("models", "pull"),
    ("models", "rm"),
)


def test_the_version_is_shown(shell: Shell) -> None:
    assert shell("--version").out == f"loquent {__version__}\n"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(shell: Shell, words: tuple[str, ...]) -> None:
    help_text = shell(*words, "--help")
    assert help_text.code == 0
    assert help_text.out.split("Usage: ")[1].startswith(" ".join(("loquent", *words)))
    assert "None" not in help_text.out
    assert "[/" not in help_text.out, "markup has leaked"


def test_the_exit_codes_are_told(shell: Shell) -> None:
    assert "0 done, 1 failed, 2 wrong usage or settings, 130 interrupted" in shell("--help").out


def test_a_revision_is_shown_in_its_brackets(shell: Shell) -> None:
    assert '"owner/name[@revision]"' in shell("models", "pull", "--help").out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("transscribe",), "transscribe"),
        (("transcribe",), "files"),
        (("transcribe", "a.wav", "--langauge", "en"), "--language"),
        (("transcribe", "a.wav", "--format", "mp3"), "--format"),
        (("translate", "a.wav", "-f", "diarized_json"), "--format"),
        (("transcribe", "a.wav", "--temperature", "2"), "--temperature"),
        (("translate", "a.wav", "--language", "en"), "--language"),
        (("transcribe", "a.wav", "-f", "srt", "--max-cps", "0"), "--max-cps"),
        (("transcribe", "a.wav", "--max-line-width", "30"), "--max-line-width"),
        (("translate", "a.wav", "-f", "srt", "--highlight-words"), "--highlight-words"),
        (("serve", "--port", "http"), "--port"),
        (("models", "pull"), "--defaults"),
        (("models", "rm"), "names"),
    ],
    ids=str,
)
def test_wrong_usage_is_named_and_ends_with_2(
    shell: Shell, words: tuple[str, ...], named: str
) -> None:
    outcome = shell(*words)
    assert outcome.code == 2
    assert outcome.out == ""
    assert named in outcome.err


@pytest.mark.parametrize("words", [(), ("models",)], ids=str)
def test_a_group_alone_shows_its_help_and_ends_with_2(shell: Shell, words: tuple[str, ...]) -> None:
    outcome = shell(*words)
    assert outcome.code == 2
    assert "Commands" in outcome.out + outcome.err


@pytest.mark.parametrize(
    "words",
    [("serve",), ("transcribe", "a.wav"), ("translate", "a.wav"), ("models", "ls")],
    ids=str,
)
def test_wrong_settings_are_named_and_end_with_2(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("LOQUENT_BEAM_SIZE", "many")
    outcome = shell(*words)
    assert outcome.code == 2
    assert outcome.err.startswith("settings: beam_size (LOQUENT_BEAM_SIZE): ")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--port", "65536"), "port"),
        (("--tls-cert", "cert.pem"), "tls_cert (--tls-cert): there is no file cert.pem"),
        (("--tls-key", "key.pem"), "tls_key (--tls-key): there is no file key.pem"),
    ],
    ids=str,
)
def test_a_server_does_not_start_on_wrong_settings(
    shell: Shell, words: tuple[str, ...], named: str
) -> None:
    outcome = shell("serve", *words)
    assert outcome.code == 2
    assert outcome.err.startswith("settings: ")
    assert named in outcome.err


def test_a_recording_that_is_not_there_is_named(shell: Shell) -> None:
    outcome = shell("transcribe", "talk.mp3")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.strip() == "talk.mp3: there is no such file"


def test_a_folder_is_not_a_recording(shell: Shell, tmp_path: Path) -> None:
    assert shell("transcribe", tmp_path).code == 1


def test_a_language_that_is_none_is_named_with_those_that_are(shell: Shell) -> None:
    outcome = shell("transcribe", "talk.mp3", "--language", "klingon")
    assert outcome.code != 0
    assert "klingon" in outcome.err
    assert "de, el, en, es" in outcome.err


def test_a_model_that_is_not_installed_is_named(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "talk.mp3").write_bytes(b"anything")
    outcome = shell("transcribe", "talk.mp3", "--model", "whisper-9")
    assert outcome.code == 1
    assert "whisper-9" in outcome.err


def test_several_recordings_do_not_fit_into_one_file(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("precious")
    outcome = shell("transcribe", "a.mp3", "b.mp3", "-o", "all.txt")
    assert outcome.code == 2
    assert "--output" in outcome.err
    assert (tmp_path / "all.txt").read_text() == "precious"


@pytest.mark.parametrize(
    "words",
    [("a.mp3", "b.mp3", "-o", "all.txt"), ("1/a.mp3", "2/a.mp3", "-o", "texts/")],
    ids=str,
)
def test_no_two_transcripts_go_to_the_same_file(shell: Shell, words: tuple[str, ...]) -> None:
    outcome = shell("transcribe", *words)
    assert outcome.code == 2
    assert "--output" in outcome.err
