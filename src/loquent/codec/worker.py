"""Holds one child process by its socket and speaks its protocol; decides nothing about it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from loquent.codec import protocol
from loquent.codec.children import end_at_once
from loquent.codec.limits import DecodeLimits
from loquent.codec.protocol import Kind, ProtocolError
from loquent.domain.audio import Samples
from loquent.domain.errors import WorkerCrashedError

_EXIT_GRACE_S = 1.0
"""How long a child that closed its socket has to end, so that we learn the true cause."""


class WorkerEndedError(Exception):
    """The child is gone before its answer was whole.

    Args:
        returncode: as `asyncio.subprocess.Process.returncode`, negative for a signal.
    """

    def __init__(self, returncode: int) -> None:
        super().__init__(f"decoder child ended with {returncode}")
        self.returncode = returncode


class WorkerStalledError(Exception):
    """The child lives but sent nothing for too long."""


class ErrorReport(Exception):  # noqa: N818  it reports an error, from a child that works
    """The child says that it cannot decode this recording.

    Args:
        code: one of the codes of `loquent.codec.protocol`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


class Worker:
    """One child process, good for many recordings, one at a time.

    Attributes:
        n_jobs: recordings handed to it so far.
        is_idle: it waits for a recording, and nothing of the last one is left in the socket.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, channel: socket.socket, stall_timeout_s: float
    ) -> None:
        self.n_jobs = 0
        self.is_idle = False
        self._process = process
        self._channel = channel
        self._channel_in_use = asyncio.Lock()
        self._stall_timeout_s = stall_timeout_s

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    async def greet(self, timeout_s: float) -> None:
        """Wait until the child is ready.

        Raises: WorkerEndedError, WorkerStalledError, ProtocolError.
        """
        kind, _ = await self._receive(timeout_s)
        if kind is not Kind.READY:
            raise ProtocolError(f"{kind.name} for a greeting")
        self.is_idle = True

    async def decode(self, path: Path, channel: int | None = None) -> AsyncGenerator[Samples, None]:
        """Yield the windows of the recording at `path`, of one channel or of all.

        Raises: ErrorReport, WorkerEndedError, WorkerStalledError, ProtocolError, OSError.
        """
        assert self.is_idle
        await self._hand_over(path, channel)
        while True:
            kind, payload = await self._receive(self._stall_timeout_s)
            match kind:
                case Kind.SAMPLES:
                    yield protocol.parse_samples(payload)
                case Kind.DONE:
                    self.is_idle = True
                    return
                case Kind.ERROR:
                    report = ErrorReport(*protocol.parse_error(payload))
                    self.is_idle = report.code != protocol.OUT_OF_MEMORY
                    raise report
                case Kind.READY:
                    raise ProtocolError("READY in the middle of a recording")

    def kill(self) -> None:
        """End the child at once, whatever it does; who reads from it learns that it ended."""
        self.is_idle = False
        end_at_once(self._process)

    async def wait(self) -> None:
        """Wait until the child is gone, and leave neither a process nor a socket of it behind."""
        await self._process.wait()
        async with self._channel_in_use:
            self._channel.close()

    async def _hand_over(self, path: Path, channel: int | None) -> None:
        self.is_idle = False
        self.n_jobs += 1
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            socket.send_fds(self._channel, [protocol.job(channel)], [descriptor])
        except OSError as error:
            raise await self._ended() from error
        finally:
            os.close(descriptor)

    async def _receive(self, timeout_s: float) -> tuple[Kind, bytearray]:
        try:
            async with self._channel_in_use, asyncio.timeout(timeout_s):
                kind, n_bytes = protocol.parse_header(await self._read(protocol.HEADER_BYTES))
                return kind, await self._read(n_bytes)
        except TimeoutError as error:
            raise WorkerStalledError(f"nothing for {timeout_s:g} s") from error
        except (EOFError, OSError) as error:
            raise await self._ended() from error

    async def _read(self, n_bytes: int) -> bytearray:
        if self._channel.fileno() < 0:
            raise EOFError
        loop = asyncio.get_running_loop()
        message = bytearray(n_bytes)
        rest = memoryview(message)
        while rest:
            n_read = await loop.sock_recv_into(self._channel, rest)
            if not n_read:
                raise EOFError
            rest = rest[n_read:]
        return message

    async def _ended(self) -> WorkerEndedError:
        try:
            async with asyncio.timeout(_EXIT_GRACE_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
        return WorkerEndedError(await self._process.wait())


async def start_worker(limits: DecodeLimits) -> Worker:
    """Start a child and wait until it is ready.

    Raises: WorkerCrashedError: if it does not get that far.
    """
    worker = await _spawn(limits)
    try:
        await worker.greet(limits.start_timeout_s)
    except (WorkerEndedError, WorkerStalledError, ProtocolError) as error:
        raise WorkerCrashedError(f"The audio decoder could not start: {error}.") from error
    finally:
        if not worker.is_idle:
            worker.kill()
            await worker.wait()
    return worker


async def _spawn(limits: DecodeLimits) -> Worker:
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    try:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *_command(limits),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=_environment(),
            )
    except OSError as error:
        ours.close()
        raise WorkerCrashedError("The audio decoder could not be started.") from error
    except BaseException:
        ours.close()
        raise
    return Worker(process, ours, limits.stall_timeout_s)


def _command(limits: DecodeLimits) -> list[str]:
    numbers = (limits.max_audio_s, limits.max_memory_bytes, limits.max_cpu_s)
    return [sys.executable, "-P", "-m", "loquent.codec.child", *map(str, numbers)]


def _environment() -> dict[str, str]:
    """Return all that the child inherits: where to import from, and no secret of ours.

    One thread and one malloc arena: more would count against its address space, unused.
    """
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }
