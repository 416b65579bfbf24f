"""Analysts from the shelf, in children that have no weights."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from loquent.domain.audio import SpeechRegion
from loquent.domain.errors import ModelNotFoundError, OverloadedError
from loquent.engines.analysing.scheduler import WindowScheduler
from loquent.engines.analysing.shelf import VoiceShelf
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import EngineProcess, start_engine
from loquent.engines.slots import ShelfOptions
from tests.unit.engines.host.fake_analyser import ANALYSERS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children need Unix sockets")

WANTED = SpeechRegion(0.0, 10.0)
SECOND = np.ones(16_000, np.float32)


def spec_of(model_id: str) -> EngineSpec:
    if model_id == "none":
        raise ModelNotFoundError("There is none.")
    return EngineSpec(model_id, "fake", Path("/models") / model_id)


@asynccontextmanager
async def running(
    max_loaded: int = 2, max_wait_s: float = 60.0
) -> AsyncIterator[VoiceShelf[EngineProcess]]:
    shelf = VoiceShelf(
        spec_of,
        partial(start_engine, performers=ANALYSERS),
        partial(WindowScheduler, max_wait_s=max_wait_s),
        ShelfOptions(max_loaded=max_loaded, linger_s=0.0),
    )
    try:
        yield shelf
    finally:
        await shelf.close()


async def test_an_analyst_stays_good_where_its_model_was_unloaded_since() -> None:
    async with running(max_loaded=1) as shelf:
        first = await shelf.analyst("one")
        second = await shelf.analyst("two")
        assert shelf.loaded() == {"two"}
        for analyst in (first, second):
            found = await analyst.analyse(SECOND, WANTED, 0.0)
            assert [span.heard_s for span in found.spans] == [1.0]


async def test_a_model_that_is_not_there_is_told_at_once() -> None:
    async with running() as shelf:
        with pytest.raises(ModelNotFoundError):
            await shelf.analyst("none")


async def test_a_recording_that_would_wait_too_long_is_refused() -> None:
    async with running(max_wait_s=-1.0) as shelf:
        with pytest.raises(OverloadedError):
            await shelf.analyst("one")
