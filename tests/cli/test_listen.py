"""`loquent listen` as its users run it: recordings, pipes, Ctrl-C, and a terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pysubs2
import pytest

from loquent.cli import listen
from loquent.domain.errors import EngineError
from loquent.domain.live import Final, LiveRequest, SoundFormat
from loquent.render import ResponseFormat
from loquent.wiring import LocalPlatform
from tests.assets import ROOT, clip, clip_files, clip_text, data_dir
from tests.cli.conftest import Shell
from tests.cli.process import LIMIT_S, Outcome, command, environment, run
from tests.fakes import scripted_live
from tests.fakes.fake_live_transcriber import FakeLiveTranscriber
from tests.fakes.microphones import sounddevice

SMALLEST = ("--model", "whisper-tiny.en")

_DIM = re.compile(rb"\x1b\[2m([^\x1b]+)\x1b\[0m")


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    """Write a second of nothing."""
    target = tmp_path / "silence.wav"
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    return target


def _loquent(folder: Path, *words: object) -> Outcome:
    return run(folder, "listen", *words, LOQUENT_DATA_DIR=data_dir())


@contextmanager
def _listening(
    folder: Path, *words: object, **settings: object
) -> Iterator[subprocess.Popen[bytes]]:
    """Listen between two pipes until the block ends."""
    with subprocess.Popen(
        command("listen", *words, *SMALLEST),
        cwd=folder,
        env=environment(LOQUENT_DATA_DIR=data_dir(), **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _interrupt(process: subprocess.Popen[bytes], n_times: int = 1) -> tuple[str, str]:
    """Press Ctrl-C, and return what is written from then on."""
    for _ in range(n_times):
        os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)
    return out.decode(), err.decode()


def _next_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _cues(path: Path) -> pysubs2.SSAFile:
    """Read subtitles, and check that their times rise."""
    cues = pysubs2.SSAFile.from_string(path.read_text(), path.suffix[1:])
    times = [time for cue in cues for time in (cue.start, cue.end)]
    assert times == sorted(times)
    return cues


def _subtitled(path: Path) -> list[str]:
    return _words(" ".join(cue.plaintext for cue in _cues(path)))


# Recordings


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_a_recording_becomes_lines_and_subtitles(tmp_path: Path) -> None:
    words = ("--file", clip("beckett"), "--srt", "new/talk.srt", "--vtt", "talk.vtt", *SMALLEST)
    outcome = _loquent(tmp_path, *words)
    assert outcome.code == 0, outcome.err
    assert outcome.err.splitlines() == ["new/talk.srt: written", "talk.vtt: written"]
    spoken = _words(clip_text("beckett"))
    assert _words(outcome.out) == spoken
    assert len(outcome.out.splitlines()) > 2
    assert _subtitled(tmp_path / "new" / "talk.srt") == spoken
    assert _subtitled(tmp_path / "talk.vtt") == spoken
    assert _cues(tmp_path / "talk.vtt")[-1].end / 1000 == pytest.approx(8.7, abs=1.0)


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_bare_sound_comes_through_a_pipe(tmp_path: Path) -> None:
    with wave.open(str(clip("beckett"))) as file:
        sound = file.readframes(file.getnframes())
    done = subprocess.run(
        command("listen", "--file", "-", *SMALLEST),
        cwd=tmp_path,
        env=environment(LOQUENT_DATA_DIR=data_dir()),
        input=sound,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert _words(done.stdout.decode()) == _words(clip_text("beckett"))


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_silence_gives_no_line_and_empty_subtitles(tmp_path: Path, silence: Path) -> None:
    outcome = _loquent(tmp_path, "--file", silence, "--srt", "a.srt", *SMALLEST)
    assert (outcome.code, outcome.out) == (0, "")
    assert (tmp_path / "a.srt").read_text() == ""


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_what_is_no_recording_leaves_earlier_subtitles(tmp_path: Path) -> None:
    (tmp_path / "notes.mp3").write_text("This is no recording.")
    (tmp_path / "a.srt").write_text("precious")
    outcome = _loquent(tmp_path, "--file", "notes.mp3", "--srt", "a.srt", *SMALLEST)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("error: The content of the file is in no accepted format")
    assert outcome.err.count("\n") == 1
    assert (tmp_path / "a.srt").read_text() == "precious"


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_two_people_on_the_telephone_are_told_apart(tmp_path: Path) -> None:
    words = ("--file", clip("two-speakers"), "--diarise", "--srt", "a.srt", *SMALLEST)
    outcome = _loquent(tmp_path, *words)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert {line[:3] for line in lines} == {"A: ", "B: "}
    turns = _turns("two-speakers")
    letters = dict(zip(dict.fromkeys(who for *_, who in turns), "AB", strict=True))
    right_s = wrong_s = 0.0
    for cue in _cues(tmp_path / "a.srt"):
        for start_s, end_s, who in turns:
            shared_s = max(0.0, min(cue.end / 1000, end_s) - max(cue.start / 1000, start_s))
            is_right = cue.plaintext.startswith(f"{letters[who]}: ")
            right_s, wrong_s = right_s + is_right * shared_s, wrong_s + (not is_right) * shared_s
    assert wrong_s < 0.15 * right_s


def _turns(name: str) -> list[tuple[float, float, str]]:
    """Return who speaks from when to when."""
    rttm = next(path for path in clip_files(name) if path.suffix == ".rttm")
    rows = [line.split() for line in rttm.read_text().splitlines()]
    return [(float(row[3]), float(row[3]) + float(row[4]), row[7]) for row in rows]


# Ctrl-C


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_ctrl_c_completes_what_was_said_and_the_subtitles(tmp_path: Path) -> None:
    words = ("--file", clip("beckett"), "--realtime", "--srt", "a.srt")
    with _listening(tmp_path, *words) as process:
        lines = [_next_line(process), _next_line(process)]
        out, err = _interrupt(process)
        assert process.returncode == 130
    assert err == "a.srt: written\n"
    said = _words(" ".join([*lines, out]))
    assert said[:2] == ["ever", "tried"]
    assert len(said) < len(_words(clip_text("beckett")))
    assert _subtitled(tmp_path / "a.srt") == said


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_a_second_ctrl_c_does_not_wait_and_loses_nothing_shown(tmp_path: Path) -> None:
    words = ("--file", clip("beckett"), "--realtime", "--srt", "a.srt")
    with _listening(tmp_path, *words) as process:
        line = _next_line(process)
        out, err = _interrupt(process, n_times=2)
        assert process.returncode == 130
    assert err == "a.srt: written\n"
    assert _subtitled(tmp_path / "a.srt") == _words(line + out)


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_ctrl_c_ends_a_wait_for_a_pipe_in_which_nothing_comes(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("precious")
    with subprocess.Popen(
        command("listen", "--file", "-", "--srt", "a.srt", *SMALLEST),
        cwd=tmp_path,
        env=environment(LOQUENT_DATA_DIR=data_dir()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        with wave.open(str(clip("beckett"))) as file:
            process.stdin.write(file.readframes(40_000))
        process.stdin.flush()
        line = _next_line(process)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(LIMIT_S) == 130
    assert _subtitled(tmp_path / "a.srt")[: len(_words(line))] == _words(line)


# A terminal


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_a_terminal_shows_what_is_being_said_below_what_was(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    told = b""
    with subprocess.Popen(
        command("listen", "--file", clip("two-cities"), "--realtime", *SMALLEST),
        cwd=tmp_path,
        env=environment(LOQUENT_DATA_DIR=data_dir(), TERM="xterm", COLUMNS=100),
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        while len(_dimmed(told)) < 5:
            told += os.read(ours, 4096)
        os.killpg(process.pid, signal.SIGINT)
        with suppress(OSError):  # how Linux reports that the other end is closed
            while piece := os.read(ours, 4096):
                told += piece
        assert process.wait(LIMIT_S) == 130
    os.close(ours)
    shown = _dimmed(told)
    assert shown[:2] == ["loading whisper-tiny.en", "listening; Ctrl-C ends"]
    assert any(text.startswith("It was the best") for text in shown)
    assert "finishing; Ctrl-C again ends at once" in shown
    assert b"It was the best of times" in _DIM.sub(b"", told)
    assert b"Traceback" not in told


def _dimmed(told: bytes) -> list[str]:
    """List what was shown dimmed, each thing once."""
    return list(dict.fromkeys(text.decode().strip() for text in _DIM.findall(told)))


# Microphones


@pytest.mark.engine
@pytest.mark.xdist_group("cli")
def test_a_microphone_is_listened_to_until_ctrl_c(tmp_path: Path) -> None:
    folder = ROOT / "tests" / "fakes" / "microphones"
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    settings = {"FAKE_MICROPHONE": clip("beckett"), "PYTHONPATH": path}
    words = ("--device", "fake", "--srt", "a.srt")
    with _listening(tmp_path, *words, **settings) as process:
        lines = [_next_line(process), _next_line(process)]
        out, err = _interrupt(process)
        assert process.returncode == 130
    assert err == "a.srt: written\n"
    said = _words(" ".join([*lines, out]))
    assert said == _words(clip_text("beckett"))[: len(said)]
    assert _subtitled(tmp_path / "a.srt") == said


def test_a_missing_package_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    outcome = shell("listen")
    assert (outcome.code, outcome.out) == (1, "")
    assert "pip install 'loquent[microphone]'" in outcome.err
    assert "--file" in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "has_one", "named"),
    [
        ((), False, "plug one in, or listen to a recording"),
        (("--device", "studio"), True, f"'studio'); there are: {sounddevice.NAME}; name one"),
    ],
    ids=str,
)
def test_a_missing_microphone_is_told_with_those_that_are(
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    silence: Path,
    words: tuple[str, ...],
    *,
    has_one: bool,
    named: str,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice)
    if has_one:
        monkeypatch.setenv("FAKE_MICROPHONE", str(silence))
    outcome = shell("listen", *words)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("error: no microphone to listen to (")
    assert named in outcome.err
    assert "--file" in outcome.err


# Usage


def test_the_command_explains_itself(shell: Shell) -> None:
    outcome = shell("listen", "--help")
    assert outcome.code == 0
    for option in ("--file", "--realtime", "--device", "--diarise", "--srt", "--vtt", "Ctrl-C"):
        assert option in outcome.out
    assert "None" not in outcome.out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--realtime",), "--realtime"),
        (("--file", "a.wav", "--device", "1"), "--device"),
        (("--file", "a.wav", "--language", "klingon"), "--language"),
        (("--file", "a.wav", "--srt", "."), "--srt"),
        (("--file", "a.wav", "--srt", "a", "--vtt", "a"), "--vtt"),
        (("a.wav",), "a.wav"),
    ],
    ids=str,
)
def test_wrong_usage_is_named_and_ends_with_2(
    shell: Shell, words: tuple[str, ...], named: str
) -> None:
    outcome = shell("listen", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert named in outcome.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--file", "gone.wav"), "gone.wav: there is no such file"),
        (("--file", "silence.wav", "--model", "nothing"), "'nothing' does not exist here"),
    ],
    ids=str,
)
def test_what_cannot_be_done_fails_with_one_line(
    shell: Shell, silence: Path, words: tuple[str, ...], named: str
) -> None:
    outcome = shell("listen", *words)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("error: ")
    assert named in outcome.err


def test_words_that_may_be_missing_are_told(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, silence: Path
) -> None:
    live = FakeLiveTranscriber(failure=EngineError("The model stumbled."))
    monkeypatch.setattr(LocalPlatform, "live", live)
    outcome = shell("listen", "--file", silence, "--srt", "a.srt")
    assert (outcome.code, outcome.out) == (1, "hello there\n")
    assert outcome.err.splitlines() == [
        "a.srt: written",
        "error: words may be missing from 1 of 1 utterances: The model stumbled.",
    ]
    assert len(_cues(silence.parent / "a.srt")) == 1


def test_lines_and_subtitles_say_who_speaks_if_that_is_wanted(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, silence: Path
) -> None:
    live = FakeLiveTranscriber()
    monkeypatch.setattr(LocalPlatform, "live", live)
    words = ("--file", silence, "--srt", "a.srt", "--vtt", "a.vtt")
    assert shell("listen", *words).out == "hello there\n"
    outcome = shell("listen", "--diarise", *words)
    assert (outcome.code, outcome.out) == (0, "A: hello there\n")
    assert [session.requests[0].speakers for session in live.opened] == [False, True]
    assert "\nA: hello there\n" in (silence.parent / "a.srt").read_text()
    assert "\n<v A>hello there\n" in (silence.parent / "a.vtt").read_text()


def test_each_speaker_of_an_utterance_has_a_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, silence: Path
) -> None:
    one = scripted_live.final(1, "Ever tried.", speaker="A")
    (said,) = one.transcript.segments
    answered = replace(said, id=1, text=" Ever failed.", speaker="B")
    both = replace(one.transcript, segments=(said, answered))
    script = [[replace(one, transcript=both)]]
    monkeypatch.setattr(LocalPlatform, "live", scripted_live.ScriptedTranscriber(script))
    outcome = shell("listen", "--diarise", "--file", silence)
    assert outcome.out.splitlines()[:2] == ["A: Ever tried.", "B: Ever failed."]


async def test_subtitles_are_on_disk_before_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(listen, "SAVE_EVERY_S", 0.01)
    target = tmp_path / "a.srt"
    async with FakeLiveTranscriber().open(LiveRequest("any", SoundFormat(16_000))) as session:
        await session.hear(bytes(32_000))
        await session.finish()
        finals = [update async for update in session.updates() if isinstance(update, Final)]
    subtitles = listen._Subtitles({ResponseFormat.SRT: target}, "any")
    subtitles.add(finals[0])
    with suppress(TimeoutError):
        await asyncio.wait_for(subtitles.keep_saved(), timeout=1.0)
    assert _subtitled(target) == ["hello", "there"]
