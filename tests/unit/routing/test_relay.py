"""A live session that goes on elsewhere when its place fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

import pytest

from loquent.domain.errors import (
    InvalidRequestError,
    UpstreamUnavailableError,
    WorkerCrashedError,
)
from loquent.domain.live import (
    Final,
    LiveRequest,
    LiveUpdate,
    Partial,
    Settled,
    SpeechStarted,
    SpeechStopped,
)
from loquent.routing.relay import RelayedSession
from tests.unit.routing.live_places import SOUND, Failing, FakeSource, sound_of

TALK = " abc de   fgh    ij k   lmn "
REQUEST = LiveRequest("m", SOUND)
Where = Literal["hear", "updates", "finish"]


@asynccontextmanager
async def _relayed(source: FakeSource) -> AsyncIterator[RelayedSession]:
    session = RelayedSession(REQUEST, source)
    await session.open()
    try:
        yield session
    finally:
        await session.close()


async def _talked(source: FakeSource, chunk_bytes: int = 7, talk: str = TALK) -> list[LiveUpdate]:
    sound = sound_of(talk)

    async def speak() -> None:
        for begin in range(0, len(sound), chunk_bytes):
            await session.hear(sound[begin : begin + chunk_bytes])
        await session.finish()

    async with _relayed(source) as session:
        speaking = asyncio.create_task(speak())
        try:
            return [update async for update in session.updates()]
        finally:
            await asyncio.gather(speaking, return_exceptions=True)


def _finals(updates: list[LiveUpdate]) -> list[Final]:
    return [update for update in updates if isinstance(update, Final)]


@pytest.mark.parametrize("where", ["hear", "updates"])
@pytest.mark.parametrize("after_bytes", range(0, 2 * len(TALK), 3))
async def test_no_word_is_lost_and_none_is_told_twice_wherever_a_place_dies(
    where: Where, after_bytes: int
) -> None:
    undisturbed = await _talked(FakeSource([None]))
    source = FakeSource([Failing(after_bytes, where), None])
    updates = await _talked(source)
    assert _essence(updates) == _essence(undisturbed)
    assert len(source.places) == 2


@pytest.mark.parametrize("chunk_bytes", [1, 5, 1_000])
async def test_a_session_moves_as_often_as_there_are_places(chunk_bytes: int) -> None:
    undisturbed = await _talked(FakeSource([None]), chunk_bytes)
    failings = [Failing(n, "hear") for n in (9, 11, 0)] + [Failing(20, "updates"), None]
    source = FakeSource([*failings])
    assert _essence(await _talked(source, chunk_bytes)) == _essence(undisturbed)
    assert len(source.places) == 5


async def test_a_place_that_dies_at_the_end_loses_nothing() -> None:
    undisturbed = await _talked(FakeSource([None]))
    source = FakeSource([Failing(0, "finish"), None])
    assert _essence(await _talked(source)) == _essence(undisturbed)


async def test_the_start_of_an_utterance_is_told_once_and_settled_text_grows() -> None:
    updates = await _talked(FakeSource([Failing(8, "updates"), None]))
    starts = [u.utterance for u in updates if isinstance(u, SpeechStarted)]
    stops = [u.utterance for u in updates if isinstance(u, SpeechStopped)]
    assert starts == stops == [1, 2, 3, 4]
    settled = "".join(u.text for u in updates if isinstance(u, Settled))
    assert settled == TALK.replace(" ", "")


async def test_places_that_cannot_be_opened_are_passed_over() -> None:
    down = UpstreamUnavailableError("down")
    source = FakeSource([down, Failing(10), WorkerCrashedError("down"), None])
    updates = await _talked(source)
    assert _essence(updates) == _essence(await _talked(FakeSource([None])))


@pytest.mark.parametrize("where", ["hear", "updates", "finish"])
async def test_if_no_place_is_left_the_error_reaches_all(where: Where) -> None:
    source = FakeSource([Failing(10, where)])
    async with _relayed(source) as session:

        async def speak() -> None:
            await session.hear(sound_of(TALK))
            await session.finish()

        speaking = asyncio.create_task(speak())
        with pytest.raises(UpstreamUnavailableError, match="is gone"):
            [update async for update in session.updates()]
        await asyncio.gather(speaking, return_exceptions=True)
        with pytest.raises(UpstreamUnavailableError, match="is gone"):
            await session.hear(b"\0\0")
        with pytest.raises(UpstreamUnavailableError, match="is gone"):
            await session.finish()
    assert source.places[0].is_left


async def test_what_the_first_place_does_not_accept_is_the_callers_fault() -> None:
    session = RelayedSession(REQUEST, FakeSource([InvalidRequestError("no"), None]))
    with pytest.raises(InvalidRequestError):
        await session.open()


async def test_a_place_that_is_left_is_closed_and_no_task_stays() -> None:
    before = asyncio.all_tasks()
    source = FakeSource([Failing(10), None])
    await _talked(source)
    assert [place.is_left for place in source.places] == [True, True]
    assert asyncio.all_tasks() == before


async def test_leaving_in_the_middle_ends_the_updates() -> None:
    source = FakeSource([None])
    async with _relayed(source) as session:
        await session.hear(sound_of("ab"))
        updates = session.updates()
        assert isinstance(await anext(updates), SpeechStarted)
    told = [update async for update in updates]
    assert not _finals(told)


async def test_a_commit_is_done_again_at_the_next_place() -> None:
    source = FakeSource([Failing(6, "hear"), None])
    async with _relayed(source) as session:
        await session.hear(sound_of("ab"))
        assert await session.commit() == 1
        await session.hear(sound_of("cd"))
        assert await session.commit() == 2
        await session.finish()
        updates = [update async for update in session.updates()]
    assert [final.transcript.text for final in _finals(updates)] == ["ab", "cd"]
    assert await _commit_of_nothing() is None


async def _commit_of_nothing() -> int | None:
    async with _relayed(FakeSource([None])) as session:
        return await session.commit()


async def test_what_was_cleared_is_not_heard_at_the_next_place() -> None:
    source = FakeSource([Failing(8, "hear"), None])
    async with _relayed(source) as session:
        updates = session.updates()
        await session.hear(sound_of("ab"))
        assert isinstance(await anext(updates), SpeechStarted)
        await session.clear()
        await session.hear(sound_of("  cd"))
        await session.finish()
        told = [update async for update in updates]
    (final,) = _finals(told)
    assert final.transcript.text == "cd"
    assert final.utterance == 2
    assert bytes(source.places[1].heard) == sound_of("  cd")


async def test_later_places_are_opened_under_the_newest_terms() -> None:
    source = FakeSource([Failing(4, "hear"), None])
    newer = replace(REQUEST, language="de")
    async with _relayed(source) as session:
        await session.configure(newer)
        await session.hear(sound_of("abc"))
    assert [place.request for place in source.places] == [newer, newer]


async def test_all_sound_reaches_the_next_place_from_where_the_last_final_ended() -> None:
    source = FakeSource([Failing(2 * len("abc    de"), "updates"), None])
    updates = await _talked(source, chunk_bytes=3, talk="abc    def")
    assert sound_of("abc    def").endswith(bytes(source.places[1].heard))
    assert [f.transcript.text for f in _finals(updates)] == ["abc", "def"]


def _essence(updates: list[LiveUpdate]) -> list[tuple[object, ...]]:
    """Return what must not depend on where it was heard: all finals, with words and times."""
    assert [u.utterance for u in updates if isinstance(u, SpeechStarted)] == [
        u.utterance for u in _finals(updates)
    ]
    assert any(isinstance(update, Partial) for update in updates)
    return [
        (
            final.utterance,
            round(final.start_s, 6),
            round(final.end_s, 6),
            final.transcript.text,
            [(w.text, round(w.start_s, 6), round(w.end_s, 6)) for w in final.transcript.words],
        )
        for final in _finals(updates)
    ]
