"""The local path from text to sound over a fake model: order, times, haste, errors and leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
import pytest

from loquent.domain.errors import EngineError, InvalidRequestError, ModelNotFoundError
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from loquent.pipeline.joins import PAUSES_S
from loquent.pipeline.script.borders import Strength
from loquent.pipeline.script.pieces import PieceLimits
from loquent.pipeline.speech import LEAD_S, LocalSpeaker
from loquent.ports import PieceOptions
from tests.fakes.fake_piece_speaker import (
    RATE_HZ,
    FakePieceSpeaker,
    FakePieceSpeakerSource,
    PieceCall,
)

LIMITS = PieceLimits(clause=16, shortest_clause=6, longest=16)
SENTENCES = ["One is here.", "Two is here.", "Six is here.", "Ten is here.", "Zoe is here."]
TEXT = " ".join(SENTENCES)

CASTING = Casting("fake/voices", (("ann", 0.75), ("bob", 0.25)), "en-GB", {"pitch": 60.0})


@dataclass
class Clock:
    """Stands still until it is moved."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def at_once(length_s: float) -> FakePieceSpeaker:
    """Return a speaker that needs no time, each piece lasting as long as given."""
    return FakePieceSpeaker(answers_at_once=lambda call: call.finish(length_s))


def local(
    speaker: FakePieceSpeaker, clock: Clock | None = None, failure: Exception | None = None
) -> LocalSpeaker:
    source = FakePieceSpeakerSource(speaker, failure)
    return LocalSpeaker(CASTING, speakers=source, limits=LIMITS, clock=clock or Clock())


async def collected(
    speaker: LocalSpeaker, request: SpeechRequest
) -> tuple[SpeechPlan, list[SpeechChunk]]:
    async with aclosing(speaker.speak(request)) as updates:
        plan, *chunks = [update async for update in updates]
    assert isinstance(plan, SpeechPlan)
    only_chunks = [chunk for chunk in chunks if isinstance(chunk, SpeechChunk)]
    assert only_chunks == chunks
    return plan, only_chunks


def asked(text: str = TEXT, speed: float = 1.0, *, word_times: bool = False) -> SpeechRequest:
    return SpeechRequest("any", text, speed=speed, word_times=word_times)


def length_s(chunk: SpeechChunk) -> float:
    return len(chunk.samples) / RATE_HZ


class Listener:
    """Takes chunks one by one, as a slow reader does."""

    def __init__(self, speaker: LocalSpeaker, speed: float = 1.0) -> None:
        self.updates: AsyncGenerator[SpeechPlan | SpeechChunk] = speaker.speak(asked(speed=speed))

    async def plan(self) -> None:
        assert isinstance(await anext(self.updates), SpeechPlan)

    def next(self) -> asyncio.Task[SpeechPlan | SpeechChunk]:
        async def one() -> SpeechPlan | SpeechChunk:
            return await anext(self.updates)

        return asyncio.create_task(one())


async def test_one_plan_comes_first_and_then_a_chunk_for_each_piece_in_order() -> None:
    plan, chunks = await collected(local(at_once(1.0)), asked())
    assert plan == SpeechPlan(CASTING, RATE_HZ, len(TEXT), 0, len(SENTENCES))
    assert [chunk.text for chunk in chunks] == SENTENCES


async def test_the_plan_counts_what_the_caller_wrote_and_what_has_no_sound() -> None:
    text = "Well done! \U0001f600\U0001f680 Go on."
    plan, _chunks = await collected(local(at_once(1.0)), asked(text))
    assert (plan.n_characters, plan.n_skipped) == (len(text), 2)


async def test_the_plan_is_told_before_any_piece_is_begun() -> None:
    speaker = FakePieceSpeaker()
    listener = Listener(local(speaker))
    await listener.plan()
    assert not speaker.calls
    await listener.updates.aclose()


async def test_a_pause_follows_every_chunk_but_the_last() -> None:
    _plan, chunks = await collected(local(at_once(1.0)), asked())
    longer_s = 1.0 + PAUSES_S[Strength.SENTENCE]
    assert [length_s(chunk) for chunk in chunks] == [longer_s] * 4 + [1.0]


