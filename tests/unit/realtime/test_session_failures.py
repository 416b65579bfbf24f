"""What fails on the way costs no more than it must, and leaves nothing behind."""

from __future__ import annotations

import asyncio

import pytest

from loquent.domain.audio import SAMPLE_RATE_HZ
from loquent.domain.errors import EngineError, OverloadedError, WorkerCrashedError
from loquent.domain.live import Final, SpeechStopped
from loquent.realtime.listener import FIRST_DRAFT_S
from tests.fakes.fake_live_recognizer import sentence
from tests.fakes.fake_speech import silence
from tests.unit.engines.scheduling.fake_engine import settle
from tests.unit.realtime.stage import Stage, pcm, stage

SHORT = [sentence("one"), silence(2.0)]
"""So short that nothing is guessed at before its end."""

LONG = [sentence("one", "two", "three", "four"), silence(2.0)]


async def said_at_once(on: Stage) -> Final:
    """Say something so fast that its end is known before anything is recognised."""
    await on.session.hear(b"".join(map(pcm, SHORT)))
    await settle()
    await on.finish()
    (final,) = on.told(Final)
    return final


async def test_what_crashes_every_engine_is_given_up_and_the_caller_told() -> None:
    async with stage(failures=[WorkerCrashedError("It crashed.")]) as on:
        final = await said_at_once(on)
        assert final.transcript.text == ""
        assert isinstance(final.error, WorkerCrashedError)
        assert len(on.recognizer.finals) == 1


async def test_other_errors_are_told_at_once_and_the_session_goes_on() -> None:
    async with stage(failures=[OverloadedError("Too much.")]) as on:
        await on.session.hear(b"".join(map(pcm, SHORT)))
        await settle()
        await on.hear(sentence("two"), silence(2.0))
        await on.finish()
        first, second = on.told(Final)
        assert isinstance(first.error, OverloadedError)
        assert (second.transcript.text, second.error) == ("two", None)


async def test_a_guess_that_crashes_is_not_repeated() -> None:
    async with stage(failures=[WorkerCrashedError("It crashed.")]) as on:
        n_samples = round((FIRST_DRAFT_S + 0.2) * SAMPLE_RATE_HZ)
        await on.hear(LONG[0][:n_samples])
        assert len(on.recognizer.drafts) == 1
        await on.hear(LONG[0][n_samples:], LONG[1])
        await on.finish()
        assert on.finals == ["one two three four"]


async def test_of_a_final_that_fails_the_last_guess_is_kept() -> None:
    async with stage() as on:
        await on.hear(LONG[0])
        on.recognizer.failures.extend([EngineError("It failed.")] * 5)
        await on.hear(LONG[1])
        await on.finish()
        (final,) = on.told(Final)
        assert "one two three four".startswith(final.transcript.text)
        assert final.transcript.text
        assert final.error is not None
        assert final.error.message == "It failed."


class UnforeseenError(Exception):
    """A defect."""


async def test_what_nobody_foresaw_ends_the_updates_behind_what_is_known() -> None:
    async with stage() as on:
        on.recognizer.failures.append(UnforeseenError())
        await on.session.hear(b"".join(map(pcm, SHORT)))
        with pytest.raises(UnforeseenError):
            await on.read()
        assert on.told(SpeechStopped)


async def test_sound_that_comes_after_a_defect_makes_it_no_worse() -> None:
    async with stage() as on:
        on.recognizer.failures.append(UnforeseenError())
        await on.hear(LONG[0])
        assert not on.recognizer.failures
        on.recognizer.may_answer.clear()
        await on.hear(LONG[1], *LONG)
        await on.session.clear()
        await on.session.finish()
        with pytest.raises(UnforeseenError):
            await on.read()


async def test_a_reader_who_waits_learns_of_a_defect() -> None:
    async with stage() as on:
        reading = asyncio.create_task(on.read())
        on.recognizer.failures.append(UnforeseenError())
        await on.hear(LONG[0])
        with pytest.raises(UnforeseenError):
            await reading


async def test_closing_stops_all_work_and_ends_the_updates() -> None:
    async with stage() as on:
        on.recognizer.may_answer.clear()
        reading = asyncio.create_task(on.read())
        await on.hear(*LONG, *LONG)
        assert on.recognizer.n_cancelled < len(on.recognizer.calls)
        await on.session.close()
        assert on.recognizer.n_cancelled == len(on.recognizer.calls)
        await reading
        assert not on.finals


async def test_closing_twice_is_closing_once() -> None:
    async with stage() as on:
        await on.hear(*LONG)
        await on.session.close()
        await on.session.close()
        await on.read()
        assert on.finals


async def test_a_result_that_comes_although_it_was_dropped_changes_nothing() -> None:
    async with stage() as on:
        on.recognizer.may_answer.clear()
        await on.hear(LONG[0])
        assert len(on.recognizer.drafts) == 1
        on.recognizer.may_answer.set()
        await on.session.clear()
        await settle()
        assert on.recognizer.drafts[1:] == []
        await on.finish()
        assert not on.told(Final)
