"""The shelf over engines that have no process, and a clock that stands still."""

from __future__ import annotations

import asyncio

import pytest

from loquent.domain.errors import (
    ConflictError,
    ModelLoadError,
    ModelNotFoundError,
    ModelNotReadyError,
)
from loquent.engines.slots import LoadState, ModelState
from loquent.ports import SpeechRecognizer
from tests.unit.engines.shelf_stage import OPTIONS, SILENCE, stage, until


async def test_callers_share_one_load_and_each_gets_the_model() -> None:
    async with stage() as on:
        await asyncio.gather(*(on.use("a") for _ in range(5)))
        assert on.in_memory == ["a"]
        assert on.shelf.loaded() == {"a"}
        assert set(on.shelf.services()) == {"a"}


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    async with stage() as on:
        on.failure = ModelLoadError("damaged")
        outcomes = await asyncio.gather(on.use("a"), on.use("a"), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ModelLoadError, ModelLoadError]
        assert on.shelf.status() == ()
        with pytest.raises(ModelLoadError):
            await on.shelf.load("a")
        on.failure = None
        await on.use("a")


async def test_an_unknown_model_takes_no_room() -> None:
    async with stage(max_loaded=1) as on:
        await on.use("a")
        with pytest.raises(ModelNotFoundError):
            await on.use("unknown")
        assert on.shelf.loaded() == {"a"}


async def test_the_least_recently_used_model_makes_room() -> None:
    async with stage(max_loaded=2) as on:
        for model_id in ("a", "b", "a", "c"):
            await on.use(model_id)
            await on.clock.advance(1.0)
        assert on.shelf.loaded() == {"a", "c"}
        assert on.most_in_memory == 2


async def test_a_model_in_use_is_waited_for_and_never_unloaded() -> None:
    async with stage(max_loaded=1) as on:
        on.may_answer.clear()
        busy = asyncio.create_task(on.use("a"))
        await until(lambda: on.shelf.loaded() == {"a"})
        waiting = asyncio.create_task(on.use("b"))
        await until(on.shelf._making_room.locked)
        await on.clock.advance(1.0)
        assert on.in_memory == ["a"]
        on.may_answer.set()
        await asyncio.gather(busy, waiting)
        assert on.in_memory == ["b"]
        assert on.most_in_memory == 1


async def test_a_caller_waits_for_room_only_so_long() -> None:
    async with stage(max_loaded=1) as on:
        async with on.shelf.in_use("a"):
            waiting = asyncio.create_task(on.use("b"))
            await until(on.shelf._making_room.locked)
            await on.clock.advance(30.0)
            with pytest.raises(ModelNotReadyError, match="waits for room: all 1 models"):
                await waiting
        await until(lambda: on.shelf.loaded() == {"b"})


async def test_a_model_lingers_in_the_gaps_of_a_recording() -> None:
    async with stage(max_loaded=1, linger_s=2.0) as on:
        await on.use("a")
        waiting = asyncio.create_task(on.use("b"))
        await until(on.shelf._making_room.locked)
        await on.clock.advance(1.5)
        await on.use("a")
        await on.clock.advance(1.5)
        assert on.in_memory == ["a"]
        await on.clock.advance(0.5)
        await waiting
        assert on.in_memory == ["b"]


async def test_what_was_handed_out_survives_that_its_model_is_unloaded() -> None:
    async with stage(max_loaded=1) as on:
        recognizer: SpeechRecognizer = await on.shelf.recognizer("a")
        await on.use("b")
        assert (await recognizer.recognize(SILENCE, OPTIONS)).language == "a"
        assert on.in_memory == ["a"]


async def test_a_model_without_use_is_unloaded() -> None:
    async with stage(idle_unload_s=60.0) as on:
        await on.use("a")
        await on.clock.advance(59.0)
        await on.use("a")
        await on.clock.advance(59.0)
        assert on.in_memory == ["a"]
        assert on.state("a").idle_s == 59.0
        await on.clock.advance(1.0)
        assert on.in_memory == []
        await on.use("a")


async def test_a_model_in_use_is_not_idle_however_long_the_call_takes() -> None:
    async with stage(idle_unload_s=60.0) as on:
        async with on.shelf.in_use("a"):
            for _ in range(3):
                await on.clock.advance(60.0)
            assert on.state("a") == ModelState("a", LoadState.LOADED, 1_000, 0.0, 1, 1)
        for _ in range(2):
            await on.clock.advance(60.0)
        assert on.in_memory == []


async def test_a_preloaded_model_is_never_idle_and_makes_room_last() -> None:
    async with stage(idle_unload_s=60.0, preload=frozenset({"a"})) as on:
        await on.shelf.load("a")
        await on.clock.advance(1_000.0)
        for model_id in ("b", "c"):
            await on.use(model_id)
        assert on.in_memory == ["a", "c"]


async def test_the_shelf_has_room_for_all_that_is_preloaded() -> None:
    async with stage(max_loaded=1, preload=frozenset("abc")) as on:
        await asyncio.gather(*(on.shelf.load(model_id) for model_id in "abc"))
        assert on.shelf.loaded() == {"a", "b", "c"}


async def test_a_cold_model_is_waited_for_and_then_excused_while_its_load_goes_on() -> None:
    async with stage() as on:
        on.may_start.clear()
        waiting = asyncio.create_task(on.use("a"))
        await on.is_loading("a")
        await on.clock.advance(29.0)
        assert not waiting.done()
        assert on.state("a") == ModelState("a", LoadState.LOADING, 0, 0.0, 1)
        await on.clock.advance(1.0)
        with pytest.raises(ModelNotReadyError, match="has been loading for 30 s") as caught:
            await waiting
        assert caught.value.retry_after_s == 5.0
        on.may_start.set()
        await on.use("a")
        assert on.n_starts == 1


async def test_a_load_goes_on_without_the_caller_who_asked_for_it() -> None:
    async with stage() as on:
        on.may_start.clear()
        caller = asyncio.create_task(on.use("a"))
        await on.is_loading("a")
        caller.cancel()
        await asyncio.wait([caller])
        assert on.state("a").in_flight == 0
        on.may_start.set()
        await until(lambda: on.shelf.loaded() == {"a"})


async def test_closing_gives_up_what_is_being_loaded() -> None:
    async with stage() as on:
        await on.use("a")
        on.may_start.clear()
        waiting = asyncio.create_task(on.use("b"))
        await on.is_loading("b", n_starts=2)
        await on.shelf.close()
        with pytest.raises(ModelNotReadyError, match="shutting down"):
            await waiting
        with pytest.raises(ModelNotReadyError, match="shutting down"):
            await on.use("a")


async def test_a_model_is_unloaded_when_somebody_says_so_and_loaded_again_on_next_use() -> None:
    async with stage() as on:
        await on.use("a")
        await on.shelf.unload("a")
        assert on.in_memory == []
        await on.shelf.unload("a")
        await on.use("a")
        assert on.in_memory == ["a"]


async def test_a_model_in_use_or_on_its_way_is_not_unloaded() -> None:
    async with stage() as on:
        async with on.shelf.in_use("a"):
            with pytest.raises(ConflictError, match="in use"):
                await on.shelf.unload("a")
        on.may_start.clear()
        loading = asyncio.create_task(on.shelf.load("b"))
        await on.is_loading("b", n_starts=2)
        with pytest.raises(ConflictError, match="being loaded"):
            await on.shelf.unload("b")
        on.may_start.set()
        await loading
        assert sorted(on.in_memory) == ["a", "b"]
