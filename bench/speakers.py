"""Who speaks when: errors over recordings and composed conversations, beside sherpa-onnx."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rich.progress import track
from rich.table import Table

from bench.conversations import TUNE
from bench.sherpa_peer import DEFAULT_THRESHOLD, THRESHOLDS, is_here, told_by_peer
from bench.speaker_client import speaker_server, told
from bench.speaker_corpus import AMI, LONG, OTHERS, Talk, composed, sample_talk, talks
from bench.speaker_score import CAPTION, WIDE_COLLAR_S, Score, errors, scored, summed
from bench.voices import whereabouts
from loquent.domain.speakers import SpeakerTurn

GOAL_SAMPLE_DER, GOAL_SAMPLE_SPEAKERS = 6.5, 2
GOAL_EXACT_PERCENT, GOAL_COMPOSED_DER = 90.0, 12.0

_FIGURES = (
    "speakers found / true", "DER", "missed", "false alarm", "confused", "+-250 ms", "Jaccard",
)  # fmt: skip
_ABSENT = "not on this machine"

Answers: TypeAlias = Mapping[str, tuple[SpeakerTurn, ...]]
"""Turns that somebody found, by the name of the talk."""


@dataclass(frozen=True, slots=True)
class Peers:
    """What the peer found, by threshold.

    Attributes:
        tuning: how it did on the tuning half, by threshold; empty where it was not asked.
        best: the threshold that did best there, or that somebody said did.
    """

    answers: Mapping[float, Answers]
    tuning: Mapping[float, Score]
    best: float

    @property
    def thresholds(self) -> list[float]:
        """The peer's own threshold, and the best one if that is another."""
        return [t for t in dict.fromkeys((DEFAULT_THRESHOLD, self.best)) if t in self.answers]


def tell_apart(seeds: range, *, has_peer: bool, peer_threshold: float | None) -> list[Table]:
    """Hear all recordings, and conversations of these seeds.

    Args:
        peer_threshold: what was best for the peer on the tuning half; None to find out.
    """
    short = {"pyannote sample": [sample_talk()], "AMI": talks(AMI), "others": talks(OTHERS)}
    long = [talk for name in LONG for talk in talks(name)]
    with tempfile.TemporaryDirectory() as folder:
        conversations = composed(seeds, Path(folder))
        heard = [*(talk for group in short.values() for talk in group), *long, *conversations]
        with speaker_server() as server:
            ours = {
                talk.name: told(server, talk.path).turns
                for talk in track(heard, "loquent", transient=True)
            }
        peers = _peers(heard, peer_threshold) if has_peer and is_here() else None
    return [
        _recorded(short, long, ours, peers),
        _composed(conversations, seeds, ours, peers),
    ]


def _peers(heard: Sequence[Talk], peer_threshold: float | None) -> Peers:
    heard = [talk for talk in heard if not talk.is_long]
    tuning = {} if peer_threshold else _tuning()
    best = peer_threshold or min(tuning, key=lambda threshold: tuning[threshold].strict.percent)
    found = told_by_peer(sorted({DEFAULT_THRESHOLD, best}), [talk.path for talk in heard])
    names = [talk.name for talk in heard]
    answers = {t: dict(zip(names, turns, strict=True)) for t, turns in found.items()}
    return Peers(answers, tuning, best)


def _tuning() -> dict[float, Score]:
    """Score the peer on the tuning half with each threshold."""
    with tempfile.TemporaryDirectory() as folder:
        conversations = composed(TUNE, Path(folder))
        found = told_by_peer(THRESHOLDS, [talk.path for talk in conversations])
    return {
        threshold: summed(
            scored(talk.turns, turns, talk.duration_s)
            for talk, turns in zip(conversations, rows, strict=True)
        )
        for threshold, rows in found.items()
    }


def _scored(group: Sequence[Talk], answers: Answers) -> Score:
    return summed(scored(talk.turns, answers[talk.name], talk.duration_s) for talk in group)