async def test_the_times_of_words_go_on_over_the_chunks() -> None:
    _plan, chunks = await collected(local(at_once(1.0)), asked(word_times=True))
    words = [word for chunk in chunks for word in chunk.words]
    starts_s = np.cumsum([0.0, *(length_s(chunk) for chunk in chunks[:-1])])
    expected_s = [start_s + third / 3 for start_s in starts_s for third in range(3)]
    assert [word.text for word in words] == TEXT.split()
    assert [word.start_s for word in words] == pytest.approx(expected_s)
    assert [word.end_s - word.start_s for word in words] == pytest.approx([1 / 3] * 15)


@pytest.mark.parametrize("text", ["", "   \n", "\U0001f600", "...", "---", "<b></b>"])
async def test_a_text_without_sound_is_refused_before_a_model_is_loaded(text: str) -> None:
    source = FakePieceSpeakerSource(FakePieceSpeaker())
    speaker = LocalSpeaker(CASTING, speakers=source, limits=LIMITS)
    with pytest.raises(InvalidRequestError) as caught:
        await collected(speaker, asked(text))
    assert caught.value.param == "input"
    assert not source.asked_for


async def test_the_model_of_the_casting_is_asked_and_its_refusal_reaches_the_caller() -> None:
    source = FakePieceSpeakerSource(FakePieceSpeaker(), ModelNotFoundError("It is gone."))
    with pytest.raises(ModelNotFoundError, match="gone"):
        await collected(LocalSpeaker(CASTING, speakers=source, limits=LIMITS), asked())
    assert source.asked_for == [CASTING.model]


@pytest.mark.parametrize(("speed", "word_times"), [(1.0, False), (1.75, True)])
async def test_the_engine_is_told_who_speaks_and_how(speed: float, word_times: bool) -> None:
    speaker = at_once(1.0)
    await collected(local(speaker), asked(speed=speed, word_times=word_times))
    wanted = PieceOptions(CASTING.voices, "en-GB", speed, {"pitch": 60.0}, word_times)
    assert [call.options for call in speaker.calls] == [wanted] * len(SENTENCES)


async def test_an_engine_that_cannot_go_so_fast_is_helped() -> None:
    _plan, chunks = await collected(local(at_once(1.0)), asked(speed=2.0))
    longer_s = (1.0 + PAUSES_S[Strength.SENTENCE]) / 2
    assert [length_s(chunk) for chunk in chunks] == pytest.approx([longer_s] * 4 + [0.5])


async def test_pieces_are_spoken_one_at_a_time_while_little_sound_is_in_store() -> None:
    speaker = FakePieceSpeaker(n_workers=3)
    listener = Listener(local(speaker))
    await listener.plan()
    for n_calls in range(1, 4):
        chunk = listener.next()
        await speaker.begun(n_calls)
        assert len(speaker.calls) == n_calls
        speaker.calls[-1].finish(LEAD_S / 4)
        await chunk
    await listener.updates.aclose()


async def test_with_enough_sound_in_store_as_many_are_spoken_as_the_engine_has_workers() -> None:
    speaker = FakePieceSpeaker(n_workers=3)
    listener = Listener(local(speaker))
    await listener.plan()
    chunk = listener.next()
    await speaker.begun(1)
    speaker.calls[0].finish(LEAD_S + 1)
    await chunk
    await speaker.begun(4)
    assert [call.text for call in speaker.running] == SENTENCES[1:4]
    await listener.updates.aclose()


async def test_who_has_listened_to_what_was_in_store_is_served_piece_by_piece_again() -> None:
    speaker, clock = FakePieceSpeaker(n_workers=2), Clock()
    listener = Listener(local(speaker, clock))
    await listener.plan()
    chunk = listener.next()
    await speaker.begun(1)
    speaker.calls[0].finish(LEAD_S + 1)
    await chunk
    await speaker.begun(3)
    clock.now_s += LEAD_S + 1
    chunk = listener.next()
    speaker.calls[1].finish(0.5)
    await chunk
    await speaker.begun(3)
    assert len(speaker.calls) == 3
    await listener.updates.aclose()


