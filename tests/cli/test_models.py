"""`loquent models` on a folder of small models, without any network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Shell

CONTENT = {"config.json": b"{}", "model.bin": bytes(3_000_000), "tokenizer.json": b"{}"}


@pytest.fixture(autouse=True)
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay out a model that no catalog lists, in a folder that models may be taken from."""
    folder = tmp_path / "mirror"
    home = folder / "owner--name"
    home.mkdir(parents=True)
    for name, content in CONTENT.items():
        (home / name).write_bytes(content)
    monkeypatch.setenv("LOQUENT_MODEL_DIR", str(folder))
    monkeypatch.setenv("LOQUENT_OFFLINE", "true")
    return folder


def _row(shell: Shell, model_id: str) -> list[str]:
    listed = shell("models", "ls")
    assert listed.code == 0
    return next((line.split() for line in listed.out.splitlines() if f" {model_id} " in line), [])


def test_what_can_be_pulled_is_listed_before_anything_is_installed(shell: Shell) -> None:
    assert "no" in _row(shell, "whisper-base")
    assert _row(shell, "owner/name") == []


def test_a_model_is_pulled_listed_and_removed(shell: Shell, tmp_path: Path) -> None:
    pulled = shell("models", "pull", "owner/name")
    assert (pulled.code, pulled.out) == (0, "")
    assert pulled.err.splitlines()[-1] == "owner/name: ready (3 MB)"
    installed = tmp_path / "data" / "models" / "owner--name"
    assert (installed / "model.bin").read_bytes() == CONTENT["model.bin"]
    assert _row(shell, "owner/name")[-4:] == ["3", "MB", "local", "folder"]
    assert shell("models", "rm", "owner/name").err == "owner/name: removed\n"
    assert not installed.exists()


def test_a_second_pull_needs_no_source(shell: Shell, mirror: Path) -> None:
    shell("models", "pull", "owner/name")
    (mirror / "owner--name" / "model.bin").unlink()
    assert shell("models", "pull", "owner/name").code == 0


def test_a_damaged_model_is_mended_by_a_pull(shell: Shell, tmp_path: Path) -> None:
    shell("models", "pull", "owner/name")
    weights = tmp_path / "data" / "models" / "owner--name" / "model.bin"
    weights.write_bytes(b"not what it was")
    assert shell("models", "pull", "owner/name").code == 0
    assert weights.read_bytes() == CONTENT["model.bin"]


def test_offline_mode_says_whom_it_did_not_ask(shell: Shell) -> None:
    outcome = shell("models", "pull", "whisper-small")
    assert outcome.code == 1
    reason = outcome.err.splitlines()[-1]
    assert reason.startswith("error: Model 'whisper-small' could not be pulled. local folder: has")
    assert "hub: not asked, because offline mode is on" in reason


def test_a_model_in_the_folder_with_other_bytes_is_refused(shell: Shell, mirror: Path) -> None:
    (mirror / "owner--name").rename(mirror / "whisper-base")
    outcome = shell("models", "pull", "whisper-base")
    assert outcome.code == 1
    assert "has it in another size" in outcome.err


def test_a_name_that_nobody_has_is_answered_with_the_nearest(shell: Shell) -> None:
    outcome = shell("models", "pull", "wisper-base")
    assert outcome.code == 1
    assert "Did you mean whisper-base" in outcome.err


def test_a_failure_is_told_and_leaves_the_others_their_turn(shell: Shell) -> None:
    outcome = shell("models", "pull", "nothing", "espeak")
    assert outcome.code == 1
    assert "nothing" in outcome.err
    assert "espeak: ready" in outcome.err


def test_what_is_not_installed_cannot_be_removed(shell: Shell) -> None:
    outcome = shell("models", "rm", "whisper-small")
    assert outcome.code == 1
    assert "whisper-small" in outcome.err


def test_a_data_folder_that_cannot_be_written_is_one_line(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LOQUENT_DATA_DIR", str(tmp_path / "file" / "data"))
    outcome = shell("models", "pull", "owner/name")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith("error: ")
