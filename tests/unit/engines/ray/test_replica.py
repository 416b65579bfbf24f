"""One copy of a model, over a real child that speaks; no cluster."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loquent.domain.audio import SpeechRegion
from loquent.domain.errors import ModelLoadError, ModelNotFoundError
from loquent.domain.speech import VoiceMix
from loquent.engines.host import protocol
from loquent.engines.host.messages import Analyse, Failure, Ready, Speak, Spoken
from loquent.engines.host.protocol import ProtocolError
from loquent.engines.ray.frames import answer_in
from loquent.engines.ray.plans import ModelPlan, Trade
from loquent.engines.ray.replica import ModelReplica, Node
from loquent.ports import PieceOptions

PLAN = ModelPlan(Trade.SPEAKING, "espeak", "espeak", "/nowhere/espeak")
ORDER = Speak(5, "Hello there.", PieceOptions(VoiceMix((("en", 1.0),)), "en"))


def node(folder: Path | None) -> Node:
    def locate(model_id: str) -> Path:
        if folder is None:
            raise ModelNotFoundError(f"{model_id} is not installed.")
        return folder

    return Node(locate, {})


@asynccontextmanager
async def replica(folder: Path) -> AsyncIterator[ModelReplica]:
    copy = ModelReplica(PLAN, node(folder))
    await copy.load()
    try:
        yield copy
    finally:
        await copy.close()


async def test_an_order_is_done_and_its_number_kept(tmp_path: Path) -> None:
    async with replica(tmp_path) as copy:
        answer = answer_in(await copy.perform(protocol.encode(ORDER), 1.0))
        assert isinstance(answer, Spoken)
        assert answer.id == 5
        assert len(answer.piece.samples) > 1000
        status = copy.status()
        assert status.n_done == 1
        assert status.sample_rate_hz == answer.piece.sample_rate_hz
        assert status.memory_bytes > 0


async def test_a_child_that_dies_is_replaced_and_calls_wait_for_it(tmp_path: Path) -> None:
    async with replica(tmp_path) as copy:
        for _ in range(2):
            engine = copy._engine
            assert engine is not None
            os.kill(engine.pid, signal.SIGKILL)
            await engine._listening
            copy.check()
            assert isinstance(answer_in(await copy.perform(protocol.encode(ORDER), 1.0)), Spoken)


async def test_an_order_for_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    order = Analyse(1, np.zeros(16_000, np.float32), SpeechRegion(0.0, 1.0))
    async with replica(tmp_path) as copy:
        with pytest.raises(ProtocolError):
            await copy.perform(protocol.encode(order), 0.0)
        with pytest.raises(ProtocolError):
            await copy.perform(protocol.encode(Ready(1)), 0.0)
        with pytest.raises(ProtocolError):
            await copy.perform(protocol.encode(ORDER)[:-1], 0.0)


async def test_the_folder_of_the_gateway_is_taken_where_it_is(tmp_path: Path) -> None:
    copy = ModelReplica(replace(PLAN, folder=str(tmp_path)), node(None))
    await copy.load()
    await copy.close()


async def test_a_node_without_the_files_says_so() -> None:
    copy = ModelReplica(PLAN, node(None))
    with pytest.raises(ModelLoadError, match="LOQUENT_DATA_DIR"):
        await copy.load()
    with pytest.raises(ModelLoadError):
        copy.check()
    answer = answer_in(await copy.perform(protocol.encode(ORDER), 0.0))
    assert isinstance(answer, Failure)
    assert answer.code == "worker_crashed"  # another copy may have them
    await copy.close()


async def test_a_copy_that_has_loaded_nothing_is_not_healthy() -> None:
    with pytest.raises(ModelLoadError):
        ModelReplica(PLAN, node(None)).check()
