"""`loquent doctor`, on real weights and over fakes."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jiwer
import pytest
from structlog.testing import capture_logs

from loquent.api.app import ApiOptions, create_app
from loquent.cli import checkup
from loquent.cli.checkup import SENTENCE
from loquent.cli.trials import word_error_rate
from loquent.domain.errors import EngineError
from loquent.wiring import LocalPlatform
from tests.assets import data_dir
from tests.cli.conftest import Shell
from tests.cli.process import Outcome, run
from tests.cli.served import running
from tests.fakes.fake_speaker import FakeSpeaker
from tests.fakes.fake_transcriber import FakeTranscriber, segment
from tests.fakes.services import fake_services

SECRET = "gsk_verysecretverysecret"


@pytest.fixture(autouse=True)
def free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOQUENT_PORT", "0")


@pytest.fixture
def transcriber(monkeypatch: pytest.MonkeyPatch) -> FakeTranscriber:
    """Understand the sentence, and speak without models."""
    fake = FakeTranscriber([segment(SENTENCE)])
    monkeypatch.setattr(LocalPlatform, "transcriber", fake)
    monkeypatch.setattr(LocalPlatform, "speaker", FakeSpeaker())
    return fake


@pytest.fixture
def server() -> Iterator[str]:
    with capture_logs():  # which would be told on the same standard output
        yield from running(create_app(fake_services(), ApiOptions()))


def _findings(outcome: Outcome) -> dict[str, dict[str, str]]:
    report: dict[str, Any] = json.loads(outcome.out)
    findings = {finding["subject"]: finding for finding in report["findings"]}
    is_broken = any(finding["state"] == "broken" for finding in findings.values())
    assert (report["ok"], outcome.code) == (not is_broken, int(is_broken))
    for finding in findings.values():
        assert finding["advice"] or finding["state"] == "ok" or "not tried" in finding["found"]
        assert "\n" not in finding["found"] + finding["advice"]
    return findings


def _examined(shell: Shell, *words: str) -> dict[str, dict[str, str]]:
    return _findings(shell("doctor", "--json", *words))


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_what_is_whole_is_well(tmp_path: Path) -> None:
    home = data_dir().parent
    settings = {"LOQUENT_DATA_DIR": data_dir(), "LOQUENT_PORT": 0, "LOQUENT_LEDGER": "off"}
    outcome = run(tmp_path, "doctor", "--json", **settings, HOME=home)
    findings = _findings(outcome)
    assert {name for name, finding in findings.items() if finding["state"] == "broken"} == set()
    assert findings["speech"]["found"].startswith("kokoro: ")
    assert findings["recognition"]["found"].startswith("whisper-base: ")
    assert "whisper-tiny.en" in findings["models"]["found"]
    assert "~" in findings["disk"]["found"]
    assert str(home) not in outcome.out


def test_an_empty_installation_is_told_what_to_do(shell: Shell, tmp_path: Path) -> None:
    findings = _examined(shell)
    for subject in ("default model", "speech"):
        assert findings[subject]["state"] == "broken"
        assert findings[subject]["advice"] == "loquent models pull --defaults"
    assert not (tmp_path / "data").exists(), "looking has left something behind"


def test_the_table_says_the_same(shell: Shell) -> None:
    outcome = shell("doctor")
    assert outcome.code == 1
    assert outcome.out.splitlines()[0].split() == ["checked", "state", "found", "what", "to", "do"]
    assert "broken" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 110


@pytest.mark.usefixtures("transcriber")
def test_what_was_said_is_compared_with_what_was_heard(shell: Shell) -> None:
    findings = _examined(shell)
    assert findings["speech"]["state"] == "ok"
    assert findings["recognition"]["found"].endswith("0% of words wrong")


def test_what_is_misheard_is_broken(shell: Shell, transcriber: FakeTranscriber) -> None:
    transcriber.script = [segment("Something else was said.")]
    finding = _examined(shell)["recognition"]
    assert finding["state"] == "broken"
    assert "Something else was said." in finding["found"]


def test_a_check_that_fails_is_a_finding(shell: Shell, transcriber: FakeTranscriber) -> None:
    transcriber.script = [EngineError("The model has stopped.")]
    assert _examined(shell)["recognition"]["found"] == "The model has stopped."


def test_a_port_that_another_program_has_is_broken(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.listen()
        monkeypatch.setattr(checkup, "_ASK_TIMEOUT_S", 0.2)
        monkeypatch.setenv("LOQUENT_PORT", str(taken.getsockname()[1]))
        finding = _examined(shell)["port"]
    assert finding["state"] == "broken"
    assert "--port" in finding["advice"]


def test_a_port_on_which_loquent_answers_is_well(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setenv("LOQUENT_PORT", server.rpartition(":")[2])
    finding = _examined(shell)["port"]
    assert finding["state"] == "ok"
    assert "a server answers" in finding["found"]


@pytest.mark.engine
def test_a_model_that_is_damaged_is_named(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "models" / "sample-speech"
    shutil.copytree(data_dir() / "models" / "sample-speech", folder)
    next(folder.glob("*.wav")).write_bytes(b"RIFF")
    finding = _examined(shell)["model sample-speech"]
    assert finding["state"] == "broken"
    assert finding["advice"] == "loquent models pull sample-speech"


@pytest.mark.parametrize(("free", "state"), [(10**11, "ok"), (10**9, "note"), (10**8, "broken")])
def test_a_disk_that_is_full_is_told(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    assert _examined(shell)["disk"]["state"] == state


@pytest.mark.parametrize(("free", "state"), [(10**10, "ok"), (10**9, "note"), (10**8, "broken")])
def test_memory_that_is_used_up_is_told(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    monkeypatch.setattr(checkup, "memory_bytes", lambda: (10**11, free))
    assert _examined(shell)["memory"]["state"] == state


def test_more_threads_than_cores_are_told(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "n_cores", lambda: 2)
    monkeypatch.setenv("LOQUENT_N_THREADS", "3")
    assert _examined(shell)["cores"]["state"] == "note"


def test_a_ledger_that_cannot_be_written_is_broken(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("LOQUENT_LEDGER", f"sqlite+aiosqlite:///{tmp_path}/file/usage.db")
    finding = _examined(shell)["ledger"]
    assert finding["state"] == "broken"
    assert str(tmp_path) not in finding["found"]


def test_a_ledger_that_is_there_can_be_written(shell: Shell) -> None:
    shell("keys", "create", "--name", "app")
    findings = _examined(shell)
    assert findings["ledger"]["found"] == "SQLite, can be written"
    assert findings["keys"] == {
        "subject": "keys",
        "state": "ok",
        "found": "1, of which 1 open",
        "advice": "",
    }


def test_keys_that_are_all_revoked_are_told(shell: Shell) -> None:
    shell("keys", "create", "--name", "app")
    (key,) = json.loads(shell("keys", "ls", "--json").out)["data"]
    shell("keys", "revoke", key["id"])
    assert _examined(shell)["keys"]["state"] == "note"


def test_a_key_of_the_settings_is_told_of_and_never_shown(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOQUENT_API_KEY", "open sesame")
    outcome = shell("doctor", "--json")
    assert "is asked for" in _findings(outcome)["keys"]["found"]
    assert "sesame" not in outcome.out


def test_an_open_server_is_told_of(shell: Shell) -> None:
    assert "everybody on this machine" in _examined(shell)["keys"]["found"]


def test_providers_are_named_and_not_asked(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOQUENT_PROVIDERS__GROQ__API_KEY", SECRET)
    outcome = shell("doctor", "--json")
    assert _findings(outcome)["providers"]["found"].startswith("groq; --online")
    assert SECRET not in outcome.out


def test_providers_are_asked_online(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    for name, url in (("GROQ", server), ("MISTRAL", "http://127.0.0.1:9")):
        monkeypatch.setenv(f"LOQUENT_PROVIDERS__{name}__BASE_URL", f"{url}/v1")
        monkeypatch.setenv(f"LOQUENT_PROVIDERS__{name}__API_KEY", SECRET)
    findings = _examined(shell, "--online")
    assert findings["provider groq"]["state"] == "ok"
    assert findings["provider mistral"]["state"] == "broken"


def test_a_wrong_setting_is_told_once(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOQUENT_PROVIDERS__NOBODY__API_KEY", SECRET)
    outcome = shell("doctor", "--json")
    assert _findings(outcome)["providers"]["state"] == "broken"
    assert outcome.out.count('"found": "providers.nobody') == 1


@pytest.mark.parametrize(
    "heard",
    [
        "the quick brown fox",
        "The QUICK brown, fox!",
        "quick brown fox",
        "the quick red fox jumps",
        "",
        "something else entirely was said here",
    ],
)
def test_word_errors_are_counted_as_others_count_them(heard: str) -> None:
    said = "The quick brown fox."
    plain = "".join(c for c in heard.lower() if c.isalpha() or c == " ")
    assert word_error_rate(said, heard) == pytest.approx(jiwer.wer("the quick brown fox", plain))
