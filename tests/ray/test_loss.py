"""Copies, nodes, the head and the bridge die under load, and no request is lost."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx2
import psutil
from sqlalchemy import select

from loquent.storage.opening import Database
from loquent.storage.tables import USAGE
from tests.assets import SAMPLE_TEXT, sample
from tests.live.server import RunningServer, serving, wait_for
from tests.ray.clusters import RunningCluster, free_port, kill_hard, running_cluster

N_CALLERS = 12
N_REQUESTS = int(os.environ.get("RAY_TEST_REQUESTS", "120"))
N_KILLS = 4
DEADLINE_S = 240.0
START_S = 90.0


def test_no_request_is_lost_when_copies_are_killed(cluster: RunningCluster, tmp_path: Path) -> None:
    chance = random.Random(16)
    settings = {"LOQUENT_MIN_REPLICAS": 2, "LOQUENT_MAX_REPLICAS": 2}
    with _gateway(cluster, tmp_path, **settings) as server:
        wait_for(lambda: len(cluster.engines()) == 2, START_S)

        def kill_one() -> None:
            victims = [*cluster.replicas(), *cluster.engines()]
            if victims:
                kill_hard(chance.choice(victims))

        answered = asyncio.run(_under_load(server, kill_one))
    asyncio.run(_check_books(tmp_path, answered))


def test_a_bridge_that_is_killed_is_replaced(cluster: RunningCluster, tmp_path: Path) -> None:
    with _gateway(cluster, tmp_path) as server:
        killed: list[int] = []

        def kill_bridge() -> None:
            for child in _bridges(server):
                killed.append(child.pid)
                kill_hard(child)

        answered = asyncio.run(_under_load(server, kill_bridge, n_requests=40, n_kills=1))
        wait_for(lambda: bool(_bridges(server)) and _is_on_cluster(server), START_S)
        assert killed
        assert not {bridge.pid for bridge in _bridges(server)} & set(killed)
    asyncio.run(_check_books(tmp_path, answered))


def test_models_move_here_while_the_cluster_is_gone_and_back(tmp_path: Path) -> None:
    port = free_port()
    with running_cluster(port=port) as first, _gateway(first, tmp_path) as server:
        answered = asyncio.run(_under_load(server, first.kill, n_requests=40, n_kills=1))
        assert _children(server, "loquent.engines.host.child")
        assert not _is_on_cluster(server)
        with running_cluster(port=port, token=first.token) as second:
            wait_for(lambda: bool(second.engines()) and _is_on_cluster(server), START_S)
            answered += asyncio.run(_under_load(server, lambda: None, n_requests=10, n_kills=0))
            wait_for(lambda: not _children(server, "loquent.engines.host.child"), START_S)
    asyncio.run(_check_books(tmp_path, answered))


def test_nothing_is_loaded_here_where_that_is_not_wanted(tmp_path: Path) -> None:
    with running_cluster() as only, _gateway(only, tmp_path, LOQUENT_RAY_FALLBACK="none") as server:
        only.kill()
        wait_for(lambda: not _bridges(server), START_S)
        answer = server.post(sample())
        assert answer.status_code == 503
        assert "cluster" in answer.json()["error"]["message"]
        assert answer.headers["retry-after"]
        assert not _children(server, "loquent.engines.host.child")


def _gateway(
    cluster: RunningCluster, folder: Path, **settings: Any
) -> AbstractContextManager[RunningServer]:
    ledger = f"sqlite+aiosqlite:///{folder}/loquent.db"
    return serving(
        LOQUENT_LEDGER=ledger,
        LOQUENT_N_THREADS=1,
        LOQUENT_DEFAULT_MODEL="whisper-tiny.en",
        **cluster.settings,
        **settings,
    )


async def _under_load(
    server: RunningServer,
    hurt: Callable[[], None],
    *,
    n_requests: int = N_REQUESTS,
    n_kills: int = N_KILLS,
) -> list[str]:
    """Send requests from many callers, doing harm meanwhile; return the ids of the answers."""
    recording = sample().read_bytes()
    answered: list[str] = []
    turns = iter(range(n_requests))
    harm_at = {n_requests * (i + 1) // (n_kills + 2) for i in range(n_kills)}

    async def call() -> None:
        async with httpx2.AsyncClient(base_url=server.url, timeout=DEADLINE_S) as client:
            for turn in turns:
                if turn in harm_at:
                    await asyncio.to_thread(hurt)
                answer = await client.post(
                    "/v1/audio/transcriptions",
                    files={"file": ("sample.wav", recording)},
                    data={"model": "whisper-tiny.en"},
                )
                assert answer.status_code == 200, answer.text
                assert _plain(answer.json()["text"]) == _plain(SAMPLE_TEXT)
                answered.append(answer.headers["x-request-id"])

    async with asyncio.TaskGroup() as group:
        for _ in range(min(N_CALLERS, n_requests)):
            group.create_task(call())
    return answered


async def _check_books(folder: Path, answered: list[str]) -> None:
    """See that each answer has been written down, and none twice."""
    database = Database.at(f"sqlite+aiosqlite:///{folder}/loquent.db")
    await database.open()
    async with database.reading() as connection:
        rows = (await connection.execute(select(USAGE))).all()
    await database.close()
    written = Counter(row.request_id for row in rows)
    assert set(answered) <= set(written)
    assert max(written.values()) == 1
    assert len(set(answered)) == len(answered)


def _is_on_cluster(server: RunningServer) -> bool:
    """Tell by who answers: a call that a child here serves has taken one."""
    last = [line for line in server.log if "on the cluster: " in line]
    return bool(last) and "there" in last[-1]


def _bridges(server: RunningServer) -> list[psutil.Process]:
    return _children(server, "loquent.engines.ray.bridge")


def _children(server: RunningServer, module: str) -> list[psutil.Process]:
    found = []
    for child in server.children():
        try:
            if module in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found


def _plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalpha())
