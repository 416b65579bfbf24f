"""Real children with a reader that has no weights: they work, fail, crash, hang and go."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import uvloop

from loquent.domain.audio import SpeechRegion
from loquent.domain.errors import EngineError, ModelLoadError, WorkerCrashedError
from loquent.domain.transcript import Task
from loquent.engines.batch import Utterance, Width
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import EngineProcess, HostLimits, start_engine
from loquent.ports import N_VOICE_DIMENSIONS, RecognitionOptions
from tests.unit.engines.host.fake_analyser import ANALYSERS
from tests.unit.engines.host.fake_reader import FAKES

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children need Unix sockets")


class Exits:
    """Counts the ends of children that nobody asked for."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self) -> None:
        self.n += 1


@asynccontextmanager
async def running(
    limits: HostLimits | None = None,
    on_exit: Callable[[], None] | None = None,
    **options: str | int,
) -> AsyncIterator[EngineProcess]:
    spec = EngineSpec("fake-base", "fake", Path("/models/fake-base"), options)
    engine = await start_engine(spec, on_exit or Exits(), limits=limits, performers=FAKES)
    try:
        yield engine
    finally:
        await engine.close()
        assert not children()


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if any("loquent.engines.host.child" in word for word in child.cmdline())
    ]


def utterance(prompt: str = "", n_samples: int = 160) -> Utterance:
    options = RecognitionOptions(Task.TRANSCRIBE, None, prompt=prompt)
    return Utterance(np.zeros(n_samples, np.float32), options)


async def heard(engine: EngineProcess, prompt: str = "", n_samples: int = 160) -> int:
    (answer,) = await engine.recognize([utterance(prompt, n_samples)], Width.WIDE)
    return answer.n_prompt_tokens


async def test_answers_stand_in_the_order_of_their_batch() -> None:
    async with running() as engine:
        assert engine.n_workers == 2
        batch = [utterance(n_samples=n) for n in (16_000, 0, 480_000)]
        answers = await engine.recognize(batch, Width.NARROW)
        assert [answer.n_prompt_tokens for answer in answers] == [16_000, 0, 480_000]


async def test_windows_are_analysed_by_a_child_that_tells_voices_apart() -> None:
    spec = EngineSpec("fake-voices", "fake", Path("/models/fake-voices"))
    engine = await start_engine(spec, Exits(), performers=ANALYSERS)
    loud, wanted = np.full(160_000, 0.5, np.float32), SpeechRegion(2.5, 7.5)
    try:
        found, nothing = await asyncio.gather(
            engine.analyse(loud, wanted), engine.analyse(np.zeros(0, np.float32), wanted)
        )
        assert found.activity.sum(axis=0).tolist() == [0, 100, 0]
        assert found.spans[0].vector.tolist() == [0.5] * N_VOICE_DIMENSIONS
        assert (len(nothing.activity), nothing.spans) == (0, ())
        with pytest.raises(EngineError, match="no sound"):
            await engine.analyse(loud * np.float32(np.nan), wanted)
        with pytest.raises(EngineError, match="too much"):
            await engine.analyse(np.zeros(160_001, np.float32), wanted)
        with pytest.raises(EngineError, match="model failed"):
            await heard(engine)
    finally:
        await engine.close()


async def test_batches_run_side_by_side_and_are_answered_as_they_finish(tmp_path: Path) -> None:
    async with running() as engine:
        slow = asyncio.create_task(heard(engine, f"wait for {tmp_path / 'go'}"))
        for n_samples in range(20):
            assert await heard(engine, n_samples=n_samples) == n_samples
        assert not slow.done()
        (tmp_path / "go").touch()
        assert await slow == 160


async def test_large_batches_cross_the_socket_at_once() -> None:
    async with running() as engine:
        batches = [[utterance(n_samples=480_000)] * 8 for _ in range(3)]
        answers = await asyncio.gather(*(engine.recognize(b, Width.NARROW) for b in batches))
        assert all(len(answer) == 8 for answer in answers)


async def test_a_failed_batch_is_told_and_others_go_on() -> None:
    async with running() as engine:
        with pytest.raises(EngineError, match="nothing to be heard"):
            await heard(engine, "fail")
        with pytest.raises(EngineError, match="model failed") as caught:
            await heard(engine, "bug")
        assert "secret" not in caught.value.message
        assert await heard(engine) == 160


async def test_a_prompt_that_cannot_be_sent_fails_alone() -> None:
    async with running() as engine:
        with pytest.raises(EngineError, match="too much"):
            await heard(engine, "\ud800")
        assert await heard(engine) == 160


async def test_a_cancelled_call_leaves_the_engine_usable(tmp_path: Path) -> None:
    async with running() as engine:
        call = asyncio.create_task(heard(engine, f"wait for {tmp_path / 'go'}", 480_000))
        await asyncio.sleep(0)
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call
        assert await heard(engine) == 160
        (tmp_path / "go").touch()
        assert await heard(engine) == 160


@pytest.mark.parametrize("deed", ["exit", "kill", "garbage"])
async def test_a_child_that_goes_wrong_fails_every_call_in_flight(
    deed: str, tmp_path: Path
) -> None:
    exits = Exits()
    async with running(on_exit=exits) as engine:
        other = asyncio.create_task(heard(engine, f"wait for {tmp_path / 'never'}"))
        await asyncio.sleep(0)
        with pytest.raises(WorkerCrashedError) as caught:
            await heard(engine, deed)
        with pytest.raises(WorkerCrashedError):
            await other
        assert caught.value.retryable
        with pytest.raises(WorkerCrashedError):
            await heard(engine)
        assert engine.memory_bytes() == 0
    assert exits.n == 1


