"""A recording is followed window by window: order, room, haste, errors, leaving, known voices."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, duration_s
from loquent.domain.errors import (
    EngineError,
    InvalidAudioError,
    InvalidRequestError,
    LoquentError,
    ModelLoadError,
    OverloadedError,
    WorkerCrashedError,
)
from loquent.domain.speakers import MAX_REFERENCE_S, MIN_REFERENCE_S, KnownSpeaker, SpeakerSearch
from loquent.pipeline.diarization.following import (
    N_IN_FLIGHT,
    SpeakerFollower,
    SpeakerFollowing,
    main_voice,
)
from loquent.pipeline.diarization.windows import HOP_S
from loquent.ports import WINDOW_S, VoiceSpan, WindowVoices
from tests.fakes.fake_speech import silence, spoken
from tests.fakes.fake_voices import (
    VOICES_MODEL,
    FakeAnalyst,
    FakeRecordings,
    following,
    recording,
    voice,
)

ANYBODY = SpeakerSearch()


def followed(analyst: FakeAnalyst) -> SpeakerFollowing:
    return following(analyst, FakeRecordings({}))


def talk(n_windows: int) -> Samples:
    """Return speech that fills so many windows."""
    return spoken(0, WINDOW_S + (n_windows - 1) * HOP_S)


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


@contextmanager
def nothing_left_over() -> Iterator[None]:
    """Fail if an error was raised that nobody took."""
    left_over: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, told: left_over.append(told))
    tasks = asyncio.all_tasks()
    yield
    gc.collect()
    assert asyncio.all_tasks() == tasks
    assert left_over == []


async def test_who_speaks_when_is_told_at_the_end() -> None:
    async with followed(FakeAnalyst()).follow(ANYBODY) as follower:
        for line in (1, 0, 1):
            await follower.hear(np.concatenate([spoken(line, 6.0), silence(1.0)]))
        found = await follower.finish()
    assert [turn.speaker for turn in found.turns] == ["A", "B", "A"]
    assert [turn.start_s for turn in found.turns] == pytest.approx([0, 7, 14], abs=0.05)
    assert [turn.end_s for turn in found.turns] == pytest.approx([6, 13, 20], abs=0.05)
    assert found.exclusive == found.turns
    assert (found.duration_s, found.model) == (21.0, VOICES_MODEL)


async def test_it_does_not_matter_how_the_samples_arrive() -> None:
    samples = np.concatenate([spoken(0, 9.0), spoken(1, 12.0)])
    found = []
    for n_pieces in (1, 7, 50):
        async with followed(FakeAnalyst()).follow(ANYBODY) as follower:
            for piece in np.array_split(samples, n_pieces):
                await follower.hear(piece)
            found.append(await follower.finish())
    assert found[0] == found[1] == found[2]


async def test_windows_are_heard_in_order_as_they_come_and_the_last_at_the_end() -> None:
    analyst = FakeAnalyst()
    async with followed(analyst).follow(ANYBODY) as follower:
        await follower.hear(talk(3))
        await settled()
        assert len(analyst.heard) == 2
        await follower.finish()
    assert [duration_s(window.samples) for window in analyst.heard] == [WINDOW_S] * 3
    assert [window.wanted.start_s for window in analyst.heard] == [0.0, HOP_S, HOP_S]


async def test_the_order_does_not_hang_on_which_window_is_done_first() -> None:
    """Cutting the recording elsewhere would mix up who is heard in which."""
    analyst = FakeAnalyst(gate=asyncio.Event())
    async with followed(analyst).follow(ANYBODY) as follower:
        await follower.hear(np.concatenate([spoken(0, 15.0), spoken(1, 15.0)]))
        await settled()
        held, analyst.gate = analyst.gate, None
        assert held is not None
        finishing = asyncio.create_task(follower.finish())
        await settled()
        held.set()
        found = await finishing
    assert [turn.speaker for turn in found.turns] == ["A", "B"]


@pytest.mark.parametrize("samples", [silence(0), silence(1.0), silence(31.0)])
async def test_where_nobody_speaks_nobody_is_found(samples: Samples) -> None:
    async with followed(FakeAnalyst()).follow(ANYBODY) as follower:
        await follower.hear(samples)
        found = await follower.finish()
    assert (found.turns, found.exclusive) == ((), ())
    assert found.duration_s == duration_s(samples)


async def test_of_what_never_began_nothing_is_found() -> None:
    async with followed(FakeAnalyst()).follow(ANYBODY) as follower:
        found = await follower.finish()
    assert (found.turns, found.duration_s) == ((), 0.0)


async def test_only_so_many_windows_wait_for_the_model() -> None:
    analyst = FakeAnalyst(gate=asyncio.Event())
    async with followed(analyst).follow(ANYBODY) as follower:
        hearing = asyncio.create_task(follower.hear(talk(N_IN_FLIGHT + 8)))
        await settled()
        assert not hearing.done()
        assert len(analyst.heard) == N_IN_FLIGHT
        assert analyst.gate is not None
        analyst.gate.set()
        await hearing
        await follower.finish()
    assert analyst.n_most == N_IN_FLIGHT
    assert len(analyst.heard) == N_IN_FLIGHT + 8


class Clock:
    """Stands still until it is moved."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now_s = 100.0
        stub = SimpleNamespace(monotonic=lambda: self.now_s)
        patch.setattr("loquent.pipeline.diarization.following.time", stub)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_a_recording_is_due_as_fast_as_it_sounds(clock: Clock) -> None:
    analyst = FakeAnalyst()
    async with followed(analyst).follow(ANYBODY) as follower:
        for _ in range(3):
            await follower.hear(talk(2))
            clock.now_s += 0.5
        await follower.finish()
    expected = [100.0 + number * HOP_S for number in range(len(analyst.heard))]
    assert [window.due_s for window in analyst.heard] == expected


