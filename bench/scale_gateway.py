"""What an open live stream costs the server's own process, without the model; knows no plan.

Processor time is counted, not the clock, so that other programs on the machine hardly matter.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import psutil
from rich.table import Table

from bench.arena import MEGABYTE
from bench.live import Bench, live_server
from bench.live_corpus import decoded, saved
from bench.live_values import DONE, Job
from bench.live_wire import lane, perform
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from tests.assets import sample

LENGTH_S = 30.0
N_SILENT = 6
N_SPOKEN = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """What streams cost the process that holds their sockets.

    Attributes:
        core_share: processor time of a stream, over its length.
        n_bytes: by how much the process had grown when they were over, by stream.
        n_whole: streams that were heard to their end.
    """

    name: str
    n_streams: int
    core_share: float
    n_bytes: float
    n_whole: int


def gateway(model: str, settings: Mapping[str, str]) -> Table:
    """Open streams side by side, silent ones and spoken ones, and count processor time."""
    began_s = time.monotonic()
    with live_server(model, settings) as bench:
        start_s = time.monotonic() - began_s
        _cost(bench, "warm-up", np.zeros(SAMPLE_RATE_HZ, np.float32), 1)
        costs = list(_costs(bench))
    table = Table(
        "streams", "side by side", "core of the gateway", "memory", "heard to the end",
        box=None, title=f"Scale gateway {model}, {LENGTH_S:g} s each",
    )  # fmt: skip
    for cost in costs:
        memory = f"{cost.n_bytes / MEGABYTE:.2f} MB"
        share = f"{100 * cost.core_share:.2f} %"
        table.add_row(cost.name, str(cost.n_streams), share, memory, str(cost.n_whole))
    table.caption = f"from the start of the process until the model is ready {start_s:.1f} s"
    return table


def _costs(bench: Bench) -> Iterator[Cost]:
    n_samples = round(LENGTH_S * SAMPLE_RATE_HZ)
    yield _cost(bench, "silent", np.zeros(n_samples, np.float32), N_SILENT)
    spoken = decoded(sample())
    yield _cost(bench, "spoken", np.resize(spoken, n_samples), N_SPOKEN)


def _cost(bench: Bench, name: str, sound: Samples, n_streams: int) -> Cost:
    stream = saved(sound, bench.folder / f"{name}.pcm")
    job: Job = replace(bench.job(*[lane(stream)] * n_streams), stagger_s=0.1)
    process = psutil.Process(bench.server.process.pid)
    before, before_bytes = _busy_s(process), process.memory_info().rss
    sessions = perform(job)
    grown = process.memory_info().rss - before_bytes
    busy_s = _busy_s(process) - before
    return Cost(
        name=name,
        n_streams=n_streams,
        core_share=busy_s / (n_streams * stream.duration_s),
        n_bytes=grown / n_streams,
        n_whole=sum(session.close_code == DONE for session in sessions),
    )


def _busy_s(process: psutil.Process) -> float:
    """Return the processor time of a process without its children."""
    times = process.cpu_times()
    return float(times.user + times.system)