async def test_chunks_come_in_order_though_a_later_piece_is_done_first() -> None:
    speaker = FakePieceSpeaker(n_workers=3)
    collecting = asyncio.create_task(collected(local(speaker), asked()))
    await speaker.begun(1)
    speaker.calls[0].finish(LEAD_S + 1)
    await speaker.begun(4)
    for call in reversed(speaker.running):
        call.finish()
    await speaker.begun(5)
    speaker.calls[4].finish()
    _plan, chunks = await collecting
    assert [chunk.text for chunk in chunks] == SENTENCES


async def test_a_piece_is_due_when_the_sound_before_it_ends() -> None:
    speaker, clock = at_once(1.0), Clock()
    await collected(local(speaker, clock), asked())
    dues_s = [call.due_s for call in speaker.calls]
    assert dues_s[0] == clock.now_s
    assert dues_s == pytest.approx([clock.now_s + n for n in range(5)], abs=0.5)


async def test_due_times_rise_while_several_pieces_are_spoken() -> None:
    speaker, clock = at_once(LEAD_S + 1), Clock()
    speaker.n_workers = 3
    await collected(local(speaker, clock), asked())
    dues_s = [call.due_s for call in speaker.calls]
    assert dues_s == sorted(set(dues_s))
    assert len(dues_s) == len(SENTENCES)


async def test_a_piece_that_is_late_is_due_at_once() -> None:
    speaker, clock = FakePieceSpeaker(), Clock()

    def late(call: PieceCall) -> None:
        clock.now_s += 10.0
        call.finish(0.5)

    speaker.answers_at_once = late
    await collected(local(speaker, clock), asked())
    assert speaker.calls[-1].due_s == 100.0 + 10.0 * (len(SENTENCES) - 1)


async def listening(speaker: FakePieceSpeaker) -> Listener:
    """Return a listener who has heard one chunk, while several pieces are being spoken."""
    listener = Listener(local(speaker))
    await listener.plan()
    chunk = listener.next()
    await speaker.begun(1)
    speaker.calls[0].finish(LEAD_S + 1)
    await chunk
    await speaker.begun(1 + speaker.n_workers)
    assert len(speaker.running) == speaker.n_workers
    return listener


async def test_closing_early_stops_what_is_being_spoken() -> None:
    speaker = FakePieceSpeaker(n_workers=3)
    listener = await listening(speaker)
    await listener.updates.aclose()
    assert (speaker.n_stopped, speaker.running) == (3, [])
    assert len(speaker.calls) == 4


async def test_a_cancelled_caller_stops_what_is_being_spoken() -> None:
    speaker = FakePieceSpeaker(n_workers=3)
    collecting = asyncio.create_task(collected(local(speaker), asked()))
    await speaker.begun(1)
    speaker.calls[0].finish(LEAD_S + 1)
    await speaker.begun(4)
    collecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await collecting
    assert (speaker.n_stopped, speaker.running) == (3, [])


async def test_a_failing_engine_is_reported_and_nothing_is_left_running() -> None:
    speaker = FakePieceSpeaker(n_workers=3)
    listener = await listening(speaker)
    chunk = listener.next()
    speaker.calls[1].fail(EngineError("It choked."))
    with pytest.raises(EngineError, match="choked"):
        await chunk
    assert (speaker.n_stopped, speaker.running) == (2, [])
    assert len(speaker.calls) == 4


async def test_a_later_piece_that_fails_takes_no_sound_from_those_before_it() -> None:
    speaker = FakePieceSpeaker(n_workers=3)
    listener = await listening(speaker)
    speaker.calls[2].fail(EngineError("It choked."))
    speaker.calls[1].finish()
    chunk = await listener.next()
    assert isinstance(chunk, SpeechChunk)
    assert chunk.text == SENTENCES[1]
    with pytest.raises(EngineError, match="choked"):
        await listener.next()
    assert not speaker.running


async def test_only_the_first_of_many_failures_is_told() -> None:
    speaker = FakePieceSpeaker(n_workers=2)
    listener = await listening(speaker)
    speaker.calls[2].fail(EngineError("It choked last."))
    speaker.calls[1].fail(EngineError("It choked first."))
    with pytest.raises(EngineError, match="first"):
        await listener.next()
