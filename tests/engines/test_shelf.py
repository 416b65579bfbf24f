"""Real weights on the shelf: in a process of their own, shared, and freed."""

from __future__ import annotations

import asyncio
from functools import partial

import psutil
import pytest

from loquent.domain.transcript import Task
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import start_engine
from loquent.engines.recognizers import RecognizerShelf
from loquent.engines.scheduling.scheduler import Scheduler
from loquent.engines.whisper.context import tight_context_s
from loquent.ports import RecognitionOptions
from tests.assets import SAMPLE_TEXT, sample
from tests.engines.weights import ENGLISH_ONLY, folder, samples_of, text_of, word_error_rate

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engines")]


def spec_of(model_id: str) -> EngineSpec:
    return EngineSpec(model_id, "whisper_ct2", folder(model_id), {"n_threads": 1})


async def test_callers_at_once_share_one_process_that_ends_with_the_shelf() -> None:
    before = set(psutil.Process().children())
    shelf = RecognizerShelf(spec_of, start_engine, partial(Scheduler, context_s=tight_context_s))
    first, second = await asyncio.gather(*(shelf.recognizer(ENGLISH_ONLY) for _ in range(2)))
    assert len(set(psutil.Process().children()) - before) == 1
    assert shelf.loaded() == {ENGLISH_ONLY}
    options = RecognitionOptions(Task.TRANSCRIBE, "en")
    for recognizer in (first, second):
        recognition = await recognizer.recognize(samples_of(sample()), options)
        assert word_error_rate(SAMPLE_TEXT, text_of(recognition)) <= 0.2
    await shelf.close()
    assert shelf.loaded() == set()
    assert not set(psutil.Process().children()) - before
