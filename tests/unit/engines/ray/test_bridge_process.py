"""The gateway's end of a bridge, over a child that plays one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from loquent.domain.errors import ModelLoadError, WorkerCrashedError
from loquent.engines.ray.bridge_process import (
    BridgeLimits,
    BridgeProcess,
    ClusterPlace,
    ClusterUnreachableError,
    start_bridge,
)
from loquent.engines.ray.plans import ModelPlan, Trade

SCRIPTED = "tests.unit.engines.ray.scripted_bridge"
PLAN = ModelPlan(Trade.LISTENING, "whisper-base", "whisper_ct2", "/models/whisper-base")


@asynccontextmanager
async def cluster(node: str = "") -> AsyncIterator[ClusterPlace]:
    """Accept connections, which is all that is asked of a cluster before its bridge."""
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield ClusterPlace(f"127.0.0.1:{port}", node)


@asynccontextmanager
async def bridge(limits: BridgeLimits | None = None) -> AsyncIterator[BridgeProcess]:
    async with cluster() as place:
        opened = await start_bridge(place, limits, module=SCRIPTED)
        try:
            yield opened
        finally:
            await opened.close()


async def test_a_call_is_answered_with_what_a_copy_says() -> None:
    async with bridge() as opened:
        assert await opened.call("echo", b"order", 1.5) == b"order in 1.5 s"


async def test_calls_that_cross_each_other_get_their_own_answers() -> None:
    async with bridge() as opened:
        calls = [opened.call("echo", str(n).encode(), 0.0) for n in range(50)]
        assert await asyncio.gather(*calls) == [f"{n} in 0 s".encode() for n in range(50)]


async def test_a_model_is_deployed() -> None:
    async with bridge() as opened:
        assert (await opened.deploy(PLAN)).n_workers == 3


async def test_a_model_that_does_not_load_says_why() -> None:
    async with bridge() as opened:
        with pytest.raises(ModelLoadError, match="damaged"):
            await opened.deploy(replace(PLAN, model_id="damaged"))


async def test_a_model_that_takes_too_long_is_given_up() -> None:
    async with bridge(BridgeLimits(deploy_s=0.0)) as opened:
        with pytest.raises(ModelLoadError, match="room"):
            await opened.deploy(replace(PLAN, model_id="slow"))
        assert await opened.call("cancelled", b"", 0.0) == b"1"


async def test_a_call_whose_caller_leaves_is_cancelled_there() -> None:
    async with bridge() as opened:
        call = asyncio.create_task(opened.call("never answers", b"", 0.0))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
        assert await opened.call("cancelled", b"", 0.0) == b"1"


async def test_a_call_whose_copy_died_may_be_made_again() -> None:
    async with bridge() as opened:
        with pytest.raises(WorkerCrashedError):
            await opened.call("lost", b"", 0.0)
        assert not opened.is_over


async def test_all_calls_end_with_the_bridge() -> None:
    async with bridge() as opened:
        waiting = asyncio.create_task(opened.call("never answers", b"", 0.0))
        with pytest.raises(WorkerCrashedError):
            await opened.call("die", b"", 0.0)
        with pytest.raises(WorkerCrashedError):
            await waiting
        await opened.ended()
        assert opened.is_over
        with pytest.raises(WorkerCrashedError):
            await opened.call("echo", b"", 0.0)


async def test_copies_of_models_that_are_held_are_known() -> None:
    async with bridge() as opened:
        assert opened.copies("app") == ()
        await opened.hold(["app"])
        await opened.call("echo", b"", 0.0)
        assert [copy.n_workers for copy in opened.copies("app")] == [3]


async def test_where_nobody_listens_no_bridge_is_started() -> None:
    async with cluster() as place:
        pass
    with pytest.raises(ClusterUnreachableError, match="nobody answers"):
        await start_bridge(place, module="no.such.module")


@pytest.mark.parametrize(
    ("node", "reason"),
    [("refuse", "another token"), ("die", "ended before"), ("lie", "ended before")],
)
async def test_a_bridge_that_is_not_let_in_says_why(node: str, reason: str) -> None:
    async with cluster(node) as place:
        with pytest.raises(ClusterUnreachableError, match=reason):
            await start_bridge(place, module=SCRIPTED)


def test_a_token_is_not_shown() -> None:
    place = ClusterPlace("127.0.0.1:6379", "", {"RAY_AUTH_TOKEN": "secret"})
    assert "secret" not in repr(place)
