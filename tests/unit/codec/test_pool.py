"""The pool of children: reuse, growth, crashes, kills and limits."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
import uvloop

from loquent.codec.limits import DecodeLimits
from loquent.codec.pool import DecoderPool
from loquent.domain.audio import AudioSource, Samples, duration_s
from loquent.domain.errors import (
    AudioTooLongError,
    InvalidAudioError,
    InvalidRequestError,
    LoquentError,
    UnsupportedFormatError,
    WorkerCrashedError,
)
from tests.unit.codec.recordings import FORMATS, encoded, saved, silent_wav, tone, wav

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children need Unix sockets")


@asynccontextmanager
async def running(limits: DecodeLimits | None = None) -> AsyncIterator[DecoderPool]:
    pool = DecoderPool(limits)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()
        assert not children()


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "loquent.codec.child" in words(child)]


def words(process: psutil.Process) -> list[str]:
    """Return the command line, empty where the process has just ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def signal_children(number: signal.Signals) -> None:
    for child in children():
        with suppress(psutil.NoSuchProcess):
            child.send_signal(number)


async def total_s(windows: AsyncIterator[Samples]) -> float:
    return sum([duration_s(window) async for window in windows])


async def eventually(is_true: Callable[[], bool], within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not is_true():  # noqa: ASYNC110 - what other processes do sets no event of ours
            await asyncio.sleep(0.01)


async def next_window(windows: AsyncGenerator[Samples, None]) -> Samples:
    return await anext(windows)


async def killing_on_each(windows: AsyncIterator[Samples]) -> AsyncIterator[Samples]:
    async for window in windows:
        signal_children(signal.SIGKILL)
        yield window


@pytest.fixture
def short(tmp_path: Path) -> AudioSource:
    return saved(tmp_path / "short", wav((tone(0.5) * 32_767).astype("i2")))


@pytest.fixture
def long(tmp_path: Path) -> AudioSource:
    return silent_wav(tmp_path / "long", 1_800.0)


async def test_a_child_sees_no_network_no_secret_and_few_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOQUENT_TEST_SECRET", "hush")
    leaked, _ = leaky = socket.socketpair()
    os.set_inheritable(leaked.fileno(), True)
    async with running(DecodeLimits(n_warm=1)):
        (child,) = children()
        assert set(child.environ()) == {"PYTHONPATH", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"}
        limits = {name: child.rlimit(getattr(psutil, f"RLIMIT_{name}")) for name in ("AS", "CORE")}
        assert limits == {"AS": (1 << 30, 1 << 30), "CORE": (0, 0)}
        assert child.rlimit(psutil.RLIMIT_NOFILE) == (4, 4)
        assert child.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
        assert child.num_fds() == 3
    for end in leaky:
        end.close()


async def test_warm_children_are_reused(short: AudioSource) -> None:
    async with running() as pool:
        before = {child.pid for child in children()}
        assert len(before) == 2
        for _ in range(5):
            assert await total_s(pool.decode(short)) == 0.5
        assert {child.pid for child in children()} == before


async def test_the_pool_grows_on_demand_waits_at_its_limit_and_shrinks_back(
    long: AudioSource, short: AudioSource
) -> None:
    limits = DecodeLimits(n_warm=1, max_children=3, linger_s=0.0)
    async with running(limits) as pool:
        busy = [pool.decode(long) for _ in range(3)]
        await asyncio.gather(*(next_window(windows) for windows in busy))
        assert len(children()) == 3
        waiting = asyncio.create_task(total_s(pool.decode(short)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        for windows in busy:
            await windows.aclose()
        assert await waiting == 0.5
        await asyncio.gather(*(total_s(pool.decode(short)) for _ in range(3)))
        await eventually(lambda: len(children()) == 1)


async def test_leaving_early_stops_the_work_and_the_child_is_replaced(long: AudioSource) -> None:
    async with running(DecodeLimits(n_warm=1)) as pool:
        (first,) = children()
        n_fds = psutil.Process().num_fds()
        async with aclosing(pool.decode(long)) as windows:
            assert len(await anext(windows)) == 80_000
        await eventually(lambda: bool(children()) and first not in children(), within_s=2.0)
        await eventually(lambda: psutil.Process().num_fds() == n_fds)
        await eventually(lambda: len(asyncio.all_tasks()) == 2)  # this test, and a supervisor


async def test_a_cancelled_caller_leaves_nothing_behind(long: AudioSource) -> None:
    async with running(DecodeLimits(n_warm=1, max_children=1)) as pool:
        for _ in range(3):
            task = asyncio.create_task(total_s(pool.decode(long)))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        async with aclosing(pool.decode(long)) as windows:
            assert len(await anext(windows)) == 80_000


async def test_a_child_killed_from_outside_costs_the_caller_nothing(tmp_path: Path) -> None:
    ramp = np.arange(30 * 16_000, dtype=np.int32) % 30_000
    source = saved(tmp_path / "ramp", wav(ramp.astype("i2")))
    async with running() as pool:
        windows = pool.decode(source)
        received = [await anext(windows)]
        signal_children(signal.SIGKILL)
        received += [window async for window in windows]
        assert np.array_equal(np.concatenate(received), (ramp / 32_768).astype("f4"))


async def test_a_recording_whose_child_is_killed_twice_is_given_up(long: AudioSource) -> None:
    async with running(DecodeLimits(n_warm=1)) as pool:
        with pytest.raises(WorkerCrashedError) as caught:
            await total_s(killing_on_each(pool.decode(long)))
        assert caught.value.retryable


@pytest.mark.parametrize(
    ("number", "message"), [(signal.SIGSEGV, "damaged"), (signal.SIGXCPU, "processor time")]
)
async def test_a_recording_that_ends_its_child_is_invalid_and_others_go_on(
    long: AudioSource, short: AudioSource, number: signal.Signals, message: str
) -> None:
    async with running(DecodeLimits(n_warm=1)) as pool:
        windows = pool.decode(long)
        await anext(windows)
        (victim,) = children()
        other = pool.decode(long)
        await anext(other)
        victim.send_signal(number)
        with pytest.raises(InvalidAudioError, match=message):
            await total_s(windows)
        assert duration_s(await anext(other)) == 5.0
        await other.aclose()
        assert await total_s(pool.decode(short)) == 0.5


async def test_an_idle_child_that_dies_is_replaced(short: AudioSource) -> None:
    async with running() as pool:
        before = children()
        signal_children(signal.SIGKILL)
        assert await total_s(pool.decode(short)) == 0.5
        await eventually(lambda: len(children()) >= 2 and not set(before) & set(children()))


async def test_a_child_that_hangs_is_given_up(long: AudioSource, short: AudioSource) -> None:
    async with running(DecodeLimits(n_warm=1, stall_timeout_s=0.3)) as pool:
        windows = pool.decode(long)
        await anext(windows)
        signal_children(signal.SIGSTOP)
        with pytest.raises(InvalidAudioError, match="halt"):
            await total_s(windows)
        assert await total_s(pool.decode(short)) == 0.5


async def test_a_caller_that_hangs_is_waited_for(long: AudioSource) -> None:
    async with running(DecodeLimits(n_warm=1, stall_timeout_s=0.1)) as pool:
        windows = pool.decode(long)
        await anext(windows)
        await asyncio.sleep(0.3)
        assert duration_s(await anext(windows)) == 5.0
        await windows.aclose()


async def test_processor_time_is_bounded(tmp_path: Path) -> None:
    source = silent_wav(tmp_path / "hours", 20 * 3_600.0)
    async with running(DecodeLimits(n_warm=1, max_audio_s=0, max_cpu_s=0)) as pool:
        with pytest.raises(InvalidAudioError, match="processor time"):
            await total_s(pool.decode(source))


async def test_memory_is_bounded_and_the_child_replaced(tmp_path: Path, short: AudioSource) -> None:
    source = huge_packet(tmp_path / "huge", 600 << 20)
    async with running(DecodeLimits(n_warm=1, max_memory_bytes=320 << 20)) as pool:
        (first,) = children()
        with pytest.raises(InvalidAudioError, match="320 MiB of memory"):
            await total_s(pool.decode(source))
        assert await total_s(pool.decode(short)) == 0.5
        assert first not in children()


def huge_packet(path: Path, n_bytes: int) -> AudioSource:
    """Write a caf file that claims to hold a single packet of `n_bytes`, all of it a hole."""
    description = np.array([16_000], ">f8").tobytes() + b"lpcm"
    description += np.array([0, n_bytes, n_bytes // 2, 1, 16], ">u4").tobytes()
    head = b"caff\0\1\0\0desc" + np.array([len(description)], ">u8").tobytes() + description
    path.write_bytes(head + b"data" + np.array([n_bytes + 4], ">u8").tobytes() + bytes(4))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + n_bytes)
    return AudioSource(path, path.stat().st_size)


async def test_a_recording_of_many_hours_is_refused_at_once(tmp_path: Path) -> None:
    source = silent_wav(tmp_path / "day", 24 * 3_600.0)
    async with running(DecodeLimits(n_warm=1)) as pool, asyncio.timeout(60.0):
        with pytest.raises(AudioTooLongError):
            await anext(pool.decode(source))


async def test_a_child_that_cannot_start_is_our_failure() -> None:
    pool = DecoderPool(DecodeLimits(n_warm=1, max_memory_bytes=50 << 20))
    with pytest.raises(WorkerCrashedError):
        await pool.start()
    await pool.close()
    assert not children()


async def test_a_closed_pool_decodes_no_more(short: AudioSource, long: AudioSource) -> None:
    async with running() as pool:
        at_work = pool.decode(long)
        await anext(at_work)
    with pytest.raises(LoquentError):
        await total_s(at_work)
    with pytest.raises(WorkerCrashedError, match="shut down"):
        await total_s(pool.decode(short))


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_one_shot_use_leaves_no_child_and_no_descriptor(
    run: Callable[[Awaitable[float]], float], short: AudioSource
) -> None:
    async def once() -> float:
        async with running(DecodeLimits(n_warm=0)) as pool:
            return await total_s(pool.decode(short))

    run(once())
    n_fds = psutil.Process().num_fds()
    assert run(once()) == 0.5
    assert psutil.Process().num_fds() == n_fds
    assert not children()


async def test_damaged_recordings_end_in_samples_or_in_a_domain_error(tmp_path: Path) -> None:
    chance = random.Random(20_261_121)
    originals = [encoded(recorded, 1.0) for recorded in FORMATS]
    async with running() as pool:
        before = {child.pid for child in children()}
        for n_case in range(320):
            content = damaged(chance, originals[n_case % len(originals)], chance.choice(originals))
            source = saved(tmp_path / "damaged", content)
            async with asyncio.timeout(5.0):
                try:
                    assert await total_s(pool.decode(source)) >= 0.0
                except InvalidRequestError as error:
                    assert error.message  # noqa: PT017  either outcome is right
        assert {child.pid for child in children()} & before


def damaged(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """Flip bits in `content`, cut it, or put a piece of `other` into it."""
    bent = bytearray(content)
    match chance.randrange(3):
        case 0:
            for _ in range(chance.choice((1, 8, 64))):
                bent[chance.randrange(len(bent))] ^= 1 << chance.randrange(8)
        case 1:
            del bent[chance.randrange(len(bent)) :]
        case _:
            at, length = chance.randrange(len(bent)), chance.randrange(1, 4_096)
            bent[at : at + length] = other[:length]
    return bytes(bent)


async def test_what_is_no_audio_touches_neither_other_files_nor_the_network(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_bytes(wav((tone(0.5) * 32_767).astype("i2")))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.mp3"
        async with running(DecodeLimits(n_warm=1)) as pool:
            for content in (
                f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n",
                f"#EXTM3U\n{canary}\n",
                f"ffconcat version 1.0\nfile '{canary}'\n",
                f"v=0\nc=IN IP4 127.0.0.1\nm=audio {server.getsockname()[1]} RTP/AVP 0\n",
            ):
                source = saved(tmp_path / "list", content.encode())
                with pytest.raises(UnsupportedFormatError):
                    await total_s(pool.decode(source))
        with pytest.raises(TimeoutError):
            server.accept()
