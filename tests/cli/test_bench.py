"""`loquent bench`, on real weights and over fakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loquent.wiring import LocalPlatform
from tests.assets import data_dir
from tests.cli.conftest import Shell
from tests.cli.process import run
from tests.fakes.fake_speaker import FakeSpeaker
from tests.fakes.fake_transcriber import FakeTranscriber


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    target = tmp_path / "talk.wav"
    target.write_bytes(b"RIFF of a talk")
    return target


@pytest.fixture
def transcriber(monkeypatch: pytest.MonkeyPatch) -> FakeTranscriber:
    fake = FakeTranscriber()
    monkeypatch.setattr(LocalPlatform, "transcriber", fake)
    return fake


@pytest.fixture
def speaker(monkeypatch: pytest.MonkeyPatch) -> FakeSpeaker:
    fake = FakeSpeaker()
    monkeypatch.setattr(LocalPlatform, "speaker", fake)
    return fake


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_small_models_are_measured(tmp_path: Path) -> None:
    words = ("--model", "whisper-tiny.en", "--speech-model", "piper-en-us-joe", "--runs", 2)
    outcome = run(tmp_path, "bench", "--json", *words, LOQUENT_DATA_DIR=data_dir())
    assert (outcome.code, outcome.err) == (0, "")
    report = json.loads(outcome.out)
    listening, speaking = report["results"]
    assert (listening["model"], speaking["model"]) == ("whisper-tiny.en", "piper-en-us-joe")
    for result in (listening, speaking):
        assert result["n_runs"] == 2
        assert 0 < result["typical_s"] < 60
        assert result["times_real_time"] > 0
        assert result["memory_bytes"] > 10_000_000
    assert listening["sound_s"] == pytest.approx(5.3, abs=0.2)
    assert listening["first_sound_s"] is None
    assert 0 < speaking["first_sound_s"] <= speaking["typical_s"] + 0.01


def test_every_run_is_made_and_the_first_does_not_count(
    shell: Shell, talk: Path, transcriber: FakeTranscriber, speaker: FakeSpeaker
) -> None:
    outcome = shell("bench", "--json", "--runs", 6, "--file", "talk.wav", "--model", "any")
    report = json.loads(outcome.out)
    assert [result["n_runs"] for result in report["results"]] == [6, 6]
    assert [call.request.model for call in transcriber.calls] == ["any"] * 7
    assert len(speaker.requests) == 7
    assert report["results"][0]["sound_s"] == pytest.approx(2.47)
    assert {call.request.limits.allowed_providers for call in transcriber.calls} == {
        frozenset({"local"})
    }


@pytest.mark.usefixtures("transcriber", "speaker")
def test_the_table_holds_what_people_ask_for(shell: Shell, talk: Path) -> None:
    outcome = shell("bench", "--file", "talk.wav")
    assert outcome.code == 0
    assert "loquent " in outcome.out
    heading, listening, speaking = outcome.out.splitlines()[-3:]
    assert "x real time" in heading
    assert (listening.split()[0], speaking.split()[0]) == ("listen", "speak")


def test_without_a_sample_it_says_how_to_get_one(shell: Shell) -> None:
    outcome = shell("bench")
    assert outcome.code == 1
    assert "loquent models pull sample-speech" in outcome.err
