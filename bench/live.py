"""A live server at the pace of speech: one stream beside its goals, and how many it can carry."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.progress import track
from rich.table import Table

from bench.live_corpus import Clip, compose, cut_short, english, heard, taken
from bench.live_figures import Figures, beside_goals, paired_up, run_of, spread, summed
from bench.live_score import percentile
from bench.live_values import Job, Session, Stream
from bench.live_wire import address, lane, opening, perform, slip
from tests.live.server import RunningServer, serving

LONG_S = 150.0
N_ENDINGS = 12
ENDING_CLIP_S = 8.0
STAGGER_S = 1.3
GOAL_UNDER_LOAD_S = 2.5


@dataclass(frozen=True, slots=True)
class Bench:
    """A server that has the model in memory, and a folder for streams."""

    server: RunningServer
    model: str
    folder: Path

    def job(self, *lanes: list[tuple[str, str]], language: str | None = "en") -> Job:
        """Return a job with these lanes and nothing else in it."""
        return Job(address(self.server.url, self.model), opening(language), list(lanes))


@contextmanager
def live_server(model: str, settings: Mapping[str, str]) -> Iterator[Bench]:
    """Serve with `model` loaded."""
    chosen: dict[str, Any] = {"LOQUENT_DEFAULT_MODEL": model, **settings}
    with tempfile.TemporaryDirectory() as folder, serving(**chosen) as server:
        yield Bench(server, model, Path(folder))


def warm_up(bench: Bench, clip: Clip) -> None:
    """Let the server do once what it does, so that nothing is done for the first time later."""
    perform(bench.job(lane(compose([clip], bench.folder / "warm-up.pcm", seed=0))))


def one_stream(model: str, n_runs: int, settings: Mapping[str, str]) -> Table:
    """One long stream of speech, and short ones that end in the midst of it, one at a time."""
    runs, sessions = [], []
    with live_server(model, settings) as bench:
        clips = heard(bench.server, model, english(), LONG_S)
        chosen = taken(clips, LONG_S, random.Random(0))
        long = compose(chosen, bench.folder / "long.pcm", seed=0)
        cut = _endings(bench, [clip for clip in clips if clip.duration_s <= ENDING_CLIP_S])
        warm_up(bench, clips[0])
        for _ in track(range(n_runs), transient=True):
            speech = perform(bench.job(lane(long)))
            endings = perform(bench.job(lane(*cut)))
            sessions += speech + endings
            runs.append(run_of(paired_up([long], speech), paired_up(cut, endings)))
    title = f"Live {model}, {len(chosen)} clips in {long.duration_s:.0f} s, {len(cut)} cut streams"
    table = beside_goals(title, model, runs)
    table.caption = slip(sessions)
    return table


def _endings(bench: Bench, clips: Sequence[Clip]) -> list[Stream]:
    """Compose streams of one clip or two, the last of which ends where its speech ends."""
    streams = []
    for number in range(N_ENDINGS):
        last = cut_short(bench.server, bench.model, clips[number % len(clips)])
        if last:
            before = [clips[(number + 1) % len(clips)]] if number % 2 else []
            path = bench.folder / f"ending-{number}.pcm"
            streams.append(compose([*before, last], path, seed=number, ends_abruptly=True))
    return streams


def load(
    model: str,
    counts: Sequence[int],
    length_s: float,
    settings: Mapping[str, str],
    *,
    has_baseline: bool = False,
) -> Table:
    """Paced streams of continuous speech side by side, ever more of them.

    Args:
        has_baseline: do the same on a server that lets Whisper hear 30 s each time.
    """
    table = Table(
        "server", "n", "refused", "broken", "final p50 / p95", "word p50 / p95",
        "first p50 / p95", "WER", "offline", "flicker", "clips lost", "words outside", "holds",
        box=None, title=f"Live load {model}, {length_s:.0f} s each",
    )  # fmt: skip
    clips: list[Clip] = []
    most: list[int] = []
    sessions: list[Session] = []
    for name, more in {"loquent": {}, "30 s": {"LOQUENT_EXACT": "true"}}.items():
        if name != "loquent" and not has_baseline:
            continue
        with live_server(model, {**settings, **more}) as bench:
            clips = clips or heard(bench.server, model, english())
            warm_up(bench, clips[0])
            figures = {}
            for n in track(counts, transient=True):
                streams, done = _side_by_side(bench, clips, n, length_s)
                sessions += done
                figures[n] = summed(paired_up(streams, done))
                _load_row(table, name, n, figures[n])
            most.append(_most(figures))
    table.caption = f"{_carried(most)}; {slip(sessions)}"
    return table


def _side_by_side(
    bench: Bench, clips: Sequence[Clip], n: int, length_s: float
) -> tuple[list[Stream], list[Session]]:
    streams = [
        compose(
            taken(clips, length_s, random.Random(seed)), bench.folder / f"{n}-{seed}.pcm", seed=seed
        )
        for seed in range(n)
    ]
    job = bench.job(*(lane(stream) for stream in streams))
    return streams, perform(replace(job, stagger_s=STAGGER_S))


def holds(figures: Figures) -> bool:
    """Tell whether everybody was let in, heard in time and heard out."""
    in_time = percentile(figures.finals_s, 95) <= GOAL_UNDER_LOAD_S
    return in_time and not figures.n_refused and not figures.has_lost_sound


def _most(figures: Mapping[int, Figures]) -> int:
    """Return the largest number of streams that hold, all smaller ones holding too."""
    most = 0
    for n in sorted(figures):
        if not holds(figures[n]):
            break
        most = n
    return most


def _carried(most: Sequence[int]) -> str:
    text = f"{most[0]} streams with finals within {GOAL_UNDER_LOAD_S} s at p95 and no sound lost"
    if len(most) > 1:
        ratio = f"{most[0] / most[1]:.1f} times" if most[1] else "the other carries none;"
        text += f", {most[1]} with 30 s each time: {ratio} as many"
    return text


def _load_row(table: Table, name: str, n: int, figures: Figures) -> None:
    coverage = figures.coverage
    table.add_row(
        name,
        str(n),
        str(figures.n_refused),
        str(figures.n_broken),
        spread(figures.finals_s),
        spread(figures.lags.lags_s),
        spread(figures.firsts_s),
        f"{figures.live.percent:.2f} %",
        f"{figures.offline.percent:.2f} %",
        f"{figures.flicker.percent:.1f} %",
        f"{coverage.n_silent} of {coverage.n_passages}",
        f"{coverage.n_outside} of {coverage.n_words}, {coverage.lost_s:.1f} s",
        "yes" if holds(figures) else "no",
    )
