"""The local path without words over fakes: voices told apart, or channels."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from loquent.domain.audio import Samples
from loquent.domain.errors import EngineError, InvalidAudioError, InvalidRequestError
from loquent.domain.speakers import (
    Channels,
    Diarization,
    DiarizationRequest,
    KnownSpeaker,
    SpeakerSearch,
    SpeakerTurn,
)
from loquent.pipeline.diarization.local import LocalDiarizer
from tests.fakes.fake_speech import FakeDetector, silence, spoken
from tests.fakes.fake_voices import (
    VOICES_MODEL,
    FakeAnalyst,
    FakeRecordings,
    following,
    recording,
)

MIXED = DiarizationRequest("any")
SEPARATE = DiarizationRequest("any", SpeakerSearch(channels=Channels.SEPARATE))

PADDING_S = 0.05
FRAME_S = 0.032


def local(recordings: FakeRecordings, analyst: FakeAnalyst | None = None) -> LocalDiarizer:
    return LocalDiarizer(
        VOICES_MODEL,
        decoder=recordings,
        detector=FakeDetector(),
        following=following(analyst or FakeAnalyst(), recordings),
    )


async def found(
    *channels: Sequence[Samples | Exception], request: DiarizationRequest = MIXED
) -> Diarization:
    """Return who speaks on these channels, of which each window is given."""
    return await local(FakeRecordings({"talk": channels})).diarize(request, recording())


def speakers(turns: Sequence[SpeakerTurn]) -> str:
    return "".join(turn.speaker for turn in turns)


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_voices_are_told_apart() -> None:
    told = await found([spoken(0, 5.0), silence(1.0), spoken(1, 5.0), spoken(0, 5.0)])
    assert speakers(told.turns) == speakers(told.exclusive) == "ABA"
    assert [turn.start_s for turn in told.turns] == pytest.approx([0, 6, 11], abs=0.05)
    assert (told.duration_s, told.model, told.provider) == (16.0, VOICES_MODEL, "local")


async def test_the_mean_of_all_channels_is_heard() -> None:
    channel = [spoken(0, 4.0), spoken(1, 4.0)]
    assert await found(channel, channel) == await found(channel)


async def test_the_caller_says_how_many_there_are_and_who_is_known() -> None:
    recordings = FakeRecordings(
        {"talk": [[spoken(0, 5.0), spoken(1, 5.0), spoken(2, 5.0)]], "Bob": [[spoken(1, 3.0)]]}
    )
    known = (KnownSpeaker("Bob", recording("Bob")),)
    request = DiarizationRequest("any", SpeakerSearch(n_speakers=3, known=known))
    told = await local(recordings).diarize(request, recording())
    assert speakers(told.turns) == "ABobB"
    fewer = DiarizationRequest("any", SpeakerSearch(n_speakers=1))
    assert speakers((await local(recordings).diarize(fewer, recording())).turns) == "A"


@pytest.mark.parametrize("windows", [[], [silence(0.01)], [silence(30.0)]])
async def test_where_nobody_speaks_there_are_no_turns(windows: list[Samples]) -> None:
    told = await found(windows)
    assert (told.turns, told.exclusive) == ((), ())
    assert told.duration_s == sum(map(len, windows)) / 16_000


async def test_a_model_that_is_not_there_keeps_the_recording_from_being_decoded() -> None:
    recordings = FakeRecordings({"talk": [[spoken(0, 1.0)]]})
    absent = EngineError("It is not there.")
    with pytest.raises(EngineError) as raised:
        await local(recordings, FakeAnalyst(absence=absent)).diarize(MIXED, recording())
    assert raised.value is absent
    assert recordings.n_begun == 0


async def test_a_recording_that_breaks_off_is_an_error_and_nothing_goes_on() -> None:
    recordings = FakeRecordings({"talk": [[spoken(0, 30.0), InvalidAudioError("broken")]]})
    analyst = FakeAnalyst(gate=asyncio.Event())
    with pytest.raises(InvalidAudioError):
        await local(recordings, analyst).diarize(MIXED, recording())
    assert (analyst.n_running, recordings.n_closed) == (0, 1)


async def test_an_error_of_the_model_closes_the_recording() -> None:
    recordings = FakeRecordings({"talk": [[spoken(0, 30.0)] * 20]})
    broken = EngineError("broken")
    with pytest.raises(EngineError) as raised:
        await local(recordings, FakeAnalyst(errors={1: broken})).diarize(MIXED, recording())
    assert raised.value is broken
    assert recordings.n_closed == 1
    assert recordings.n_windows < 20


@pytest.mark.parametrize("request_", [MIXED, SEPARATE])
async def test_a_caller_that_is_cancelled_stops_the_work(request_: DiarizationRequest) -> None:
    recordings = FakeRecordings({"talk": [[spoken(0, 30.0)]] * 2})
    recordings.may_end = asyncio.Event()
    analyst = FakeAnalyst(gate=asyncio.Event())
    diarizing = asyncio.create_task(local(recordings, analyst).diarize(request_, recording()))
    await settled()
    assert (recordings.n_begun, recordings.n_closed) == (1, 0)
    diarizing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await diarizing
    assert (analyst.n_running, recordings.n_closed) == (0, 1)


async def test_each_channel_is_one_speaker_however_it_sounds() -> None:
    caller = [silence(4.0), spoken(0, 3.0), silence(3.0)]
    agent = [spoken(0, 2.0), silence(6.0), spoken(1, 2.0)]
    told = await found([np.concatenate(caller)], [np.concatenate(agent)], request=SEPARATE)
    assert speakers(told.turns) == "ABA"
    assert [turn.start_s for turn in told.turns] == pytest.approx([0, 4, 8], abs=0.1)
    assert [turn.end_s for turn in told.turns] == pytest.approx([2, 7, 10], abs=0.1)
    assert told.exclusive == told.turns
    assert (told.duration_s, told.model) == (10.0, VOICES_MODEL)


async def test_channels_need_no_model() -> None:
    recordings = FakeRecordings({"talk": [[spoken(0, 3.0)]] * 2})
    analyst = FakeAnalyst(absence=EngineError("It is not there."))
    told = await local(recordings, analyst).diarize(SEPARATE, recording())
    assert told.speakers == ("A", "B")
    assert analyst.asked_for == []


async def test_a_silent_channel_is_nobody() -> None:
    told = await found(
        [silence(5.0)], [spoken(0, 5.0)], [silence(5.0)], [spoken(0, 5.0)], request=SEPARATE
    )
    assert told.speakers == ("A", "B")


async def test_a_recording_is_as_long_as_its_longest_channel() -> None:
    told = await found([spoken(0, 5.0)], [spoken(0, 7.0)], [spoken(0, 2.0)], request=SEPARATE)
    assert told.duration_s == 7.0
    assert max(turn.end_s for turn in told.turns) == 7.0


async def test_who_speak_at_once_on_two_channels_both_have_turns_and_one_the_exclusive_one() -> (
    None
):
    first = [np.concatenate([spoken(0, 6.0), silence(6.0)])]
    within = [np.concatenate([silence(2.0), spoken(0, 2.0), silence(8.0)])]
    behind = [np.concatenate([silence(5.0), spoken(0, 5.0), silence(2.0)])]
    told = await found(first, within, behind, request=SEPARATE)
    assert speakers(told.turns) == "ABC"
    assert speakers(told.exclusive) == "AC"
    assert told.exclusive[1] == SpeakerTurn(told.turns[0].end_s, told.turns[2].end_s, "C")
    assert all(one.end_s <= other.start_s for one, other in pairwise(told.exclusive))


async def test_a_turn_on_a_channel_is_as_long_as_somebody_speaks() -> None:
    told = await found([spoken(0, 30.0)] * 3, [silence(30.0)] * 3, request=SEPARATE)
    (only,) = told.turns
    assert (only.start_s, only.end_s) == pytest.approx((0.0, 90.0), abs=FRAME_S)


async def test_a_short_pause_ends_a_turn_on_a_channel() -> None:
    speech = np.concatenate([spoken(0, 2.0), silence(0.5), spoken(0, 2.0)])
    told = await found([speech], [silence(4.5)], request=SEPARATE)
    assert speakers(told.turns) == "AA"
    pause_s = told.turns[1].start_s - told.turns[0].end_s
    assert pause_s == pytest.approx(0.5 - 2 * PADDING_S, abs=2 * FRAME_S)


async def test_one_channel_cannot_be_told_apart() -> None:
    recordings = FakeRecordings({"talk": [[spoken(0, 3.0)]]})
    with pytest.raises(InvalidRequestError, match="several channels") as raised:
        await local(recordings).diarize(SEPARATE, recording())
    assert raised.value.param == "channels"
    assert recordings.n_begun == recordings.n_closed


async def test_a_broken_channel_is_an_error() -> None:
    with pytest.raises(InvalidAudioError, match="broken"):
        await found([spoken(0, 1.0)], [InvalidAudioError("broken")], request=SEPARATE)
