"""A model follows its cluster as it comes and goes; no Ray, no processes, no time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from loquent.domain.errors import (
    EngineError,
    ModelLoadError,
    ModelNotReadyError,
    OverloadedError,
    WorkerCrashedError,
)
from loquent.domain.speech import VoiceMix
from loquent.engines.due_order import DueStatus
from loquent.engines.host import protocol
from loquent.engines.host.messages import Failure, Spoken
from loquent.engines.host.performers import EngineSpec
from loquent.engines.ray.backend import RayBackend, StandIn
from loquent.engines.ray.failures import ForgottenError
from loquent.engines.ray.model import RayModel
from loquent.engines.ray.plans import Share, Trade
from loquent.engines.ray.presence import Place
from loquent.engines.ray.services import RaySpeaking
from loquent.engines.ray.statuses import CopyStatus
from loquent.engines.services import SpeakingService
from loquent.ports import PieceOptions, SpokenPiece
from tests.unit.engines.ray.fake_bridge import FakeBridge, FakeGround, settle

SPEC = EngineSpec("kokoro", "kokoro", Path("/models/kokoro"))
OPTIONS = PieceOptions(VoiceMix((("a", 1.0),)), "en")
THERE, HERE = 24_000, 16_000
"""Rates by which sound of the cluster and of the stand-in are told apart."""


def piece(rate_hz: int) -> SpokenPiece:
    return SpokenPiece(np.zeros(4, np.float32), rate_hz)


def spoken_there(_frame: bytes) -> bytes:
    return protocol.encode(Spoken(0, piece(THERE), 0.1))


def failing(code: str) -> Callable[[bytes], bytes]:
    return lambda _frame: protocol.encode(Failure(0, code, "words"))


class FakeEngine:
    """A stand-in that is loaded."""

    n_copies = 1
    is_closed = False

    def memory_bytes(self) -> int:
        return 5

    async def close(self) -> None:
        self.is_closed = True


class HereSpeaking:
    """What speaks while the cluster is away."""

    n_workers = 1
    sample_rate_hz = HERE

    def __init__(self, _engine: FakeEngine) -> None:
        self.n_spoken = 0

    def check_admission(self) -> None:
        pass

    def status(self) -> DueStatus:
        return DueStatus(1, 0, 0, self.n_spoken, 0.0)

    async def speak(self, text: str, options: PieceOptions, due_s: float) -> SpokenPiece:
        self.n_spoken += 1
        return piece(HERE)

    async def close(self) -> None:
        pass


async def start_here(_spec: EngineSpec, _on_exit: Callable[[], None]) -> FakeEngine:
    return FakeEngine()


STAND_IN: StandIn[SpeakingService] = StandIn(start_here, HereSpeaking)


@asynccontextmanager
async def speaking(
    ground: FakeGround, stand_in: StandIn[SpeakingService] | None = STAND_IN, wait_s: float = 60.0
) -> AsyncIterator[tuple[RayModel[SpeakingService], RaySpeaking]]:
    backend = RayBackend(ground.cluster, Trade.SPEAKING, Share(), stand_in)
    model = await backend.start(SPEC, lambda: None)
    await settle()
    try:
        yield model, RaySpeaking(model, max_wait_s=wait_s)
    finally:
        await model.close()


async def rate_of(service: RaySpeaking) -> int:
    return (await service.speak("Hello.", OPTIONS, 0.0)).sample_rate_hz


async def test_a_cluster_that_answers_serves() -> None:
    bridge = FakeBridge(spoken_there)
    async with speaking(FakeGround(bridge)) as (model, service):
        assert await rate_of(service) == THERE
        assert model.place is Place.CLUSTER
        assert bridge.held == [bridge.deployed[0].name]
        assert model.local is None
        assert service.sample_rate_hz == THERE
    assert bridge.held == []


async def test_without_a_cluster_the_stand_in_serves() -> None:
    async with speaking(FakeGround()) as (model, service):
        assert await rate_of(service) == HERE
        assert service.sample_rate_hz == HERE
        assert service.status().n_done == 1
        assert model.n_copies == 1
        assert model.memory_bytes() == 5


async def test_a_cluster_that_comes_is_used_by_itself() -> None:
    ground = FakeGround()
    async with speaking(ground) as (_, service):
        ground.appear(FakeBridge(spoken_there))
        await settle()
        assert await rate_of(service) == THERE


async def test_a_cluster_that_goes_is_replaced_by_the_stand_in_and_comes_back() -> None:
    bridge = FakeBridge(spoken_there)
    ground = FakeGround(bridge)
    async with speaking(ground) as (_, service):
        for _ in range(3):
            bridge.lose()
            await settle()
            assert await rate_of(service) == HERE
            bridge = FakeBridge(spoken_there)
            ground.appear(bridge)
            await settle()
            assert await rate_of(service) == THERE


async def test_a_call_that_is_lost_says_so_and_its_next_attempt_finds_the_stand_in() -> None:
    bridge = FakeBridge(spoken_there)

    def lost(_frame: bytes) -> bytes:
        bridge.lose()
        raise WorkerCrashedError("lost")

    bridge.answer = lost
    async with speaking(FakeGround(bridge)) as (_, service):
        with pytest.raises(WorkerCrashedError):
            await rate_of(service)
        assert await rate_of(service) == HERE  # nobody had time to be told of the loss


async def test_without_a_stand_in_calls_are_refused_until_the_cluster_answers() -> None:
    ground = FakeGround()
    async with speaking(ground, None) as (model, service):
        assert model.place is Place.NOBODY
        with pytest.raises(ModelNotReadyError, match="does not answer") as refused:
            service.check_admission()
        assert refused.value.retry_after_s
        with pytest.raises(ModelNotReadyError):
            await rate_of(service)
        ground.appear(FakeBridge(spoken_there))
        await settle()
        service.check_admission()
        assert await rate_of(service) == THERE


async def test_a_model_that_the_cluster_forgot_is_deployed_again() -> None:
    bridge = FakeBridge()

    def forgotten(_frame: bytes) -> bytes:
        bridge.answer = spoken_there
        raise ForgottenError("gone")

    bridge.answer = forgotten
    async with speaking(FakeGround(bridge)) as (_, service):
        with pytest.raises(WorkerCrashedError):
            await rate_of(service)
        await settle()
        assert await rate_of(service) == THERE
        assert len(bridge.deployed) == 2


async def test_a_model_that_does_not_load_there_is_told_at_its_start() -> None:
    bridge = FakeBridge()
    bridge.deploy_error = ModelLoadError("damaged")
    backend = RayBackend(FakeGround(bridge).cluster, Trade.SPEAKING, Share(), STAND_IN)
    with pytest.raises(ModelLoadError, match="damaged"):
        await backend.start(SPEC, lambda: None)
    assert bridge.held == []


async def test_a_model_that_does_not_load_after_a_return_stays_here_and_is_tried_again() -> None:
    ground = FakeGround()
    async with speaking(ground) as (_, service):
        bridge = FakeBridge(spoken_there)
        bridge.deploy_error = ModelLoadError("no room")
        ground.appear(bridge)
        await settle()
        assert await rate_of(service) == HERE
        bridge.deploy_error = None
        ground.wake()
        await settle()
        assert await rate_of(service) == THERE


@pytest.mark.parametrize(
    ("code", "error"), [("worker_crashed", WorkerCrashedError), ("engine_error", EngineError)]
)
async def test_what_a_copy_says_of_its_failure_is_raised(
    code: str, error: type[EngineError]
) -> None:
    async with speaking(FakeGround(FakeBridge(failing(code)))) as (_, service):
        with pytest.raises(error):
            await rate_of(service)


async def test_an_answer_that_cannot_be_read_fails_the_call_alone() -> None:
    async with speaking(FakeGround(FakeBridge(lambda _frame: b"?"))) as (_, service):
        with pytest.raises(EngineError):
            await rate_of(service)


async def test_the_due_time_crosses_as_what_is_left() -> None:
    bridge = FakeBridge(spoken_there)
    async with speaking(FakeGround(bridge)) as (model, _):
        service = RaySpeaking(model)
        service._clock = lambda: 100.0
        await service.speak("Hello.", OPTIONS, 102.5)
        assert bridge.due == [2.5]


async def test_a_newcomer_who_would_wait_too_long_is_refused() -> None:
    bridge = FakeBridge(spoken_there)
    async with speaking(FakeGround(bridge), wait_s=1.0) as (_, service):
        service.check_admission()
        bridge.status = CopyStatus(estimated_wait_s=2.0)
        with pytest.raises(OverloadedError) as refused:
            service.check_admission()
        assert refused.value.retry_after_s == 2.0


async def test_a_model_that_is_closing_takes_no_more_calls() -> None:
    async with speaking(FakeGround(FakeBridge(spoken_there))) as (_, service):
        await service.close()
        with pytest.raises(ModelNotReadyError, match="unloaded"):
            await rate_of(service)


async def test_models_of_one_gateway_share_a_bridge_that_ends_with_the_last() -> None:
    bridge = FakeBridge(spoken_there)
    ground = FakeGround(bridge)
    cluster = ground.cluster
    one, two = (
        RayBackend(cluster, trade, Share(), STAND_IN) for trade in (Trade.SPEAKING, Trade.LISTENING)
    )
    first = await one.start(SPEC, lambda: None)
    second = await two.start(SPEC, lambda: None)
    assert ground.n_asked == 1
    assert len(bridge.held) == 2
    await first.close()
    assert cluster.bridge is not None
    assert len(bridge.held) == 1
    await second.close()
    assert cluster.bridge is None
