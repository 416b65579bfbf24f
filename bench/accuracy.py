"""Word error rate, speed and memory of the contenders, recording by recording in turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from rich.progress import track
from rich.table import Table

from bench.arena import MEGABYTE, Contender, contenders
from bench.corpus import Recording, has_set, recordings
from bench.scoring import ErrorRate, corpus_error_rate, word_errors

OURS, PEER = "loquent", "faster-whisper"

SETS = (
    "packaged",
    "librispeech_test_other",
    "kerstin_de",
    "multilingual_short",
    "telephone_8k_prompts",
    "longform:english_long*",
    "azure_docs_multilingual",
    "ljspeech",
    "librivox_sonnets",
    "librivox_de",
    "mfa_english",
    "speeches",
    "librispeech_misc",
)
"""Sets by name, with a pattern of file names behind a colon where not all of one are meant."""


@dataclass
class _Score:
    """What one contender did on one set."""

    rates: list[ErrorRate] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)

    @property
    def rate(self) -> ErrorRate:
        return corpus_error_rate(self.rates)


def compare(sets: Iterable[str], model: str) -> Table:
    """Measure both contenders on the sets that are here; one row a set, one for all."""
    table = Table(
        "set", "clips", "audio", "WER ours", "WER peer", "difference",
        "speed ours", "speed peer", "ratio",
        box=None, title=f"{OURS} beside {PEER}, {model}, beam 5",
    )  # fmt: skip
    total = {OURS: ErrorRate(0, 0), PEER: ErrorRate(0, 0)}
    with contenders((OURS, PEER), model) as running:
        for name in sets:
            set_name, _, pattern = name.partition(":")
            if not has_set(set_name):
                table.add_row(name, "not on this machine")
                continue
            scored = [r for r in recordings(set_name, pattern or "*") if r.text]
            scores = _run(running, scored, name)
            total = {who: total[who] + scores[who].rate for who in total}
            _add_row(table, name, scored, scores)
        ours, peer = total[OURS].percent, total[PEER].percent
        table.add_row("all words", "", "", f"{ours:.2f}", f"{peer:.2f}", f"{ours - peer:+.2f}")
        table.caption = ", ".join(map(_memory, running))
    return table


def _run(running: list[Contender], scored: list[Recording], title: str) -> dict[str, _Score]:
    scores = {contender.name: _Score() for contender in running}
    for number, recording in enumerate(track(scored, title, transient=True)):
        # Who goes first changes from clip to clip: neither always finds the file in memory.
        for contender in running if number % 2 else reversed(running):
            heard = contender.hear(recording)
            score = scores[contender.name]
            score.rates.append(word_errors(recording.text or "", heard.text, recording.language))
            score.took_s.append(heard.took_s)
    return scores


def _add_row(table: Table, name: str, scored: list[Recording], scores: dict[str, _Score]) -> None:
    ours, peer = scores[OURS], scores[PEER]
    audio_s = sum(recording.duration_s for recording in scored)
    ratios = [b / a for a, b in zip(ours.took_s, peer.took_s, strict=True)]
    table.add_row(
        name,
        str(len(scored)),
        f"{audio_s / 60:.1f} min",
        f"{ours.rate.percent:.2f} %",
        f"{peer.rate.percent:.2f} %",
        f"{ours.rate.percent - peer.rate.percent:+.2f}",
        f"{audio_s / sum(ours.took_s):.1f}x",
        f"{audio_s / sum(peer.took_s):.1f}x",
        f"{median(ratios):.2f}",
    )


def _memory(contender: Contender) -> str:
    peak, idle = contender.memory.peak_bytes / MEGABYTE, contender.idle_bytes / MEGABYTE
    return f"{contender.name}: {peak:.0f} MB at most, {idle:.0f} MB idle"
