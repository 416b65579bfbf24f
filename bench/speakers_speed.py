"""What telling speakers apart costs: time, processor, memory."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
from rich.table import Table

from bench.arena import MEGABYTE, MemoryWatch
from bench.conversations import Manner, Pool, compose
from bench.speaker_client import speaker_server, told, transcribed_s
from bench.speaker_corpus import Talk, saved
from bench.voices import everybody, readers_of_english, said, whereabouts
from loquent.domain.speakers import SpeakerTurn
from loquent.domain.transcript import Segment, Word
from loquent.pipeline.attribution import attributed

GOAL_REAL_TIME, GOAL_OVER_IDLE_MB, GOAL_JOIN_MS = 0.06, 400.0, 50.0
N_PEOPLE = 4
SPEED_S, MEMORY_S, TRANSCRIBED_S = 1_800.0, 3_600.0, 300.0
N_ROUNDS = 3
N_WORDS, N_TURNS = 10_000, 2_000
WORDS_EACH = 12
SEED = 1_000


def cost(model: str) -> list[Table]:
    """Measure all of it, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        return [_alone(Path(folder)), _beside_transcription(model, Path(folder))]


def _alone(folder: Path) -> Table:
    table = Table(
        "what", "reached", "goal", "", box=None, title="What telling speakers apart costs"
    )
    with ExitStack() as stack:
        with _one_core():
            server = stack.enter_context(speaker_server())
        talk = _long(SPEED_S, folder)
        pid = server.process.pid
        began_s = processor_s(pid)
        took_s = told(server, talk.path).took_s
        used_s = processor_s(pid) - began_s
    for name, spent_s in {"processor": used_s, "clock": took_s}.items():
        factor = spent_s / talk.duration_s
        what = f"{talk.duration_s / 60:.0f} min on one core, seconds of the {name} a second"
        _row(table, what, f"{factor:.4f}", f"{GOAL_REAL_TIME:g}", is_met=factor <= GOAL_REAL_TIME)
    with speaker_server() as server:
        talk = _long(MEMORY_S, folder)
        watch = MemoryWatch(server.process.pid)
        idle_bytes = watch.peak_bytes
        found = told(server, talk.path)
        watch.stop()
    over_mb = (watch.peak_bytes - idle_bytes) / MEGABYTE
    hour = f"{talk.duration_s / 3600:.2f} h on all cores"
    is_met = over_mb <= GOAL_OVER_IDLE_MB
    goal = f"{GOAL_OVER_IDLE_MB:g} MB"
    _row(table, f"{hour}, memory over idle", f"{over_mb:.0f} MB", goal, is_met=is_met)
    table.add_row(f"{hour}, idle", f"{idle_bytes / MEGABYTE:.0f} MB")
    table.add_row(f"{hour}, real-time factor", f"{found.took_s / talk.duration_s:.4f}")
    table.add_row(f"{hour}, speakers found / true", f"{found.n_speakers} / {talk.n_speakers}")
    joins_ms = _join_ms()
    what = f"join of {N_WORDS} words and {N_TURNS} turns"
    _row(table, what, f"{joins_ms:.1f} ms", f"{GOAL_JOIN_MS:g} ms", is_met=joins_ms <= GOAL_JOIN_MS)
    table.caption = (
        f"conversations of {N_PEOPLE}, {whereabouts()}; the server over HTTP, 16-bit wav"
    )
    return table


def _beside_transcription(model: str, folder: Path) -> Table:
    table = Table(
        "transcription", "median", "fastest", "slowest", "real-time factor",
        box=None, title=f"Transcription with speakers, {model}",
    )  # fmt: skip
    took_s: dict[bool, list[float]] = {False: [], True: []}
    with speaker_server() as server:
        talk = _long(TRANSCRIBED_S, folder, readers_of_english())
        for _ in range(N_ROUNDS):
            for diarise, times in took_s.items():
                times.append(transcribed_s(server, talk.path, model, diarise=diarise))
    for diarise, times in took_s.items():
        median_s = statistics.median(times)
        table.add_row(
            "diarise=true" if diarise else "without",
            *(f"{value_s:.1f} s" for value_s in (median_s, min(times), max(times))),
            f"{median_s / talk.duration_s:.4f}",
        )
    table.caption = f"{talk.duration_s:.0f} s, {N_PEOPLE} people, {N_ROUNDS} rounds in turn"
    return table


def _long(length_s: float, folder: Path, pool: Pool | None = None) -> Talk:
    """Compose a conversation so long, of people in `pool` if there are enough."""
    people = pool if pool and len(pool) >= N_PEOPLE else everybody()
    manner = Manner(n_people=(N_PEOPLE, N_PEOPLE), length_s=length_s)
    return saved(compose(people, said, SEED, manner), folder / f"{length_s:.0f}.wav")


def processor_s(pid: int) -> float:
    """Return the time that a process and its children, those that ended too, have computed."""
    total_s = 0.0
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total_s += times.user + times.system + times.children_user + times.children_system
    return total_s


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep what is started inside the block on one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _join_ms() -> float:
    """Join words with turns as an hour has them, and return the median time."""
    segments, turns = _words_of_an_hour(), _turns_of_an_hour()
    times_ms = []
    for _ in range(5):
        began_s = time.perf_counter()
        attributed(segments, turns)
        times_ms.append(1000 * (time.perf_counter() - began_s))
    return statistics.median(times_ms)


def _words_of_an_hour() -> list[Segment]:
    each_s = MEMORY_S / N_WORDS
    segments: list[Segment] = []
    for first in range(0, N_WORDS, WORDS_EACH):
        numbers = range(first, min(first + WORDS_EACH, N_WORDS))
        words = tuple(
            Word(f"word{n}", n * each_s, (n + 0.9) * each_s, probability=0.9) for n in numbers
        )
        text = "".join(f" {word.text}" for word in words)
        tokens = tuple(2 * WORDS_EACH * [7])
        span_s = (words[0].start_s, words[-1].end_s)
        segments.append(
            Segment(len(segments), *span_s, text, tokens, 0.0, -0.3, 1.4, 0.0, 0, words)
        )
    return segments


def _turns_of_an_hour() -> list[SpeakerTurn]:
    each_s = MEMORY_S / N_TURNS
    return [
        SpeakerTurn(n * each_s, (n + 0.95) * each_s, "ABCD"[n % N_PEOPLE]) for n in range(N_TURNS)
    ]


def _row(table: Table, what: str, reached: str, goal: str, *, is_met: bool) -> None:
    table.add_row(what, reached, f"<= {goal}", "met" if is_met else "missed")
