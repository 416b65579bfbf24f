"""Who says which word: transcripts of recordings whose words and speakers are known."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track
from rich.table import Table

from bench.conversations import REPORT, Manner, compose
from bench.scoring import ErrorRate
from bench.speaker_client import said_words, speaker_server
from bench.speaker_corpus import Talk, sample_talk, saved
from bench.speaker_words import WordSpeakers, text_errors, word_speakers
from bench.voices import readers_of_english, said
from tests.live.server import RunningServer

GOAL_ACCURACY, GOAL_NAMED = 95.0, 100.0
N_CONVERSATIONS = 10
MANNER = Manner(n_people=(2, 5), clip_s=None)
"""Clips are left whole, so that their texts are what is said."""


@dataclass(frozen=True, slots=True)
class _WordScore:
    """What became of the words.

    Attributes:
        with_speakers: cpWER.
        without: word errors where nobody asks who speaks.
    """

    speakers: WordSpeakers
    with_speakers: ErrorRate
    without: ErrorRate

    def __add__(self, other: _WordScore) -> _WordScore:
        return _WordScore(
            self.speakers + other.speakers,
            self.with_speakers + other.with_speakers,
            self.without + other.without,
        )


def attribution(model: str) -> Table:
    """Transcribe with speakers, and look whom the words are given to."""
    table = Table(
        "recording", "words", "with a speaker", "inside a line", "right speaker",
        "cpWER", "WER, whoever speaks", "goal",
        box=None, title=f"Words and their speakers, {model}",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, speaker_server() as server:
        sample = _scored(server, sample_talk(), model)
        _row(table, "pyannote sample", sample, _goal(sample.speakers))
        together = _WordScore(WordSpeakers(), ErrorRate(0, 0), ErrorRate(0, 0))
        for talk in track(_conversations(Path(folder)), "words", transient=True):
            score = _scored(server, talk, model)
            together += score
            _row(table, f"{talk.name}, {talk.n_speakers} people", score)
        if together.speakers.n_words:
            _row(table, "conversations, all together", together)
        else:
            table.add_row("conversations", "not on this machine")
    table.caption = (
        "A word belongs to the line of the reference that holds its middle; either speaker is "
        "right where two speak. cpWER by meeteval. Conversations are of people who read English, "
        "a tenth of the speech over other speech, clips whole"
    )
    return table


def _scored(server: RunningServer, talk: Talk, model: str) -> _WordScore:
    words = said_words(server, talk.path, model)
    return _WordScore(word_speakers(talk.lines, words), *text_errors(talk.lines, words))


def _conversations(folder: Path) -> list[Talk]:
    pool = readers_of_english()
    if len(pool) < MANNER.n_people[1]:
        return []
    return [
        saved(compose(pool, said, seed, MANNER), folder / f"words-{seed}.wav")
        for seed in REPORT[:N_CONVERSATIONS]
    ]


def _row(table: Table, name: str, score: _WordScore, goal: str = "") -> None:
    speakers = score.speakers
    table.add_row(
        name,
        str(speakers.n_words),
        f"{speakers.named_percent:.1f} %",
        str(speakers.n_placed),
        f"{speakers.accuracy_percent:.2f} %",
        f"{score.with_speakers.percent:.2f} %",
        f"{score.without.percent:.2f} %",
        goal,
    )


def _goal(speakers: WordSpeakers) -> str:
    is_right = speakers.accuracy_percent >= GOAL_ACCURACY
    is_named = speakers.named_percent >= GOAL_NAMED
    verdict = "met" if is_right and is_named else "missed"
    return f">= {GOAL_ACCURACY:g} % right, {GOAL_NAMED:g} % with a speaker: {verdict}"
