"""Models whose process dies, and those who were using them."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from loquent.domain.errors import WorkerCrashedError
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import StoppedWhileLoadingError, start_engine
from loquent.engines.recognizers import RecognizerShelf
from loquent.engines.slots import ShelfOptions
from loquent.engines.surviving import N_ATTEMPTS
from tests.unit.engines.fake_clock import FakeClock, settle
from tests.unit.engines.host.fake_reader import FAKES
from tests.unit.engines.shelf_stage import (
    OPTIONS,
    SILENCE,
    FakeRecognizer,
    opened,
    stage,
    until,
)


async def test_a_model_whose_process_died_is_loaded_again_on_next_use() -> None:
    async with stage() as on:
        recognizer = await on.shelf.recognizer("a")
        on.engines[0].die()
        assert on.shelf.loaded() == set()
        assert (await recognizer.recognize(SILENCE, OPTIONS)).language == "a"
        assert len(on.engines) == 2


@pytest.mark.parametrize("preload", [frozenset({"a"}), frozenset()])
async def test_a_model_whose_process_died_is_back_at_once(preload: frozenset[str]) -> None:
    async with stage(max_loaded=1, preload=preload) as on:
        await on.shelf.load("a")
        on.engines[0].die()
        await until(lambda: len(on.engines) == 2 and on.shelf.loaded() == {"a"})
        assert on.most_in_memory == 1


async def test_a_model_that_keeps_dying_waits_for_its_next_use() -> None:
    async with stage() as on:
        await on.shelf.load("a")
        on.engines[0].die()
        await until(lambda: on.shelf.loaded() == {"a"})
        await on.clock.advance(9.0)
        on.engines[1].die()
        await settle()
        assert on.shelf.status() == ()
        await on.use("a")
        await on.clock.advance(1.0)
        on.engines[2].die()
        await until(lambda: len(on.engines) == 4)
        await until(lambda: on.shelf.loaded() == {"a"})


async def test_who_waits_for_a_model_that_died_again_makes_it_load_at_once() -> None:
    async with stage() as on:
        await on.shelf.load("a")
        on.may_answer.clear()
        call = asyncio.create_task(on.use("a"))
        for n_died in range(N_ATTEMPTS - 1):
            await until(partial(on.is_called, n_died))
            on.engines[n_died].die()
        await until(partial(on.is_called, N_ATTEMPTS - 1))
        on.may_answer.set()
        await call
        assert on.clock.now_s() == FakeClock().now_s()


async def test_a_call_under_which_every_process_dies_is_given_up() -> None:
    async with stage() as on:
        await on.shelf.load("a")
        on.may_answer.clear()
        call = asyncio.create_task(on.use("a"))
        for n_died in range(N_ATTEMPTS):
            await until(partial(on.is_called, n_died))
            on.engines[n_died].die()
        with pytest.raises(WorkerCrashedError):
            await call
        on.may_answer.set()


async def test_a_guess_is_not_worth_a_second_process() -> None:
    async with stage() as on:
        recognizer = await on.shelf.recognizer("a")
        on.may_answer.clear()
        draft = replace(OPTIONS, is_draft=True)
        call = asyncio.create_task(recognizer.recognize(SILENCE, draft))
        await until(partial(on.is_called, 0))
        on.engines[0].die()
        with pytest.raises(WorkerCrashedError):
            await call


async def test_a_model_that_died_leaves_its_room_to_one_that_is_waited_for() -> None:
    async with stage(max_loaded=1) as on:
        async with on.shelf.in_use("a"):
            waiting = asyncio.create_task(on.use("b"))
            await until(on.shelf._making_room.locked)
            on.engines[0].die()
            await waiting
        assert [engine.model_id for engine in on.engines] == ["a", "b"]
        assert [state.id for state in on.shelf.status()] == ["b"]


async def test_a_model_whose_process_dies_while_it_loads_is_loaded_again() -> None:
    async with stage() as on:
        on.n_load_deaths = N_ATTEMPTS - 1
        await on.use("a")
        assert on.n_starts == N_ATTEMPTS


async def test_a_model_that_kills_every_process_is_not_loaded_for_ever() -> None:
    async with stage() as on:
        on.n_load_deaths = 10
        with pytest.raises(StoppedWhileLoadingError):
            await on.use("a")
        assert on.n_starts == N_ATTEMPTS


async def test_a_model_that_dies_as_soon_as_it_is_loaded_is_loaded_again() -> None:
    async with stage() as on:
        on.dies_at_once = True
        async with on.shelf.in_use("a") as recognizer:
            assert recognizer is on.recognizers[1]


@pytest.mark.skipif(sys.platform == "win32", reason="children need Unix sockets")
async def test_a_preloaded_model_is_back_by_itself_when_its_process_is_killed() -> None:
    others = set(psutil.Process().children())
    shelf = RecognizerShelf(
        lambda model_id: EngineSpec(model_id, "fake", Path("/models")),
        partial(start_engine, performers=FAKES),
        lambda engine: FakeRecognizer(engine, opened(asyncio.Event())),
        ShelfOptions(preload=frozenset({"a"})),
    )
    await shelf.load("a")
    (child,) = set(psutil.Process().children()) - others
    child.kill()
    await until(lambda: not shelf.loaded())
    await until(lambda: shelf.loaded() == {"a"})
    recognizer = await shelf.recognizer("a")
    assert (await recognizer.recognize(SILENCE, OPTIONS)).language == "xx"
    await shelf.close()
    assert set(psutil.Process().children()) <= others
