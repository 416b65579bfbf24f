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
from typing import Final, TypeAlias

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

KINDS: Final = {"key, limits, row": LIMITS, "and a budget": (*LIMITS, *BUDGET)}


def bookkeeping(n_per_s: float, lasts_s: float, ledger: str, goal_ms: float) -> Table:
    """Call a gateway that keeps no books and one that does, in turn, as two kinds of callers.

    Args:
        ledger: URL of the database; "" for SQLite in a data folder.
        goal_ms: most that key, limits and row may add at the median.
    """
    load = Load(n_per_s, lasts_s)
    with TemporaryDirectory(prefix="loquent-bench-") as folder, vendor_process() as url:
        kept, bare = Path(folder, "kept"), Path(folder, "bare")
        keys = [_new_key(kept, ledger, *terms) for terms in KINDS.values()]
        with (
            _gateway(bare, url, NO_LEDGER) as without,
            _gateway(kept, url, ledger) as with_books,
        ):
            answers = [
                asyncio.run(
                    _measured(
                        (Caller.of(without.url, MODEL), Caller.of(with_books.url, MODEL, key)), load
                    )
                )
                for key in keys
            ]
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


Pair: TypeAlias = tuple[Sequence[Answered], Sequence[Answered]]
"""Answers without books, and with them."""


async def _measured(callers: tuple[Caller, Caller], load: Load) -> Pair:
    await sent(callers, Load(load.n_per_s, WARM_UP_S))
    answers = await sent(callers, load)
    for caller in callers:
        await caller.close()
    return answers[::2], answers[1::2]


def _table(pairs: Sequence[Pair], load: Load, goal_ms: float) -> Table:
    table = Table(
        "calls", "p50", "p95", "p99", "added p50", "failed",
        box=None,
        title=f"Time that bookkeeping adds, {load.n_per_s:g} requests a second",
    )  # fmt: skip
    added_ms: list[float] = []
    for kind, (without, kept) in zip(KINDS, pairs, strict=True):
        bare, booked = percentiles_ms(without), percentiles_ms(kept)
        added_ms.append(booked[50] - bare[50])
        table.add_row("without books", *shown(bare), "", str(n_failed(without)))
        table.add_row(kind, *shown(booked), f"{added_ms[-1]:.2f} ms", str(n_failed(kept)))
    table.caption = (
        f"{'met' if added_ms[0] <= goal_ms else 'missed'}: asked {goal_ms:g} ms at the median for"
        f" key, limits and row; {load.lasts_s:g} s each; load of this machine"
        f" {os.getloadavg()[0]:.1f}"
    )
    return table
