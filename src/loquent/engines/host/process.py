"""Runs one model in a child process, as an engine of any kind; knows no queues."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Final

from loquent.domain.audio import Samples, SpeechRegion
from loquent.domain.errors import EngineError, ModelLoadError, WorkerCrashedError
from loquent.engines.batch import Utterance, Width
from loquent.engines.host.link import Link, open_link
from loquent.engines.host.messages import (
    UNEXPECTED,
    Analyse,
    Analysed,
    Answer,
    Batch,
    Failure,
    Outcome,
    Ready,
    Result,
    Speak,
    Spoken,
    Start,
    Work,
)
from loquent.engines.host.performers import PERFORMERS, EngineSpec, PerformerAddress
from loquent.engines.host.protocol import ProtocolError
from loquent.ports import PieceOptions, Recognition, SpokenPiece, WindowVoices

_logger = logging.getLogger(__name__)

_EXIT_GRACE_S: Final = 1.0
"""How long a child that closed its socket has to end, so that we learn the true cause."""


class StoppedWhileLoadingError(ModelLoadError):
    """A child died before it had loaded its model; another one may get further."""


@dataclass(frozen=True, slots=True)
class HostLimits:
    """How long the parent waits for a child.

    Attributes:
        start_timeout_s: for the weights to be loaded.
        order_timeout_s: for one order; a child that takes longer hangs, and is ended.
        close_grace_s: for running orders when the model is unloaded.
    """

    start_timeout_s: float = 300.0
    order_timeout_s: float = 600.0
    close_grace_s: float = 10.0


@dataclass(frozen=True, slots=True)
class _Call:
    """An order at work and who waits for its answer."""

    order: Work
    answer: asyncio.Future[Outcome]

    def is_answered_by(self, answer: Outcome) -> bool:
        """Tell whether `answer` is of the kind and size that the order asks for."""
        match self.order, answer:
            case Batch(_, _, utterances), Result(_, recognitions, _):
                return len(utterances) == len(recognitions)
            case (Speak(), Spoken()) | (Analyse(), Analysed()):
                return True
        return False


class EngineProcess:
    """An engine in a child process; belongs to one event loop. Made by `start_engine`."""

    def __init__(
        self,
        link: Link,
        *,
        ready: Ready,
        limits: HostLimits,
        on_exit: Callable[[], None],
    ) -> None:
        self._link = link
        self._ready = ready
        self._limits = limits
        self._on_exit = on_exit
        self._ids = count()
        self._calls: dict[int, _Call] = {}
        self._is_closing = False
        self._has_ended = False
        self._listening = asyncio.create_task(self._listen())

    @property
    def n_workers(self) -> int:
        return self._ready.n_workers

    @property
    def sample_rate_hz(self) -> int:
        return self._ready.sample_rate_hz

    @property
    def n_copies(self) -> int:
        return 0 if self._has_ended else 1

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
        result = await self._ask(Batch(next(self._ids), width, tuple(batch)))
        assert isinstance(result, Result)
        return result.recognitions

    async def speak(self, text: str, options: PieceOptions) -> SpokenPiece:
        """Speak a piece of text.

        A call that is cancelled occupies its worker until the piece is done; the answer is dropped.

        Raises: EngineError; WorkerCrashedError: if the child dies, hangs or has been ended.
        """
        spoken = await self._ask(Speak(next(self._ids), text, options))
        assert isinstance(spoken, Spoken)
        return spoken.piece

    async def analyse(self, samples: Samples, wanted: SpeechRegion) -> WindowVoices:
        """Tell who speaks in `samples`, at most WINDOW_S; voices are those of the `wanted` part.

        A call that is cancelled occupies its worker until the window is done; the answer is
        dropped.

        Raises: EngineError; WorkerCrashedError: if the child dies, hangs or has been ended.
        """
        analysed = await self._ask(Analyse(next(self._ids), samples, wanted))
        assert isinstance(analysed, Analysed)
        return analysed.voices

    async def _ask(self, order: Work) -> Outcome:
        if self._has_ended or self._is_closing:
            raise WorkerCrashedError("The model has just been taken out of memory. Try again.")
        call = _Call(order, asyncio.get_running_loop().create_future())
        self._calls[order.id] = call
        try:
            async with asyncio.timeout(self._limits.order_timeout_s):
                with suppress(ConnectionError):  # the child is gone: the call is failed below
                    await self._link.send(order)
                return await call.answer
        except ProtocolError as error:
            raise EngineError("The request is too much for one order to the model.") from error
        except TimeoutError as error:
            _logger.warning("engine %d hangs", self.pid)
            self._link.kill()
            await asyncio.wait([self._listening])  # nobody is to be sent here again
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
            case (
                Result(identifier, _, took_s)
                | Spoken(identifier, _, took_s)
                | Analysed(identifier, _, took_s)
            ):
                _logger.debug("engine %d: order %d in %.3f s", self.pid, identifier, took_s)
                call = self._calls.get(identifier)
                if call is None or call.answer.done():
                    return  # its caller has left
                if not call.is_answered_by(answer):
                    raise ProtocolError(f"order {identifier} was answered with something else")
                call.answer.set_result(answer)
            case Failure(int(identifier), code, message):
                _logger.warning("engine %d: order %d: %s: %s", self.pid, identifier, code, message)
                call = self._calls.get(identifier)
                if call is not None and not call.answer.done():
                    call.answer.set_exception(answer.to_error())
            case _:
                raise ProtocolError(f"{type(answer).__name__} out of turn")

    def _bury(self, returncode: int) -> None:
        """Fail the calls of a child that is gone, and report it where nobody wanted that."""
        for call in self._calls.values():
            if not call.answer.done():
                message = "The model stopped while it worked. Try again."
                call.answer.set_exception(WorkerCrashedError(message))
        if not self._is_closing:
            _logger.warning("engine %d ended with %d", self.pid, returncode)
            self._on_exit()


async def start_engine(
    spec: EngineSpec,
    on_exit: Callable[[], None],
    *,
    limits: HostLimits | None = None,
    performers: Mapping[str, PerformerAddress] = PERFORMERS,
) -> EngineProcess:
    """Start a child and load the model in it.

    Args:
        on_exit: called once if the child ends though nobody closed it.

    Raises: ModelLoadError: with the child's own words where it has some;
        StoppedWhileLoadingError.
    """
    limits = limits or HostLimits()
    address = performers.get(spec.engine)
    if address is None:
        raise ModelLoadError(f"{spec.model_id} needs {spec.engine}, an engine that is not here.")
    try:
        link = await open_link(spec.environment)
    except OSError as error:
        raise ModelLoadError(f"{spec.model_id}: no process could be started for it.") from error
    ready: Ready | None = None
    try:
        async with asyncio.timeout(limits.start_timeout_s):
            ready = await _greet(link, Start(address, str(spec.folder), spec.options))
    except TimeoutError as error:
        waited_s = limits.start_timeout_s
        raise ModelLoadError(f"{spec.model_id} was not loaded within {waited_s:g} s.") from error
    except (EOFError, ConnectionError, ProtocolError) as error:
        message = f"The engine stopped while it loaded {spec.model_id}."
        raise StoppedWhileLoadingError(message) from error
    finally:
        if ready is None:
            link.kill()
            returncode = await link.end(_EXIT_GRACE_S)
            _logger.warning("engine %d ended with %d without a model", link.pid, returncode)
    return EngineProcess(link, ready=ready, limits=limits, on_exit=on_exit)


async def _greet(link: Link, start: Start) -> Ready:
    """Have the weights loaded; return what the child says of them.

    Raises: ModelLoadError, EOFError, ConnectionError, ProtocolError.
    """
    with suppress(ConnectionError):  # it may have said why before it left
        await link.send(start)
    match answer := await link.receive():
        case Ready():
            return answer
        case Failure(None, code, message) if code != UNEXPECTED:
            raise ModelLoadError(message)
        case Failure(None, _, message):
            raise ModelLoadError(f"The engine failed with {message} while it loaded the model.")
    raise ProtocolError(f"{type(answer).__name__} for a greeting")
