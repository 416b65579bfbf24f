"""How much later an answer comes because its caller is known, limited and written down."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.table import Table

from bench.router_overhead import (
    WARM_UP_S,
    Load,
    cores,
    n_failed,
    percentiles_ms,
    pin,
    sent,
    shown,
    vendor_process,
)
from bench.router_wire import Answered, Caller
from loquent.settings import NO_LEDGER
from tests.live.server import RunningServer
from tests.vendors.gateway import MODEL, gateway_process, provider

DEADLINE_S: Final = 60.0
PRICE_MICROS: Final = 100

LIMITS: Final = ("--requests-per-minute", "1000000", "--concurrent-requests", "1000")
BUDGET: Final = ("--budget", "1000000/month")

KINDS: Final = ("without books", "key, limits, row", "and a budget")


def bookkeeping(n_per_s: float, lasts_s: float, ledger: str, goal_ms: float) -> Table:
    """Call a gateway that keeps no books and two callers of one that does, in turn.

    Args:
        ledger: URL of the database; "" for SQLite in a data folder.
        goal_ms: most that key, limits and row may add at the median.
    """
    load = Load(n_per_s, lasts_s)
    with TemporaryDirectory(prefix="loquent-bench-") as folder, vendor_process() as url:
        kept, bare = Path(folder, "kept"), Path(folder, "bare")
        keys = [_new_key(kept, ledger, *LIMITS), _new_key(kept, ledger, *LIMITS, *BUDGET)]
        with (
            _gateway(bare, url, NO_LEDGER) as without,
            _gateway(kept, url, ledger) as with_books,
        ):
            callers = [
                Caller.of(without.url, MODEL),
                *(Caller.of(with_books.url, MODEL, key) for key in keys),
            ]
            answers = asyncio.run(_measured(callers, load))
    return _table(answers, load, goal_ms)


@contextmanager
def _gateway(folder: Path, vendor_url: str, ledger: str) -> Iterator[RunningServer]:
    """Run a gateway on the core that both share."""
    mine, others = cores()
    providers = {"fake": provider(vendor_url, micros=PRICE_MICROS)}
    with gateway_process(folder, providers, deadline_s=DEADLINE_S, ledger=ledger) as server:
        pin(server.process.pid, mine)
        pin(os.getpid(), others)
        yield server


def _new_key(folder: Path, ledger: str, *terms: str) -> str:
    command = [sys.executable, "-m", "loquent", "keys", "create", "--name", "bench", *terms]
    variables = {"LOQUENT_DATA_DIR": str(folder), "LOQUENT_LEDGER": ledger}
    made = subprocess.run(
        command, env=os.environ | variables, check=True, capture_output=True, text=True
    )
    return made.stdout.strip()


async def _measured(callers: Sequence[Caller], load: Load) -> Sequence[Sequence[Answered]]:
    await sent(callers, Load(load.n_per_s, WARM_UP_S))
    answers = await sent(callers, load)
    for caller in callers:
        await caller.close()
    return [answers[kind :: len(callers)] for kind in range(len(callers))]


def _table(answers: Sequence[Sequence[Answered]], load: Load, goal_ms: float) -> Table:
    table = Table(
        "calls", "p50", "p95", "p99", "added p50", "failed",
        box=None,
        title=f"Time that bookkeeping adds, {load.n_per_s:g} requests a second of each kind",
    )  # fmt: skip
    times = [percentiles_ms(some) for some in answers]
    added_ms = [each[50] - times[0][50] for each in times]
    for kind, some, each, added in zip(KINDS, answers, times, added_ms, strict=True):
        table.add_row(kind, *shown(each), f"{added:.2f} ms", str(n_failed(some)))
    is_met = added_ms[1] <= goal_ms
    table.caption = (
        f"{'met' if is_met else 'missed'}: asked {goal_ms:g} ms at the median for key, limits and"
        f" row; {load.lasts_s:g} s; load of this machine {os.getloadavg()[0]:.1f}"
    )
    return table
