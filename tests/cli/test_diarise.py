"""`loquent diarise`, and speakers in `transcribe` and `translate`, over fakes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from loquent.cli import transcribe as transcribing
from loquent.domain.errors import EngineError, InvalidAudioError
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, SpeakerSearch
from loquent.render import Granularity, ResponseFormat
from loquent.settings import load_settings
from loquent.wiring import LocalPlatform
from tests.cli.conftest import Shell
from tests.fakes.fake_diarizer import FakeDiarizer
from tests.fakes.fake_transcriber import HELLO, FakeTranscriber, Gate

RTTM = (
    "SPEAKER talk 1 0.000 2.500 <NA> <NA> A <NA> <NA>\n"
    "SPEAKER talk 1 2.000 2.750 <NA> <NA> B <NA> <NA>\n"
    "SPEAKER talk 1 5.000 1.000 <NA> <NA> A <NA> <NA>\n"
)
TEXT = "0:00.0 - 0:02.5  A\n0:02.0 - 0:04.8  B\n0:05.0 - 0:06.0  A\n"


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Write a recording, which nobody listens to."""
    target = tmp_path / "talk.wav"
    target.write_bytes(b"RIFF of a talk")
    return target


@pytest.fixture(autouse=True)
def diarizer(monkeypatch: pytest.MonkeyPatch) -> FakeDiarizer:
    fake = FakeDiarizer()
    monkeypatch.setattr(LocalPlatform, "diarizer", fake)
    return fake


@pytest.fixture(autouse=True)
def transcriber(monkeypatch: pytest.MonkeyPatch) -> FakeTranscriber:
    fake = FakeTranscriber()
    monkeypatch.setattr(LocalPlatform, "transcriber", fake)
    return fake


@pytest.mark.parametrize("command", ["diarise", "diarize"])
def test_turns_are_told_line_by_line(
    shell: Shell, talk: Path, diarizer: FakeDiarizer, command: str
) -> None:
    outcome = shell(command, "talk.wav")
    assert (outcome.code, outcome.out, outcome.err) == (0, TEXT, "")
    (call,) = diarizer.calls
    assert (call.request.model, call.content) == ("pyannote-campplus", talk.read_bytes())


@pytest.mark.parametrize("words", [("--rttm",), ("-f", "rttm"), ("--rttm", "--format", "rttm")])
def test_rttm_is_one_word_away(shell: Shell, talk: Path, words: tuple[str, ...]) -> None:
    assert shell("diarise", "talk.wav", *words).out == RTTM


def test_json_is_that_of_the_api(shell: Shell, talk: Path) -> None:
    answer = json.loads(shell("diarise", "talk.wav", "-f", "json").out)
    assert (answer["object"], answer["speakers"]) == ("audio.diarization", ["A", "B"])
    assert answer["id"].startswith("cli-")


@pytest.mark.parametrize(
    ("words", "suffix"), [((), ".txt"), (("--rttm",), ".rttm"), (("-f", "json"), ".json")]
)
def test_several_recordings_become_several_files(
    shell: Shell, talk: Path, words: tuple[str, ...], suffix: str
) -> None:
    (talk.parent / "more.wav").write_bytes(b"RIFF of more")
    outcome = shell("diarise", "talk.wav", "more.wav", "-o", "out", *words)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.splitlines() == [f"out/{name}{suffix}: written" for name in ("talk", "more")]


def test_a_bad_recording_is_told_and_the_others_go_on(shell: Shell, talk: Path) -> None:
    outcome = shell("diarise", "none.wav", "talk.wav")
    assert (outcome.code, outcome.out) == (1, TEXT)
    assert outcome.err == "none.wav: there is no such file\n"


def test_what_the_diarizer_cannot_do_is_one_line(
    shell: Shell, talk: Path, diarizer: FakeDiarizer
) -> None:
    diarizer.script = [InvalidAudioError("That is no audio.")]
    outcome = shell("diarise", "talk.wav")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "talk.wav: That is no audio.\n")


def test_every_option_reaches_the_diarizer(
    shell: Shell, talk: Path, diarizer: FakeDiarizer
) -> None:
    (talk.parent / "ann.wav").write_bytes(b"RIFF of Ann")
    words = ("--model", "other", "--min-speakers", 2, "--max-speakers", 4)
    known = ("--known", "Ann=ann.wav", "--known", "B=talk.wav")
    assert shell("diarise", talk, *words, *known).code == 0
    (call,) = diarizer.calls
    search = call.request.search
    assert call.request.model == "other"
    assert (search.min_speakers, search.max_speakers) == (2, 4)
    assert [known.name for known in search.known] == ["Ann", "B"]
    assert call.references == (b"RIFF of Ann", b"RIFF of a talk")


