"""How much later an answer comes through Loquent than straight from its provider."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from rich.table import Table

from bench.router_wire import Answered, Caller
from tests.assets import data_dir
from tests.vendors.gateway import MODEL, WHISPER, gateway_process, provider
from tests.vendors.openai_vendor import KEY

WARM_UP_S = 3.0
DEADLINE_S = 60.0
GOALS_MS = {50: 3.0, 95: 8.0}
"""Percentile -> most that may be added, at 200 requests a second on one core."""

OK = 200


@dataclass(frozen=True, slots=True)
class Load:
    """Requests at a pace that does not wait for answers; each kind as many a second."""

    n_per_s: float
    lasts_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a load.

    Attributes:
        processor_s: that the gateway took for all of its requests.
    """

    direct: Sequence[Answered]
    through: Sequence[Answered]
    processor_s: float


def overhead(n_per_s: float, lasts_s: float, ledger: str) -> Table:
    """Call a provider in turn directly and through Loquent, which has one core for itself.

    Args:
        ledger: the setting of this name; each row waits for the disk.
    """
    load = Load(n_per_s, lasts_s)
    with (
        vendor_process() as url,
        gateway_process(
            data_dir(), {"fake": provider(url)}, deadline_s=DEADLINE_S, ledger=ledger
        ) as server,
    ):
        pid = server.process.pid
        mine, others = cores()
        pin(pid, mine)
        pin(os.getpid(), others)
        callers = Caller.of(url, WHISPER, KEY), Caller.of(server.url, MODEL)
        return _table(asyncio.run(_measured(callers, load, pid)), load)


async def _measured(callers: tuple[Caller, Caller], load: Load, pid: int) -> Measured:
    """Warm up, then measure; `pid` is the gateway's process."""
    await sent(callers, Load(load.n_per_s, WARM_UP_S))
    before_s = processor_s_of(pid)
    answers = await sent(callers, load)
    processor_s = processor_s_of(pid) - before_s
    for caller in callers:
        await caller.close()
    return Measured(answers[::2], answers[1::2], processor_s)


async def sent(callers: Sequence[Caller], load: Load) -> list[Answered]:
    """Have the callers send in turn, each when it is due."""
    loop = asyncio.get_running_loop()
    began_s, tasks = loop.time(), []
    n_all = round(load.lasts_s * load.n_per_s) * len(callers)
    for number in range(n_all):
        due_s = began_s + number / (load.n_per_s * len(callers))
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        tasks.append(asyncio.create_task(callers[number % len(callers)].call()))
    return await asyncio.gather(*tasks)


@contextmanager
def vendor_process() -> Iterator[str]:
    """Run the stand-in of a provider; yield where it is."""
    command = [sys.executable, "-m", "bench.router_vendor"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        pin(process.pid, cores()[1])
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def cores() -> tuple[set[int], set[int]]:
    """Return the core of the gateway, and those of everybody else."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others) or {first}


def pin(pid: int, allowed: set[int]) -> None:
    """Keep every thread of a process on some cores; threads to come too."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), allowed)


def processor_s_of(pid: int) -> float:
    """Return the processor time that a process has taken since it started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _table(measured: Measured, load: Load) -> Table:
    table = Table(
        "calls",
        "p50",
        "p95",
        "p99",
        "failed",
        box=None,
        title=f"Time that the router adds, {load.n_per_s:g} requests a second",
    )
    direct_ms, through_ms = map(percentiles_ms, (measured.direct, measured.through))
    added = {rank: time_ms - direct_ms[rank] for rank, time_ms in through_ms.items()}
    table.add_row("direct", *shown(direct_ms), str(n_failed(measured.direct)))
    table.add_row("through Loquent", *shown(through_ms), str(n_failed(measured.through)))
    table.add_row("added", *shown(added), "")
    table.add_row("asked", *(f"{GOALS_MS[r]:.2f} ms" if r in GOALS_MS else "" for r in added), "")
    processor_ms = 1_000 * measured.processor_s / len(measured.through)
    is_met = all(added[rank] <= goal for rank, goal in GOALS_MS.items())
    table.caption = (
        f"{'met' if is_met else 'missed'}; {load.lasts_s:g} s;"
        f" {processor_ms:.2f} ms of processor for each request;"
        f" load of this machine {os.getloadavg()[0]:.1f}"
    )
    return table


def percentiles_ms(calls: Sequence[Answered]) -> dict[int, float]:
    cuts = quantiles([1_000 * call.took_s for call in calls], n=100)
    return {rank: cuts[rank - 1] for rank in (50, 95, 99)}


def shown(times_ms: dict[int, float]) -> list[str]:
    return [f"{time_ms:.2f} ms" for time_ms in times_ms.values()]


def n_failed(calls: Sequence[Answered]) -> int:
    return sum(call.status != OK for call in calls)
