"""A session that goes on for hours holds no more than one that just began."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from loquent.domain.audio import SAMPLE_RATE_HZ
from loquent.domain.live import Final
from tests.fakes.fake_live_recognizer import sentence
from tests.fakes.fake_speech import silence
from tests.unit.realtime.stage import Stage, pcm, stage
from tests.unit.realtime.streams import request

LEAD_S = 50.0

CYCLE = np.concatenate([silence(LEAD_S), sentence("one", "two"), silence(60.0 - LEAD_S - 0.8)])
"""A minute."""

GROWTH_BYTES = 1_000_000
"""What the interpreter may keep for itself; a minute of sound takes four times as much."""


@dataclass
class Listened:
    """What the caller was told, as far as it matters here."""

    starts_s: list[float]

    async def to_minutes(self, on: Stage, n: int) -> None:
        sound = pcm(CYCLE)
        for _ in range(n):
            await on.session.hear(sound)
            await on.read_waiting()
            for final in on.told(Final):
                assert final.transcript.text == "one two"
                self.starts_s += [word.start_s for word in final.transcript.words[:1]]
            on.updates.clear()
            on.recognizer.calls.clear()
            on.analyst.heard.clear()


async def held_after(on: Stage, listened: Listened, n_minutes: int) -> int:
    await listened.to_minutes(on, n_minutes)
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize(
    "n_hours", [1, pytest.param(24, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
@pytest.mark.parametrize("speakers", [False, True], ids=["words", "speakers"])
async def test_hours_leave_no_trace_and_move_no_word(n_hours: int, *, speakers: bool) -> None:
    listened = Listened([])
    async with stage(request(speakers=speakers)) as on:
        tracemalloc.start()
        try:
            early = await held_after(on, listened, 5)
            late = await held_after(on, listened, 60 * n_hours - 5)
        finally:
            tracemalloc.stop()
        assert late - early < GROWTH_BYTES
        assert on.session.activity().heard_s == 3600.0 * n_hours
    expected = [minute * 60.0 + LEAD_S for minute in range(60 * n_hours)]
    assert listened.starts_s == pytest.approx(expected, abs=1 / SAMPLE_RATE_HZ)