async def test_a_child_killed_from_outside_is_reported() -> None:
    ended = asyncio.Event()
    async with running(on_exit=ended.set) as engine:
        os.kill(engine.pid, signal.SIGKILL)
        async with asyncio.timeout(10.0):
            await ended.wait()
        assert not children()


async def test_a_child_that_hangs_is_ended() -> None:
    async with running(HostLimits(order_timeout_s=0.2)) as engine:
        with pytest.raises(WorkerCrashedError, match="in time"):
            await heard(engine, "hang")


async def test_a_child_ignores_the_signals_that_its_parent_drains_on() -> None:
    async with running() as engine:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(engine.pid, number)
        assert await heard(engine) == 160


async def test_closing_waits_for_running_batches_and_takes_no_more(tmp_path: Path) -> None:
    exits = Exits()
    async with running(on_exit=exits) as engine:
        call = asyncio.create_task(heard(engine, f"wait for {tmp_path / 'go'}"))
        await asyncio.sleep(0)
        closing = asyncio.create_task(engine.close())
        await asyncio.sleep(0)
        with pytest.raises(WorkerCrashedError, match="taken out of memory"):
            await heard(engine)
        (tmp_path / "go").touch()
        assert await call == 160
        await closing
        await engine.close()
    assert exits.n == 0


async def test_closing_ends_what_does_not_end_by_itself() -> None:
    async with running(HostLimits(close_grace_s=0.05)) as engine:
        call = asyncio.create_task(heard(engine, "hang"))
        await asyncio.sleep(0)
        await engine.close()
        with pytest.raises(WorkerCrashedError):
            await call


async def test_closing_that_is_cancelled_ends_the_child_nonetheless() -> None:
    async with running() as engine:
        call = asyncio.create_task(heard(engine, "hang"))
        closing = asyncio.create_task(engine.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(WorkerCrashedError):
            await call


@pytest.mark.parametrize(
    ("loading", "message"),
    [
        ("damaged", "the weights could not be loaded"),
        ("bug", "ZeroDivisionError"),
        ("crash", "stopped while it loaded fake-base"),
        ("garbage", "stopped while it loaded fake-base"),
        ("hang", r"fake-base was not loaded within 1\.5 s"),
    ],
)
async def test_a_model_that_does_not_load_says_why(loading: str, message: str) -> None:
    with pytest.raises(ModelLoadError, match=message):
        async with running(HostLimits(start_timeout_s=1.5), loading=loading):
            pass
    assert not children()


@pytest.mark.parametrize(
    ("engine", "message"), [("absent", "cannot be used here"), ("unheard-of", "unheard-of")]
)
async def test_an_engine_that_is_not_here_says_so(engine: str, message: str) -> None:
    spec = EngineSpec("fake-base", engine, Path("/models/fake-base"))
    with pytest.raises(ModelLoadError, match=message):
        await start_engine(spec, Exits(), performers=FAKES)
    assert not children()


async def test_a_start_that_is_cancelled_leaves_no_child() -> None:
    spec = EngineSpec("fake-base", "fake", Path("/models/fake-base"), {"loading": "hang"})
    start = asyncio.create_task(start_engine(spec, Exits(), performers=FAKES))
    while not children():  # noqa: ASYNC110 - what other processes do sets no event of ours
        await asyncio.sleep(0.01)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not children()


async def test_a_child_sees_no_secret_and_no_descriptor_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOQUENT_TEST_SECRET", "hush")
    spec = EngineSpec("m", "fake", Path("/m"), environment={"CUDA_VISIBLE_DEVICES": "1"})
    engine = await start_engine(spec, Exits(), performers=FAKES)
    (child,) = children()
    environment = child.environ()
    assert set(environment) == {"PYTHONPATH", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES"}
    assert child.num_fds() == 3
    assert engine.memory_bytes() > 10 << 20
    await engine.close()


def test_a_child_goes_when_its_parent_is_killed() -> None:
    program = (
        "import asyncio\n"
        "from tests.unit.engines.host.test_process import *\n"
        "async def main():\n"
        "    async with running() as engine:\n"
        "        print(engine.pid, flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert child in psutil.wait_procs([child], timeout=10.0)[0]


@pytest.mark.parametrize(
    ("run", "n_cycles"),
    [
        pytest.param(asyncio.run, 10, id="asyncio"),
        pytest.param(uvloop.run, 20, id="uvloop"),
        pytest.param(uvloop.run, 200, id="uvloop-long", marks=pytest.mark.slow),
    ],
)
def test_loading_and_unloading_leaves_nothing_behind(
    run: Callable[[Coroutine[Any, Any, None]], None], n_cycles: int
) -> None:
    async def cycle(n_cycles: int) -> None:
        for _ in range(n_cycles):
            async with running() as engine:
                assert await heard(engine) == 160
        assert len(asyncio.all_tasks()) == 1

    run(cycle(1))
    ourselves = psutil.Process()
    n_fds, n_threads = ourselves.num_fds(), ourselves.num_threads()
    run(cycle(n_cycles))
    assert ourselves.num_fds() == n_fds
    assert ourselves.num_threads() <= n_threads
    assert not children()
