"""What is told of models on a shelf, while they load, work and rest."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from loquent.domain.audio import SpeechRegion
from loquent.engines.analysing.scheduler import WindowScheduler
from loquent.engines.analysing.shelf import VoiceShelf
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import start_engine
from loquent.wiring.shelves import activities
from tests.unit.engines.host.fake_analyser import ANALYSERS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children need Unix sockets")


async def test_a_model_is_told_of_from_its_loading_to_its_work() -> None:
    shelf = VoiceShelf(
        lambda model_id: EngineSpec(model_id, "fake", Path("/models")),
        partial(start_engine, performers=ANALYSERS),
        WindowScheduler,
    )
    assert activities(shelf, lane="voices") == []
    loading = asyncio.create_task(shelf.analyst("one"))
    await asyncio.sleep(0)
    (told,) = activities(shelf, lane="voices")
    assert (told.model, told.is_loaded) == ("one", False)
    analyst = await loading
    for _ in range(3):
        await analyst.analyse(np.zeros(16_000, np.float32), SpeechRegion(0.0, 1.0), 0.0)
    (told,) = activities(shelf, lane="voices")
    assert told.is_loaded
    assert told.memory_bytes > 0
    assert (told.n_workers, told.n_running, told.n_waiting) == (2, 0, {"voices": 0})
    assert (told.n_batches, told.estimated_wait_s) == (3, 0.0)
    await shelf.close()
    assert activities(shelf, lane="voices") == []
