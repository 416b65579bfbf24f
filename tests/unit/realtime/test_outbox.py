"""Updates are read in order, partials by their newest, and a slow reader is waited for."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import zip_longest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.live import LiveUpdate, Partial, Settled, SpeechStarted
from loquent.realtime.outbox import MAX_WAITING, Outbox


def partial(text: str, utterance: int = 1) -> Partial:
    return Partial(utterance, 0.0, 1.0, text, ())


async def read(outbox: Outbox) -> list[LiveUpdate]:
    async with aclosing(outbox.read()) as updates:
        return [update async for update in updates]


def has_room(outbox: Outbox) -> bool:
    """Tell whether more may be put in without waiting."""
    waiting = outbox.wait_for_room()
    try:
        waiting.send(None)
    except StopIteration:
        return True
    finally:
        waiting.close()
    return False


def takes_place(newer: LiveUpdate | None, of: LiveUpdate) -> bool:
    are_partials = isinstance(newer, Partial) and isinstance(of, Partial)
    return are_partials and newer is not None and newer.utterance == of.utterance


UPDATES = st.lists(
    st.one_of(
        st.builds(partial, st.sampled_from(["a", "b", "c"]), st.integers(1, 2)),
        st.builds(Settled, st.integers(1, 2), st.sampled_from(["x", "y"])),
        st.builds(SpeechStarted, st.integers(1, 2), st.just(0.0)),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(UPDATES)
def test_of_partials_in_a_row_only_the_newest_is_read_and_all_else_in_order(
    updates: list[LiveUpdate],
) -> None:
    async def all_read() -> list[LiveUpdate]:
        outbox = Outbox()
        for update in updates:
            outbox.put(update)
        outbox.end()
        return await read(outbox)

    kept = [u for u, after in zip_longest(updates, updates[1:]) if not takes_place(after, of=u)]
    assert asyncio.run(all_read()) == kept


@settings(max_examples=50, deadline=None)
@given(UPDATES, st.data())
def test_a_reader_who_comes_and_goes_misses_nothing_but_older_partials(
    updates: list[LiveUpdate], data: st.DataObject
) -> None:
    async def seen() -> list[LiveUpdate]:
        outbox = Outbox()
        found: list[LiveUpdate] = []
        reader = outbox.read()
        for update in updates:
            outbox.put(update)
            if data.draw(st.booleans()):
                found.append(await anext(reader))
        outbox.end()
        return found + [update async for update in reader]

    found = asyncio.run(seen())
    plain = [update for update in updates if not isinstance(update, Partial)]
    assert [update for update in found if not isinstance(update, Partial)] == plain
    assert found[-1:] == updates[-1:]


async def test_a_reader_waits_for_what_comes() -> None:
    outbox = Outbox()
    reading = asyncio.create_task(read(outbox))
    for update in (partial("a"), SpeechStarted(2, 0.0), partial("b")):
        await asyncio.sleep(0)
        outbox.put(update)
    await asyncio.sleep(0)
    assert not reading.done()
    outbox.end()
    assert await reading == [partial("a"), SpeechStarted(2, 0.0), partial("b")]


async def test_what_is_left_is_read_before_a_failure() -> None:
    outbox = Outbox()
    outbox.put(SpeechStarted(1, 0.0))
    outbox.end(ValueError("unforeseen"))
    reader = outbox.read()
    assert await anext(reader) == SpeechStarted(1, 0.0)
    with pytest.raises(ValueError, match="unforeseen"):
        await anext(reader)


async def test_a_failure_reaches_a_reader_who_waits() -> None:
    outbox = Outbox()
    reading = asyncio.create_task(read(outbox))
    await asyncio.sleep(0)
    outbox.end(ValueError("unforeseen"))
    with pytest.raises(ValueError, match="unforeseen"):
        await reading


async def test_the_first_end_counts() -> None:
    outbox = Outbox()
    outbox.end()
    outbox.end(ValueError("too late"))
    assert await read(outbox) == []


async def test_after_the_end_nothing_is_added() -> None:
    outbox = Outbox()
    outbox.end()
    for number in range(2 * MAX_WAITING):
        outbox.put(SpeechStarted(number, 0.0))
    assert has_room(outbox)
    assert await read(outbox) == []


async def test_there_is_room_until_too_much_waits_and_again_once_some_is_read() -> None:
    outbox = Outbox()
    for number in range(MAX_WAITING):
        assert has_room(outbox)
        outbox.put(SpeechStarted(number, 0.0))
    assert not has_room(outbox)
    waiting = asyncio.create_task(outbox.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await anext(outbox.read())
    await waiting


async def test_partials_of_one_utterance_never_fill_the_room() -> None:
    outbox = Outbox()
    for number in range(3 * MAX_WAITING):
        outbox.put(partial(str(number)))
    assert has_room(outbox)


async def test_nobody_waits_for_room_after_the_end() -> None:
    outbox = Outbox()
    for number in range(MAX_WAITING):
        outbox.put(SpeechStarted(number, 0.0))
    waiting = asyncio.create_task(outbox.wait_for_room())
    await asyncio.sleep(0)
    outbox.end()
    await waiting
