"""Runs one model in a child process, as a `BatchEngine`; knows neither queues nor other models."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Final

from loquent.domain.errors import EngineError, ModelLoadError, WorkerCrashedError
from loquent.engines.batch import Utterance, Width
from loquent.engines.host.link import Link, open_link
from loquent.engines.host.protocol import (
    UNEXPECTED,
    Answer,
    Batch,
    Failure,
    ProtocolError,
    Ready,
    Result,
    Start,
)
from loquent.engines.host.readers import READERS, EngineSpec, ReaderAddress
from loquent.ports import Recognition

_logger = logging.getLogger(__name__)

_EXIT_GRACE_S: Final = 1.0
"""How long a child that closed its socket has to end, so that we learn the true cause."""


@dataclass(frozen=True, slots=True)
class HostLimits:
    """How long the parent waits for a child.

    Attributes:
        start_timeout_s: for the weights to be loaded.
        batch_timeout_s: for one batch; a child that takes longer hangs, and is ended.
        close_grace_s: for running batches when the model is unloaded.
    """

    start_timeout_s: float = 300.0
    batch_timeout_s: float = 600.0
    close_grace_s: float = 10.0


@dataclass(frozen=True, slots=True)
class _Call:
    """A batch at work and who waits for it."""

    n_utterances: int
    recognitions: asyncio.Future[Sequence[Recognition]]


class EngineProcess:
    """A `BatchEngine` in a child process; belongs to one event loop. Made by `start_engine`."""

    def __init__(
        self,
        link: Link,
        *,
        n_workers: int,
        limits: HostLimits,
        on_exit: Callable[[], None],
    ) -> None:
        self._link = link
        self._n_workers = n_workers
        self._limits = limits
        self._on_exit = on_exit
        self._ids = count()
        self._calls: dict[int, _Call] = {}
        self._is_closing = False
        self._has_ended = False
        self._listening = asyncio.create_task(self._listen())

    @property
    def n_workers(self) -> int:
        return self._n_workers

    @property
    def pid(self) -> int:
        return self._link.pid

    def memory_bytes(self) -> int:
        """Return the resident memory of the child, 0 where unknown."""
        return 0 if self._has_ended else self._link.memory_bytes

    async def recognize(self, batch: Sequence[Utterance], width: Width) -> Sequence[Recognition]:
        """Recognise utterances of one `batch_key`; the answers stand in their order.

        A call that is cancelled occupies its worker until the batch is done; the answer is dropped.

        Raises: EngineError; WorkerCrashedError: if the child dies, hangs or has been ended.
        """
        if self._has_ended or self._is_closing:
            raise WorkerCrashedError("The model has just been taken out of memory. Try again.")
        order = Batch(next(self._ids), width, tuple(batch))
        call = _Call(len(batch), asyncio.get_running_loop().create_future())
        self._calls[order.id] = call
        try:
            async with asyncio.timeout(self._limits.batch_timeout_s):
                with suppress(ConnectionError):  # the child is gone: the call is failed below
                    await self._link.send(order)
                return await call.recognitions
        except ProtocolError as error:
            raise EngineError("The recording and its prompt are too much for one batch.") from error
        except TimeoutError as error:
            _logger.warning("engine %d hangs", self.pid)
            self._link.kill()
            raise WorkerCrashedError("The model did not answer in time. Try again.") from error
        finally:
            del self._calls[order.id]

    async def close(self) -> None:
        """Let running batches end for a while, and leave neither a process nor a socket behind."""
        self._is_closing = True
        self._link.finish()
        try:
            await asyncio.wait([self._listening], timeout=self._limits.close_grace_s)
        finally:
            self._link.kill()
        await asyncio.wait([self._listening])

    async def _listen(self) -> None:
        """Hand answers to those who wait, until the child is gone; then clean up behind it."""
        try:
            while True:
                self._take(await self._link.receive())
        except (EOFError, ConnectionError):
            pass
        except ProtocolError as error:
            _logger.warning("engine %d misbehaved: %s", self.pid, error)
            self._link.kill()
        except asyncio.CancelledError:
            self._link.kill()  # the loop ends
            raise
        finally:
            self._has_ended = True
            self._bury(await self._link.end(_EXIT_GRACE_S))

    def _take(self, answer: Answer) -> None:
        match answer:
            case Result(identifier, recognitions, took_s):
                _logger.debug("engine %d: batch %d in %.3f s", self.pid, identifier, took_s)
                call = self._calls.get(identifier)
                if call is None or call.recognitions.done():
                    return  # its caller has left
                if len(recognitions) != call.n_utterances:
                    raise ProtocolError(f"{len(recognitions)} for {call.n_utterances} utterances")
                call.recognitions.set_result(recognitions)
            case Failure(int(identifier), code, message):
                _logger.warning("engine %d: batch %d: %s: %s", self.pid, identifier, code, message)
                call = self._calls.get(identifier)
                if call is not None and not call.recognitions.done():
                    call.recognitions.set_exception(answer.to_error())
            case _:
                raise ProtocolError(f"{type(answer).__name__} out of turn")

    def _bury(self, returncode: int) -> None:
        """Fail the calls of a child that is gone, and report it where nobody wanted that."""
        for call in self._calls.values():
            if not call.recognitions.done():
                message = "The model stopped while it worked. Try again."
                call.recognitions.set_exception(WorkerCrashedError(message))
        if not self._is_closing:
            _logger.warning("engine %d ended with %d", self.pid, returncode)
            self._on_exit()


async def start_engine(
    spec: EngineSpec,
    on_exit: Callable[[], None],
    *,
    limits: HostLimits | None = None,
    readers: Mapping[str, ReaderAddress] = READERS,
) -> EngineProcess:
    """Start a child and load the model in it.

    Args:
        on_exit: called once if the child ends though nobody closed it.

    Raises: ModelLoadError: with the child's own words where it has some.
    """
    limits = limits or HostLimits()
    address = readers.get(spec.engine)
    if address is None:
        raise ModelLoadError(f"{spec.model_id} needs {spec.engine}, an engine that is not here.")
    try:
        link = await open_link(spec.environment)
    except OSError as error:
        raise ModelLoadError(f"{spec.model_id}: no process could be started for it.") from error
    n_workers = 0
    try:
        async with asyncio.timeout(limits.start_timeout_s):
            n_workers = await _greet(link, Start(address, str(spec.folder), spec.options))
    except TimeoutError as error:
        waited_s = limits.start_timeout_s
        raise ModelLoadError(f"{spec.model_id} was not loaded within {waited_s:g} s.") from error
    except (EOFError, ConnectionError, ProtocolError) as error:
        raise ModelLoadError(f"The engine stopped while it loaded {spec.model_id}.") from error
    finally:
        if not n_workers:
            link.kill()
            returncode = await link.end(_EXIT_GRACE_S)
            _logger.warning("engine %d ended with %d without a model", link.pid, returncode)
    return EngineProcess(link, n_workers=n_workers, limits=limits, on_exit=on_exit)


async def _greet(link: Link, start: Start) -> int:
    """Have the weights loaded; return how many narrow batches run side by side.

    Raises: ModelLoadError, EOFError, ConnectionError, ProtocolError.
    """
    with suppress(ConnectionError):  # it may have said why before it left
        await link.send(start)
    match answer := await link.receive():
        case Ready(n_workers):
            return n_workers
        case Failure(None, code, message) if code != UNEXPECTED:
            raise ModelLoadError(message)
        case Failure(None, _, message):
            raise ModelLoadError(f"The engine failed with {message} while it loaded the model.")
    raise ProtocolError(f"{type(answer).__name__} for a greeting")
