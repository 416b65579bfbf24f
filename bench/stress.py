"""What goes wrong only after hours: repetition loops, and memory that loading leaves behind."""

from __future__ import annotations

import asyncio
import random
import tempfile
import wave
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from rich.progress import track
from rich.table import Table

from bench.arena import MEGABYTE
from bench.corpus import Recording, has_set, recordings
from bench.scoring import normalised
from bench.serving import N_CLIENTS, Client
from loquent.codec.decoder import decode_windows
from loquent.codec.sniff import sniff
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import start_engine
from loquent.engines.recognizers import RecognizerShelf
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.whisper.context import tight_context_s
from tests.assets import clip, data_dir
from tests.live.server import serving

CUT_S = (1.0, 25.0)
MAX_PHRASE_WORDS = 10
LOOP_REPEATS = 4
"""So often does nobody repeat a phrase in these recordings, the refrains of Dickens included."""

SETTLED_CYCLES = 10
"""Cycles after which a process has taken what it takes once."""


def loops(hours: float, model: str) -> Table:
    """Transcribe cuts at random places of repetitive and other speech; look for loops."""
    table = Table("cuts", "audio", "loops", "examples", box=None, title="Repetition loops")
    chance = random.Random(0)
    sources = [_samples(clip("two-cities")), _samples(clip("beckett"))]
    if has_set("librivox_sonnets"):
        sources += [_samples(r.path) for r in recordings("librivox_sonnets")]
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        cuts: list[Recording] = []
        n_samples = 0
        while n_samples < hours * 3600 * SAMPLE_RATE_HZ:
            cut = _cut(chance.choice(sources), chance)
            n_samples += len(cut)
            cuts.append(Recording(_saved(cut, Path(folder) / f"{len(cuts)}.wav"), "en", None))
        client = Client(server.url, model)
        with ThreadPoolExecutor(N_CLIENTS) as callers:
            for text, _ in track(callers.map(client.transcribe, cuts), total=len(cuts)):
                if loop := repeated_phrase(normalised(text, "en").split()):
                    found.append(" ".join(loop))
    audio = f"{n_samples / SAMPLE_RATE_HZ / 3600:.2f} h"
    table.add_row(str(len(cuts)), audio, str(len(found)), "; ".join(found[:5]))
    return table


def repeated_phrase(words: list[str]) -> list[str]:
    """Return the first phrase that is said `LOOP_REPEATS` times in a row, or nothing."""
    for begin in range(len(words)):
        for n in range(1, MAX_PHRASE_WORDS + 1):
            phrase = words[begin : begin + n]
            if words[begin : begin + n * LOOP_REPEATS] == phrase * LOOP_REPEATS:
                return phrase
    return []


def load_cycles(n_cycles: int, model: str) -> Table:
    """Load and unload a model again and again; what this process holds must not grow."""
    table = Table("cycles", "memory before", "after", "growth", box=None, title="Load and unload")
    process = psutil.Process()

    async def cycle() -> None:
        shelf = RecognizerShelf(
            partial(_spec, data_dir() / "models"),
            start_engine,
            partial(Scheduler, context_s=tight_context_s),
        )
        await shelf.load(model)
        await shelf.close()

    with asyncio.Runner() as runner:
        for _ in range(SETTLED_CYCLES):
            runner.run(cycle())
        before = process.memory_info().rss
        for _ in track(range(n_cycles)):
            runner.run(cycle())
        after = process.memory_info().rss
    n_left = len(process.children())
    table.add_row(
        str(n_cycles),
        f"{before / MEGABYTE:.1f} MB",
        f"{after / MEGABYTE:.1f} MB",
        f"{100 * (after / before - 1):+.1f} %",
    )
    table.caption = f"{n_left} processes left"
    return table


def _spec(models: Path, model_id: str) -> EngineSpec:
    return EngineSpec(model_id, "whisper_ct2", models / model_id)


def _samples(path: Path) -> Samples:
    with path.open("rb") as file:
        return np.concatenate([*decode_windows(file, sniff(file), max_audio_s=0)])


def _cut(samples: Samples, chance: random.Random) -> Samples:
    length = round(min(chance.uniform(*CUT_S), len(samples) / SAMPLE_RATE_HZ) * SAMPLE_RATE_HZ)
    begin = chance.randrange(len(samples) - length + 1)
    return samples[begin : begin + length]


def _saved(samples: Samples, path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
    return path