def _recorded(
    short: Mapping[str, Sequence[Talk]],
    long: Sequence[Talk],
    ours: Answers,
    peers: Peers | None,
) -> Table:
    thresholds = peers.thresholds if peers else []
    table = Table(
        "recording", "length", *_FIGURES, "goal", *(f"sherpa-onnx {t:g}" for t in thresholds),
        box=None, title="Recordings of several people",
    )  # fmt: skip

    def row(name: str, group: Sequence[Talk], goal: str = "") -> None:
        theirs = [_scored(group, peers.answers[t]) for t in thresholds] if peers else []
        length = f"{sum(talk.duration_s for talk in group):.0f} s"
        cells = _figures(_scored(group, ours))
        table.add_row(name, length, *cells, goal, *map(_peer_cell, theirs))

    for name, group in short.items():
        if not group:
            table.add_row(name, _ABSENT)
        for talk in group:
            row(talk.name, [talk], _sample_goal(talk, ours) if name == "pyannote sample" else "")
        if len(group) > 1:
            row(f"{name}, all together", group)
    for talk in long:
        table.add_row(talk.name, f"{talk.duration_s:.0f} s", *_long_figures(talk, ours))
    if not long:
        table.add_row("longform", _ABSENT)
    table.caption = CAPTION + ". Sums over recordings are those of seconds. " + _peer_caption(peers)
    return table


def _sample_goal(talk: Talk, ours: Answers) -> str:
    score = _scored([talk], ours)
    is_met = score.strict.percent <= GOAL_SAMPLE_DER and score.n_found == GOAL_SAMPLE_SPEAKERS
    goal = f"<= {GOAL_SAMPLE_DER:g} %, {GOAL_SAMPLE_SPEAKERS} speakers"
    return f"{goal}: {_verdict(is_met=is_met)}"


def _long_figures(talk: Talk, ours: Answers) -> tuple[str, str]:
    """Show what borders of clips allow to say."""
    turns = ours[talk.name]
    score = scored(talk.turns, turns, talk.duration_s)
    wide = errors(talk.turns, turns, talk.duration_s, WIDE_COLLAR_S)
    return f"{score.n_found} / {score.n_true}", f"{wide.percent:.2f} % (+-500 ms)"


def _composed(
    conversations: Sequence[Talk], seeds: range, ours: Answers, peers: Peers | None
) -> Table:
    title = f"Who speaks when, conversations {seeds.start} to {seeds.stop - 1}"
    table = Table("who", "as many speakers as there are", *_FIGURES, box=None, title=title)
    score = _scored(conversations, ours)
    table.add_row("loquent", _exact(score), *_figures(score))
    has_count = score.exact_percent >= GOAL_EXACT_PERCENT
    has_der = score.strict.percent <= GOAL_COMPOSED_DER
    table.add_row(
        "goal",
        f">= {GOAL_EXACT_PERCENT:g} %: {_verdict(is_met=has_count)}",
        "",
        f"<= {GOAL_COMPOSED_DER:g} %: {_verdict(is_met=has_der)}",
    )
    for threshold in peers.thresholds if peers else []:
        assert peers is not None
        theirs = _scored(conversations, peers.answers[threshold])
        table.add_row(f"sherpa-onnx, {threshold:g}", _exact(theirs), *_figures(theirs))
    length_s = sum(talk.duration_s for talk in conversations)
    table.caption = (
        f"{len(conversations)} talks of 2 to 6 people in {length_s / 60:.0f} min; {whereabouts()}, "
        "the same in both halves, borders as Silero hears them in the clips. "
        f"{CAPTION}. {_off(conversations, ours)}. {_peer_caption(peers)}"
    )
    return table


def _off(conversations: Sequence[Talk], ours: Answers) -> str:
    """Say where the count is wrong."""
    off = [
        f"{talk.name.rpartition('-')[2]}: {score.n_found} for {score.n_true}"
        for talk in conversations
        if not (score := _scored([talk], ours)).n_exact
    ]
    return "Counts that are wrong: " + (", ".join(off) or "none")


def _peer_caption(peers: Peers | None) -> str:
    if peers is None:
        return "sherpa-onnx was not asked or is not here."
    if not peers.tuning:
        return f"sherpa-onnx has {DEFAULT_THRESHOLD:g} by default; {peers.best:g} was given."
    rows = (f"{t:g}: {_exact(s)}, {s.strict.percent:.2f} %" for t, s in peers.tuning.items())
    return "sherpa-onnx on the tuning half: " + "; ".join(rows)


def _exact(score: Score) -> str:
    return f"{score.n_exact} of {score.n_talks}"


def _figures(score: Score) -> tuple[str, ...]:
    strict = score.strict
    parts = (strict.missed_s, strict.false_alarm_s, strict.confused_s)
    return (
        f"{score.n_found} / {score.n_true}",
        f"{strict.percent:.2f} %",
        *(f"{strict.share(part_s):.2f} %" for part_s in parts),
        f"{score.lenient.percent:.2f} %",
        f"{score.jaccard.percent:.2f} %",
    )


def _peer_cell(score: Score) -> str:
    return f"{score.n_found}, {score.strict.percent:.2f} %"


def _verdict(*, is_met: bool) -> str:
    return "met" if is_met else "missed"
