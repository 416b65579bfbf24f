"""Callers of a live server that vanish in the midst of a word: what do they leave behind?"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass

import psutil
from rich.progress import Progress
from rich.table import Table
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from bench.arena import MEGABYTE, MemoryWatch
from bench.live import live_server
from bench.live_corpus import decoded
from bench.live_wire import address, opening
from loquent.domain.audio import SAMPLE_RATE_HZ
from tests.assets import sample
from tests.live.server import RunningServer

AT_ONCE = 20
BEGIN_S = 1.0
SOUND_S = 0.3
N_SETTLING = 3 * AT_ONCE
"""Cycles after which a server has taken what it takes once."""

CALM_S = 3.0
SETTLE_S = 10.0

_LIVE_SESSIONS = re.compile(r"^loquent_live_sessions(?:\{.*\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a server holds: memory and processes are those of its children too.

    Attributes:
        n_sessions: live sessions by its own count, None if it does not tell.
    """

    n_files: int
    n_sockets: int
    n_threads: int
    n_processes: int
    n_sessions: int | None
    n_bytes: int

    def is_within(self, other: Holdings) -> bool:
        """Tell whether it is no more than `other`, memory apart."""
        mine, theirs = astuple(self)[:-1], astuple(other)[:-1]
        return all((a or 0) <= (b or 0) for a, b in zip(mine, theirs, strict=True))


def vanish(model: str, n_cycles: int, settings: Mapping[str, str]) -> Table:
    """Connect, say a third of a second and break the connection, again and again."""
    table = Table(
        "moment", "files", "sockets", "threads", "processes", "live sessions", "memory",
        box=None, title=f"Live callers that vanish, {n_cycles} times",
    )  # fmt: skip
    with live_server(model, settings) as bench:
        where = address(bench.server.url, model)
        asyncio.run(_cycles(where, N_SETTLING))
        time.sleep(CALM_S)
        before = _holdings(bench.server)
        n_heard = asyncio.run(_cycles(where, n_cycles))
        ended_s = time.monotonic()
        at_once = after = _holdings(bench.server)
        while not after.is_within(before) and time.monotonic() < ended_s + SETTLE_S:
            time.sleep(0.2)
            after = _holdings(bench.server)
        took_s = time.monotonic() - ended_s
    moments = {"before": before, "at the end": at_once, f"{took_s:.1f} s later": after}
    for moment, held in moments.items():
        _row(table, moment, held)
    growth = (after.n_bytes - before.n_bytes) / MEGABYTE
    verdict = "back to where it was" if after.is_within(before) else "not back to where it was"
    table.caption = f"{verdict}, memory {growth:+.1f} MB; {n_heard} of {n_cycles} sent their sound"
    return table


async def _cycles(where: str, n_cycles: int) -> int:
    """Let callers come and vanish, and return how many could send their sound."""
    places = asyncio.Semaphore(AT_ONCE)
    sound = _sound()
    with Progress(transient=True) as progress:
        bar = progress.add_task("callers", total=n_cycles)

        async def cycle() -> bool:
            async with places:
                was_heard = await _come_and_vanish(where, sound)
                progress.advance(bar)
                return was_heard

        return sum(await asyncio.gather(*(cycle() for _ in range(n_cycles))))


async def _come_and_vanish(where: str, sound: bytes) -> bool:
    try:
        socket = await connect(where, compression=None, proxy=None, ping_interval=None)
    except (OSError, TimeoutError, InvalidHandshake):
        return False
    try:
        await socket.send(json.dumps(opening()))
        await socket.send(sound)
    except ConnectionClosed:
        return False
    finally:
        socket.transport.abort()
        await socket.wait_closed()
    return True


def _sound() -> bytes:
    """Return a bit of speech from the midst of a sentence."""
    begin, end = (round(at_s * SAMPLE_RATE_HZ) for at_s in (BEGIN_S, BEGIN_S + SOUND_S))
    return (decoded(sample())[begin:end] * 32_767).astype("<i2").tobytes()


def _holdings(server: RunningServer) -> Holdings:
    found = _LIVE_SESSIONS.findall(server.get("/metrics").text)
    process = psutil.Process(server.process.pid)
    watch = MemoryWatch(process.pid)
    watch.stop()
    return Holdings(
        process.num_fds(),
        len(process.net_connections()),
        process.num_threads(),
        1 + len(server.children()),
        sum(int(float(n)) for n in found) if found else None,
        watch.now_bytes(),
    )


def _row(table: Table, moment: str, held: Holdings) -> None:
    counts = (held.n_files, held.n_sockets, held.n_threads, held.n_processes, held.n_sessions)
    memory = f"{held.n_bytes / MEGABYTE:.1f} MB"
    table.add_row(moment, *("untold" if n is None else str(n) for n in counts), memory)