def test_channels_may_hold_one_speaker_each(
    shell: Shell, talk: Path, diarizer: FakeDiarizer
) -> None:
    assert shell("diarise", "talk.wav", "--channels", "separate").code == 0
    assert diarizer.calls[0].request.search == SpeakerSearch(channels=Channels.SEPARATE)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--channels", "separate", "--speakers", 2), "--channels"),
        (("--channels", "separate", "--known", "Ann=talk.wav"), "--channels"),
        (("--speakers", 0), "--speakers"),
        (("--speakers", 51), "--speakers"),
        (("--speakers", 2, "--min-speakers", 1), "--speakers"),
        (("--min-speakers", 3, "--max-speakers", 2), "--min-speakers"),
        (("--channels", "left"), "--channels"),
        (("--known", "talk.wav"), "--known"),
        (("--known", "=talk.wav"), "--known"),
        (("--known", "Ann="), "--known"),
        (("--known", "Ann=none.wav"), "none.wav: there is no such file"),
        (("--known", f"{'x' * 65}=talk.wav"), "64"),
        (("--known", "Ann=talk.wav", "--known", "Ann=talk.wav"), "twice"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "command", [("diarise",), ("transcribe", "--diarise"), ("translate", "--diarize")]
)
def test_wrong_options_are_named_and_end_with_2(
    shell: Shell, talk: Path, command: tuple[str, ...], words: tuple[object, ...], named: str
) -> None:
    outcome = shell(*command, "talk.wav", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert named in outcome.err


def test_rttm_is_no_other_format(shell: Shell) -> None:
    outcome = shell("diarise", "talk.wav", "--rttm", "-f", "json")
    assert outcome.code == 2
    assert "--rttm" in outcome.err


@pytest.mark.parametrize("command", ["transcribe", "translate"])
@pytest.mark.parametrize("words", [("--diarise",), ("--diarize", "--speakers", 2)], ids=str)
def test_speakers_are_named_where_they_are_wanted(
    shell: Shell,
    talk: Path,
    transcriber: FakeTranscriber,
    command: str,
    words: tuple[object, ...],
) -> None:
    outcome = shell(command, "talk.wav", *words)
    assert (outcome.code, outcome.out) == (0, "A: Hello there.\nB: General speech.\n")
    search = SpeakerSearch(2 if len(words) > 1 else None)
    assert transcriber.calls[-1].request.speakers == search


def test_nobody_is_named_unless_it_is_wanted(
    shell: Shell, talk: Path, transcriber: FakeTranscriber
) -> None:
    assert shell("transcribe", "talk.wav").out == "Hello there. General speech.\n"
    assert transcriber.calls[-1].request.speakers is None


def test_voices_that_are_known_are_called_by_name_in_subtitles(shell: Shell, talk: Path) -> None:
    known = ("--known", "Ann=talk.wav", "--known", "Ben=talk.wav")
    outcome = shell("transcribe", "talk.wav", "--diarise", "--format", "vtt", *known)
    assert "<v Ann>Hello there." in outcome.out
    assert "<v Ben>General speech." in outcome.out


@pytest.mark.parametrize(
    "words", [("-f", "diarized_json"), ("--model", "gpt-4o-transcribe-diarize")], ids=str
)
def test_a_format_and_a_model_imply_speakers(
    shell: Shell, talk: Path, transcriber: FakeTranscriber, words: tuple[str, ...]
) -> None:
    assert shell("transcribe", "talk.wav", *words, "-o", "talk.json").code == 0
    assert transcriber.calls[-1].request.speakers == SpeakerSearch()


@pytest.mark.parametrize("command", ["transcribe", "translate"])
@pytest.mark.parametrize(
    "words", [("--speakers", 2), ("--known", "Ann=talk.wav"), ("--channels", "separate")], ids=str
)
def test_saying_how_without_asking_is_told_what_to_add(
    shell: Shell, talk: Path, command: str, words: tuple[object, ...]
) -> None:
    outcome = shell(command, "talk.wav", *words)
    assert outcome.code == 2
    assert "add --diarise" in outcome.err


def test_a_translation_has_no_diarized_form(shell: Shell, talk: Path) -> None:
    outcome = shell("translate", "talk.wav", "-f", "diarized_json")
    assert outcome.code == 2
    assert "verbose_json" in outcome.err


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        (ResponseFormat.TEXT, "Hello there.\n"),
        (ResponseFormat.SRT, "1\n00:00:00,000 --> 00:00:01,000\nHello there.\n"),
    ],
)
async def test_an_interruption_keeps_what_was_heard_without_speakers(
    talk: Path,
    transcriber: FakeTranscriber,
    capsys: pytest.CaptureFixture[str],
    form: ResponseFormat,
    kept: str,
) -> None:
    gate = Gate()
    transcriber.script = [HELLO[0], gate]
    request = TranscriptionRequest("m", word_timestamps=True, speakers=SpeakerSearch())
    granularities = frozenset({Granularity.SEGMENT})
    job = transcribing._Job(load_settings(), request, form, granularities, None)
    work = asyncio.create_task(transcribing._run_all(job, [(talk, None)]))
    await asyncio.to_thread(gate.reached.wait, 10)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    told = capsys.readouterr()
    assert told.out == kept
    assert told.err == (
        f"{talk}: interrupted; what was heard so far is kept, without speakers: they are known at"
        " the end\n"
    )


def test_a_failure_after_the_words_is_one_line(
    shell: Shell, talk: Path, transcriber: FakeTranscriber
) -> None:
    transcriber.script = [*HELLO, EngineError("The voices could not be told apart.")]
    outcome = shell("transcribe", "talk.wav", "--diarise")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "talk.wav: The voices could not be told apart.\n"
