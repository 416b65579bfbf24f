"""What a Ray cluster costs each request, and what a second machine brings; starts real clusters.

Needs the extra `ray`. Machines are nodes of one core each on this one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import numpy as np
from rich.table import Table

from tests.assets import sample
from tests.live.server import RunningServer, serving, wait_for
from tests.ray.clusters import running_cluster

N_WARM_UP = 5
START_S = 120.0

_ALIKE: dict[str, Any] = {"LOQUENT_LEDGER": "off", "LOQUENT_N_THREADS": 1}


def overhead(model: str, n_requests: int) -> Table:
    """Time requests one after the other, each to a child of the gateway and to the cluster."""
    took_s: dict[str, list[float]] = {"child of the gateway": [], "Ray": []}
    with (
        serving(**_ALIKE, LOQUENT_DEFAULT_MODEL=model) as here,
        _on_cluster(model, n_nodes=1, n_copies=1) as there,
    ):
        servers = dict(zip(took_s, (here, there), strict=True))
        for turn in range(N_WARM_UP + n_requests):
            for name, server in servers.items():
                once_s = _timed(server, model)
                if turn >= N_WARM_UP:
                    took_s[name].append(once_s)
    table = Table(
        "one worker, one caller", "p50", "p95", "n",
        box=None, title=f"Ray overhead {model}: one sentence of 5 s",
    )  # fmt: skip
    for name, times in took_s.items():
        table.add_row(name, *_milliseconds(times), str(n_requests))
    pairs = zip(took_s["Ray"], took_s["child of the gateway"], strict=True)
    table.add_row("difference in pairs", *_milliseconds([a - b for a, b in pairs]), str(n_requests))
    return table


def scaling(model: str, n_requests: int, n_callers: int) -> Table:
    """Count requests a second with a copy on one node, and with copies on two."""
    table = Table(
        "nodes of one core", "requests a second", "times as many", "p95",
        box=None, title=f"Ray scaling {model}: {n_callers} callers, {n_requests} sentences of 5 s",
    )  # fmt: skip
    alone = 0.0
    for n_nodes in (1, 2):
        with _on_cluster(model, n_nodes, n_copies=n_nodes) as server:
            took_s, whole_s = _crowd(server, model, n_requests, n_callers)
        rate = n_requests / whole_s
        alone = alone or rate
        p95 = f"{np.percentile(took_s, 95):.2f} s"
        table.add_row(str(n_nodes), f"{rate:.2f}", f"{rate / alone:.2f}", p95)
    return table


@contextmanager
def _on_cluster(model: str, n_nodes: int, n_copies: int) -> Iterator[RunningServer]:
    copies: dict[str, Any] = {"LOQUENT_MIN_REPLICAS": n_copies, "LOQUENT_MAX_REPLICAS": n_copies}
    with (
        running_cluster(n_nodes) as cluster,
        serving(
            **_ALIKE,
            **cluster.settings,
            **copies,
            LOQUENT_DEFAULT_MODEL=model,
            LOQUENT_RAY_FALLBACK="none",
        ) as server,
    ):
        wait_for(lambda: len(cluster.engines()) == n_copies, START_S)
        yield server


def _crowd(
    server: RunningServer, model: str, n_requests: int, n_callers: int
) -> tuple[list[float], float]:
    """Return how long each request took, and all of them."""
    with ThreadPoolExecutor(n_callers) as callers:
        list(callers.map(_timed, repeat(server, n_callers), repeat(model)))
        began_s = time.monotonic()
        took_s = list(callers.map(_timed, repeat(server, n_requests), repeat(model)))
        return took_s, time.monotonic() - began_s


def _timed(server: RunningServer, model: str) -> float:
    began_s = time.perf_counter()
    server.post(sample(), model=model).raise_for_status()
    return time.perf_counter() - began_s


def _milliseconds(times_s: list[float]) -> Iterator[str]:
    ranks = np.percentile(times_s, [50, 95])
    return (f"{1000 * rank:.1f} ms" for rank in ranks)
