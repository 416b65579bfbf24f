"""Finds recordings of which is known who speaks when, and reads what says so; scores nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av

from bench.conversations import Conversation, Line, compose
from bench.corpus import has_set, recordings
from bench.voices import everybody, said, save
from loquent.domain.speakers import SpeakerTurn
from tests.assets import clip_files

AMI = "ami_diarization"
OTHERS = "other_diarization"
LONG = ("longform:english_long*", "longform:librispeech_126*")


@dataclass(frozen=True, slots=True)
class Talk:
    """A recording of several people, and who speaks when.

    Attributes:
        duration_s: what is scored: all of it.
        lines: what is said, where that is known.
        is_long: its borders are those of clips, with silence around them.
    """

    name: str
    path: Path
    duration_s: float
    turns: tuple[SpeakerTurn, ...]
    lines: tuple[Line, ...] = ()
    is_long: bool = False

    @property
    def n_speakers(self) -> int:
        return len({turn.speaker for turn in self.turns})


def sample_talk() -> Talk:
    """Return pyannote's sample: two on the telephone, words known."""
    files = {path.suffix: path for path in clip_files("two-speakers")}
    lines = parse_stm(files[".stm"].read_text(encoding="utf-8"))
    return _talk(files[".wav"], files[".rttm"], lines)


def talks(name: str) -> list[Talk]:
    """Return the recordings of a set that have turns, none where the set is not here.

    Args:
        name: of the set, with a pattern of file names behind a colon where not all are meant.
    """
    set_name, _, pattern = name.partition(":")
    if not has_set(set_name):
        return []
    return [
        _talk(recording.path, recording.rttm, is_long=name in LONG)
        for recording in recordings(set_name, pattern or "*")
        if recording.rttm
    ]


def composed(seeds: Iterable[int], folder: Path) -> list[Talk]:
    """Compose conversations of everybody who can be heard, and put them into `folder`."""
    return [
        saved(compose(everybody(), said, seed), folder / f"conversation-{seed}.wav")
        for seed in seeds
    ]


def saved(conversation: Conversation, path: Path) -> Talk:
    """Write a conversation as a wav that is named like the talk."""
    save(path, conversation.samples)
    return Talk(path.stem, path, conversation.duration_s, conversation.turns, conversation.lines)


def _talk(path: Path, rttm: Path, lines: tuple[Line, ...] = (), *, is_long: bool = False) -> Talk:
    turns = parse_rttm(rttm.read_text(encoding="utf-8"))
    return Talk(path.stem, path, _duration_s(path), turns, lines, is_long)


def _duration_s(path: Path) -> float:
    """Return the length by decoding: containers round it."""
    with av.open(path) as container:
        stream = container.streams.audio[0]
        return sum(frame.samples for frame in container.decode(stream)) / stream.rate


def parse_rttm(text: str) -> tuple[SpeakerTurn, ...]:
    """Read turns, sorted by start. Source: NIST, Rich Transcription 2009 evaluation plan."""
    rows = (line.split() for line in text.splitlines())
    turns = [
        SpeakerTurn(float(row[3]), float(row[3]) + float(row[4]), row[7])
        for row in rows
        if row and row[0] == "SPEAKER"
    ]
    return tuple(sorted(turns, key=lambda turn: (turn.start_s, turn.end_s, turn.speaker)))


def parse_stm(text: str) -> tuple[Line, ...]:
    """Read what is said: file, channel, speaker, start, end, perhaps a label in <>, words."""
    lines = []
    for row in text.splitlines():
        if row.strip() and not row.startswith(";;"):
            _, _, speaker, start_s, end_s, words = row.split(maxsplit=5)
            spoken = words.split("> ", 1)[-1] if words.startswith("<") else words
            lines.append(Line(speaker, float(start_s), float(end_s), spoken))
    return tuple(lines)
