"""What every `Diarizer` promises, asked of each one there is."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from loquent.domain.audio import AudioSource
from loquent.domain.errors import EngineError
from loquent.domain.speakers import Diarization, DiarizationRequest, SpeakerSearch, letter
from loquent.pipeline.diarization.local import LocalDiarizer
from loquent.ports import Diarizer
from tests.fakes.fake_diarizer import FakeDiarizer
from tests.fakes.fake_speech import FakeDecoder, FakeDetector, silence, spoken
from tests.fakes.fake_transcriber import Gate
from tests.fakes.fake_voices import VOICES_MODEL, FakeAnalyst, following
from tests.unit.codec.recordings import saved

REQUEST = DiarizationRequest("any")

EPSILON_S = 1e-9


def _over_fakes(analyst: FakeAnalyst | None = None) -> LocalDiarizer:
    """Return the local path, with a recording in which two speak, once both at a time."""
    lines = [spoken(0, 6.0), spoken(2, 2.0), spoken(1, 5.0), silence(2.0), spoken(0, 4.0)]
    decoder = FakeDecoder([np.concatenate(lines)])
    return LocalDiarizer(
        VOICES_MODEL,
        decoder=decoder,
        detector=FakeDetector(),
        following=following(analyst or FakeAnalyst(cast=("A", "B", "AB")), decoder),
    )


@pytest.fixture(params=["fake", "local over fakes"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def diarizer(name: str) -> Diarizer:
    return FakeDiarizer() if name == "fake" else _over_fakes()


@pytest.fixture
def waiting(name: str) -> Diarizer:
    """Return a diarizer whose model does not answer."""
    if name == "fake":
        return FakeDiarizer([Gate()])
    return _over_fakes(FakeAnalyst(gate=asyncio.Event()))


@pytest.fixture
def broken(name: str) -> Diarizer:
    """Return a diarizer whose model fails."""
    error = EngineError("It is broken.")
    return FakeDiarizer([error]) if name == "fake" else _over_fakes(FakeAnalyst(errors={0: error}))


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    """Return a file that means nothing to fakes."""
    return saved(tmp_path / "recording", b"sound")


@pytest.fixture
async def found(diarizer: Diarizer, source: AudioSource) -> Diarization:
    return await diarizer.diarize(REQUEST, source)


async def test_turns_are_sorted_and_inside_the_recording(found: Diarization) -> None:
    assert found.turns
    for turns in (found.turns, found.exclusive):
        assert all(0 <= turn.start_s < turn.end_s <= found.duration_s for turn in turns)
        assert all(one.start_s <= other.start_s for one, other in pairwise(turns))


async def test_nobody_has_two_turns_at_once(found: Diarization) -> None:
    for speaker in found.speakers:
        own = [turn for turn in found.turns if turn.speaker == speaker]
        assert all(one.end_s < other.start_s for one, other in pairwise(own))


async def test_turns_overlap_and_exclusive_ones_never_do(found: Diarization) -> None:
    assert any(one.end_s > other.start_s for one, other in pairwise(found.turns))
    assert all(one.end_s <= other.start_s + EPSILON_S for one, other in pairwise(found.exclusive))


async def test_exclusive_turns_are_parts_of_turns_of_the_same_speaker(found: Diarization) -> None:
    for part in found.exclusive:
        assert any(
            turn.speaker == part.speaker
            and turn.start_s <= part.start_s + EPSILON_S
            and part.end_s <= turn.end_s + EPSILON_S
            for turn in found.turns
        )


async def test_there_is_an_exclusive_turn_wherever_somebody_speaks(found: Diarization) -> None:
    for turn in found.turns:
        covered_s = sum(
            max(0.0, min(turn.end_s, part.end_s) - max(turn.start_s, part.start_s))
            for part in found.exclusive
        )
        assert covered_s == pytest.approx(turn.duration_s)


async def test_strangers_have_letters_in_the_order_in_which_they_begin(found: Diarization) -> None:
    assert len(found.speakers) == 2
    assert found.speakers == tuple(letter(number) for number in range(2))


async def test_it_is_said_by_which_model_and_by_whom_it_was_found(found: Diarization) -> None:
    assert found.model
    assert found.provider == "local"


async def test_the_same_recording_gives_the_same_answer(
    diarizer: Diarizer, source: AudioSource, found: Diarization
) -> None:
    assert await diarizer.diarize(REQUEST, source) == found


async def test_no_more_people_are_found_than_a_caller_allows(
    diarizer: Diarizer, source: AudioSource
) -> None:
    for search in (SpeakerSearch(n_speakers=2), SpeakerSearch(max_speakers=3)):
        found = await diarizer.diarize(DiarizationRequest("any", search), source)
        assert len(found.speakers) == 2


async def test_a_caller_may_leave_at_any_time(
    waiting: Diarizer, diarizer: Diarizer, source: AudioSource
) -> None:
    before = asyncio.all_tasks()
    diarizing = asyncio.create_task(waiting.diarize(REQUEST, source))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not diarizing.done()
    diarizing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await diarizing
    assert asyncio.all_tasks() == before
    assert (await diarizer.diarize(REQUEST, source)).turns


async def test_a_model_that_fails_is_an_engine_error(broken: Diarizer, source: AudioSource) -> None:
    with pytest.raises(EngineError):
        await broken.diarize(REQUEST, source)
