"""Keeps a few decoding children ready and decides who lives; knows nothing of formats."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, Final, TypeVar

from loquent.codec import protocol
from loquent.codec.limits import DecodeLimits
from loquent.codec.protocol import ProtocolError
from loquent.codec.worker import (
    ErrorReport,
    Worker,
    WorkerEndedError,
    WorkerStalledError,
    start_worker,
)
from loquent.domain.audio import AudioSource, Samples
from loquent.domain.errors import InvalidAudioError, LoquentError, WorkerCrashedError

_logger = logging.getLogger(__name__)

_MAX_JOBS_PER_CHILD: Final = 256
"""A child is replaced after so many, so that a leak in a C library never adds up to its limit."""

T = TypeVar("T")


class DecoderPool:
    """An `AudioDecoder` whose FFmpeg runs in child processes; belongs to one event loop."""

    def __init__(self, limits: DecodeLimits | None = None) -> None:
        self._limits = limits or DecodeLimits()
        self._slots = asyncio.Semaphore(self._limits.max_children)
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._n_starting = 0
        self._chores: set[asyncio.Task[Any]] = set()
        self._closing = asyncio.Event()

    async def start(self) -> None:
        """Bring the warm children up.

        Raises: WorkerCrashedError: if one cannot start.
        """
        await self._refill()

    async def close(self) -> None:
        """End every child, those at work too, and wait until they are gone."""
        self._closing.set()
        for worker in self._workers:
            worker.kill()
        while self._chores:
            await asyncio.wait(self._chores)
        for worker in self._workers:  # those nobody waits for any more, when the loop is ending
            await worker.wait()

    async def decode(
        self, source: AudioSource, channel: int | None = None
    ) -> AsyncGenerator[Samples, None]:
        """Yield consecutive windows of mono audio at 16 kHz; see `AudioDecoder`.

        Waits while `max_children` recordings are being decoded. A child that something outside
        killed took an innocent recording with it: a new child decodes it again.
        """
        n_sent = 0
        async with self._slots:
            for take in (self._take, self._start_worker):
                try:
                    parts = self._decode_by(await take(), source, channel, n_sent)
                    async with aclosing(parts) as windows:
                        async for window in windows:
                            n_sent += 1
                            yield window
                except WorkerEndedError as error:
                    ended = error
                    if error.returncode != -signal.SIGKILL:
                        break
                else:
                    return
            raise _verdict(ended, self._limits) from ended

    async def _decode_by(
        self, worker: Worker, source: AudioSource, channel: int | None, n_skipped: int
    ) -> AsyncGenerator[Samples, None]:
        """Yield the windows after the first `n_skipped` ones, which the caller already has."""
        try:
            async with aclosing(worker.decode(source.path, channel)) as windows:
                async for window in windows:
                    n_skipped -= 1
                    if n_skipped < 0:
                        yield window
        except ErrorReport as report:
            raise _translated(report, self._limits) from report
        except WorkerStalledError as error:
            raise InvalidAudioError(f"Decoding the file came to a halt: {error}.") from error
        except ProtocolError as error:
            _logger.warning("decoder child %d misbehaved: %s", worker.pid, error)
            raise InvalidAudioError(_CRASHES_DECODER) from error
        finally:
            self._give_back(worker)

    async def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
        return await self._start_worker()

    def _give_back(self, worker: Worker) -> None:
        """Keep a worker that finished its recording; end one that was interrupted or is spent."""
        if self._closing.is_set() or not worker.is_idle or worker.n_jobs >= _MAX_JOBS_PER_CHILD:
            worker.kill()
            return
        self._idle.append(worker)
        if len(self._idle) > self._limits.n_warm:
            loop = asyncio.get_running_loop()
            loop.call_later(self._limits.linger_s, self._let_go, worker, worker.n_jobs)

    def _let_go(self, worker: Worker, n_jobs: int) -> None:
        """End a worker beyond the warm ones that had nothing to do since its `n_jobs`-th."""
        is_unused = worker in self._idle and worker.n_jobs == n_jobs
        if is_unused and len(self._idle) > self._limits.n_warm:
            self._idle.remove(worker)
            worker.kill()

    async def _start_worker(self) -> Worker:
        if self._closing.is_set():
            raise WorkerCrashedError("The audio decoder has been shut down.")
        self._n_starting += 1
        try:
            worker = await self._chore(start_worker(self._limits))
        finally:
            self._n_starting -= 1
        self._workers.add(worker)
        self._chore(self._supervise(worker))
        if self._closing.is_set():
            worker.kill()
        return worker

    async def _supervise(self, worker: Worker) -> None:
        """Wait for the end of `worker`, clean up behind it and see that there are warm ones."""
        await worker.wait()
        self._workers.remove(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        try:
            await self._refill()
        except WorkerCrashedError as error:
            _logger.warning("decoder child not replaced: %s", error)

    async def _refill(self) -> None:
        n_missing = self._limits.n_warm - len(self._workers) - self._n_starting
        if self._closing.is_set() or n_missing <= 0:
            return
        await asyncio.gather(*(self._add_idle() for _ in range(n_missing)))

    async def _add_idle(self) -> None:
        self._give_back(await self._start_worker())

    def _chore(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` as a task that `close` waits for."""
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
        return task


_CRASHES_DECODER: Final = (
    "The file could not be decoded: it is damaged in a way that stops the decoder. "
    "Check that it plays, or convert it, for example to flac or wav, and send that."
)


def _translated(report: ErrorReport, limits: DecodeLimits) -> LoquentError:
    """Return what the caller is told of a recording that a child could not decode."""
    if report.code == protocol.OUT_OF_MEMORY:
        return InvalidAudioError(
            f"The file needs more than {limits.max_memory_bytes >> 20} MiB of memory to decode."
        )
    error = protocol.request_error(report.code, report.text)
    if error is None:
        _logger.warning("decoder child reports %r: %r", report.code, report.text)
        return InvalidAudioError(_CRASHES_DECODER)
    return error


def _verdict(ended: WorkerEndedError, limits: DecodeLimits) -> LoquentError:
    """Say whose fault it is that a child ended over a recording.

    What crashes or exhausts a decoder that runs well otherwise is the recording's fault. SIGKILL
    and an exit come from elsewhere.
    """
    if ended.returncode == -signal.SIGXCPU:
        return InvalidAudioError(
            f"The file takes more than {limits.max_cpu_s} s of processor time to decode."
        )
    if ended.returncode == -signal.SIGKILL or ended.returncode >= 0:
        return WorkerCrashedError("The audio decoder was stopped while it worked. Try again.")
    return InvalidAudioError(_CRASHES_DECODER)