async def test_who_comes_later_goes_before_the_rest_of_a_long_recording(clock: Clock) -> None:
    analyst = FakeAnalyst()
    async with (
        followed(analyst).follow(ANYBODY) as long,
        followed(analyst).follow(SpeakerSearch(2)) as other,
    ):
        assert long is not other
        await long.hear(talk(9))
        await settled()
        clock.now_s += 4.0
        async with followed(analyst).follow(ANYBODY) as newcomer:
            await newcomer.hear(talk(2))
            await settled()
        dues_s = [window.due_s for window in analyst.heard]
    of_long, of_newcomer = dues_s[:8], dues_s[8]
    assert sorted([*of_long, of_newcomer]).index(of_newcomer) == 2


async def _fail(follower: SpeakerFollower, at: str) -> None:
    await follower.hear(talk(4))
    await settled()
    if at == "hear":
        await follower.hear(talk(4))
    else:
        await follower.finish()


@pytest.mark.parametrize("at", ["hear", "finish"])
@pytest.mark.parametrize("failing", [(0,), (2,), (0, 1, 2)])
async def test_an_error_of_the_model_reaches_the_caller_and_nothing_is_left_over(
    at: str, failing: tuple[int, ...]
) -> None:
    broken = {n: EngineError(f"error {n}") for n in failing}
    with nothing_left_over(), pytest.raises(EngineError) as raised:
        async with followed(FakeAnalyst(errors=broken)).follow(ANYBODY) as follower:
            await _fail(follower, at)
    assert raised.value is broken[failing[0]]


async def test_who_waits_for_room_is_told_of_an_error() -> None:
    gate = asyncio.Event()
    analyst = FakeAnalyst(gate=gate, errors={3: EngineError("broken")})
    with nothing_left_over():
        async with followed(analyst).follow(ANYBODY) as follower:
            hearing = asyncio.create_task(follower.hear(talk(3 * N_IN_FLIGHT)))
            await settled()
            gate.set()
            with pytest.raises(EngineError, match="broken"):
                await hearing
    assert len(analyst.heard) < 3 * N_IN_FLIGHT


async def test_an_error_of_the_last_window_is_told_too() -> None:
    analyst = FakeAnalyst(errors={3: EngineError("broken")})
    with nothing_left_over():
        async with followed(analyst).follow(ANYBODY) as follower:
            await follower.hear(talk(4))
            with pytest.raises(EngineError, match="broken"):
                await follower.finish()


async def test_leaving_cancels_what_waits() -> None:
    analyst = FakeAnalyst(gate=asyncio.Event())
    with nothing_left_over():
        async with followed(analyst).follow(ANYBODY) as follower:
            await follower.hear(talk(5))
            await settled()
        assert (analyst.n_cancelled, analyst.n_running) == (4, 0)


@pytest.mark.parametrize("at", ["hear", "finish"])
async def test_a_caller_that_is_cancelled_leaves_nothing_behind(at: str) -> None:
    analyst = FakeAnalyst(gate=asyncio.Event())

    async def follow() -> None:
        async with followed(analyst).follow(ANYBODY) as follower:
            await follower.hear(talk(3 if at == "finish" else 2 * N_IN_FLIGHT))
            await follower.finish()

    with nothing_left_over():
        task = asyncio.create_task(follow())
        await settled()
        assert analyst.n_running == (3 if at == "finish" else N_IN_FLIGHT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert analyst.n_running == 0


@pytest.mark.parametrize(
    "absence", [ModelLoadError("damaged"), OverloadedError("too much", retry_after_s=3)]
)
async def test_the_model_is_asked_for_first_and_its_refusal_reaches_the_caller(
    absence: LoquentError,
) -> None:
    analyst = FakeAnalyst(absence=absence)
    with pytest.raises(type(absence)) as raised:
        async with followed(analyst).follow(knowing()):
            pytest.fail("nothing can be followed")
    assert raised.value is absence
    assert analyst.asked_for == [VOICES_MODEL]


def knowing(*names: str) -> SpeakerSearch:
    return SpeakerSearch(known=tuple(KnownSpeaker(name, recording(name)) for name in names))


async def open_with(
    windows: list[Samples | Exception], analyst: FakeAnalyst | None = None
) -> FakeRecordings:
    """Follow somebody of whom this reference is given."""
    recordings = FakeRecordings({"Ann": [windows]})
    async with following(analyst or FakeAnalyst(), recordings).follow(knowing("Ann")):
        pass
    return recordings


async def test_known_voices_are_called_by_their_names() -> None:
    analyst = FakeAnalyst()
    recordings = FakeRecordings({"Bob": [[spoken(1, 4.0)]], "Zoe": [[spoken(3, 2.0)] * 2]})
    async with following(analyst, recordings).follow(knowing("Bob", "Zoe")) as follower:
        for line in (0, 1, 2):
            await follower.hear(spoken(line, 5.0))
        found = await follower.finish()
    assert [turn.speaker for turn in found.turns] == ["A", "Bob", "B"]
    assert (recordings.n_begun, recordings.n_closed) == (2, 2)


async def test_the_voice_of_a_reference_is_wanted_all_over_and_at_once(clock: Clock) -> None:
    analyst = FakeAnalyst()
    await open_with([spoken(0, 3.0), spoken(0, 1.5)], analyst)
    (heard,) = analyst.heard
    assert (heard.wanted.start_s, heard.wanted.end_s) == (0.0, 4.5)
    assert duration_s(heard.samples) == 4.5
    assert heard.due_s == clock.now_s


@pytest.mark.parametrize("length_s", [MIN_REFERENCE_S, 9.99, MAX_REFERENCE_S, 10.4])
async def test_a_reference_may_last_so_long_and_the_model_hears_no_more_than_it_can(
    length_s: float,
) -> None:
    analyst = FakeAnalyst()
    await open_with([spoken(0, length_s / 2)] * 2, analyst)
    (heard,) = analyst.heard
    assert duration_s(heard.samples) == pytest.approx(min(length_s, WINDOW_S), abs=1e-3)
    assert heard.wanted.end_s == duration_s(heard.samples)


@pytest.mark.parametrize(
    ("windows", "complaint"),
    [
        pytest.param([], "too short", id="empty"),
        pytest.param([spoken(0, MIN_REFERENCE_S - 0.1)], "too short", id="too short"),
        pytest.param([spoken(0, 5.0), spoken(0, 5.6)], "too long", id="too long"),
        pytest.param([silence(5.0)], "Nobody is heard", id="silent"),
        pytest.param([spoken(0, 0.4), silence(4.0)], "Nobody is heard", id="hardly a voice"),
        pytest.param([InvalidAudioError("no sound")], "no sound", id="no recording"),
        pytest.param([spoken(0, 2.0), InvalidAudioError("cut off")], "cut off", id="broken off"),
    ],
)
async def test_a_reference_that_is_no_voice_is_refused_by_name(
    windows: list[Samples | Exception], complaint: str
) -> None:
    with pytest.raises(InvalidRequestError, match=complaint) as raised:
        await open_with(windows)
    assert "'Ann'" in raised.value.message
    assert raised.value.param == "known_speaker_references"


async def test_what_is_wrong_with_the_bytes_of_a_reference_keeps_its_code() -> None:
    with pytest.raises(InvalidRequestError) as raised:
        await open_with([InvalidAudioError("no sound")])
    assert raised.value.code == InvalidAudioError.code


async def test_a_reference_is_not_decoded_much_further_than_it_may_last() -> None:
    recordings = FakeRecordings({"Ann": [[spoken(0, 5.0)] * 100]})
    with pytest.raises(InvalidRequestError, match="too long"):
        async with following(FakeAnalyst(), recordings).follow(knowing("Ann")):
            pytest.fail("it is too long")
    assert recordings.n_windows == 3
    assert recordings.n_closed == 1


@pytest.mark.parametrize("error", [EngineError("broken"), WorkerCrashedError("crashed")])
async def test_a_failure_at_a_reference_is_not_the_callers(error: EngineError) -> None:
    with pytest.raises(EngineError) as decoding:
        await open_with([spoken(0, 3.0), error])
    with pytest.raises(EngineError) as hearing:
        await open_with([spoken(0, 3.0)], FakeAnalyst(errors={0: error}))
    assert decoding.value is hearing.value is error


def spans(*said: tuple[int, float, str]) -> WindowVoices:
    """Return what is heard of columns, for so long each, and how they sound."""
    return WindowVoices(
        np.zeros((0, 3), dtype=np.bool_),
        tuple(VoiceSpan(column, 0, 1, heard_s, voice(who)) for column, heard_s, who in said),
    )


def test_the_main_voice_is_that_of_who_speaks_most() -> None:
    found = main_voice(spans((0, 2.0, "A"), (1, 1.5, "B"), (1, 1.0, "B"), (2, 0.5, "C")))
    assert found is not None
    np.testing.assert_allclose(found, voice("B")[None], atol=1e-6)


def test_the_main_voice_is_the_mean_of_all_that_is_heard_of_it() -> None:
    found = main_voice(spans((0, 3.0, "A"), (0, 1.0, "B")))
    assert found is not None
    assert np.linalg.norm(found) == pytest.approx(1.0)
    assert (found @ voice("A")).item() > (found @ voice("B")).item() > 0.2


def test_where_nobody_is_heard_there_is_no_main_voice() -> None:
    assert main_voice(spans()) is None


def test_windows_that_wait_are_as_large_as_is_said() -> None:
    assert N_IN_FLIGHT * WINDOW_S * SAMPLE_RATE_HZ * 4 <= 10.5e6
