"""Who is let in by a model that has no time left."""

from __future__ import annotations

import pytest

from loquent.domain.errors import OverloadedError
from loquent.domain.live import LiveRequest, SoundFormat
from loquent.realtime.commands import Effort
from loquent.realtime.ladder import MAX_FINAL_S, RETRY_AFTER_S, RUNGS, STEP_UP_S, Ladder
from loquent.realtime.transcriber import LocalLiveTranscriber
from tests.fakes.fake_live_recognizer import FakeLiveRecognizer
from tests.fakes.fake_speech import FakeDetector
from tests.fakes.fake_voices import FakeAnalyst


def exhausted() -> Ladder:
    ladder = Ladder()
    for number in range(1, len(RUNGS) + 1):
        ladder.observe(Effort.FINAL, 2 * MAX_FINAL_S, number * STEP_UP_S)
    return ladder


async def test_nobody_is_let_in_once_there_is_nothing_left_to_save() -> None:
    transcriber = LocalLiveTranscriber(
        "model",
        detector=FakeDetector(),
        recognizers=FakeLiveRecognizer(),
        analysts=FakeAnalyst(),
        diarization_model="voices",
    )
    transcriber._ladder = exhausted()
    with pytest.raises(OverloadedError) as caught:
        async with transcriber.open(LiveRequest("model", SoundFormat(16_000))):
            pytest.fail("it was opened")
    assert caught.value.retry_after_s == RETRY_AFTER_S
    assert list(transcriber.sessions()) == []
