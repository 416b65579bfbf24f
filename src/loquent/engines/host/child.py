"""The child process: holds the weights of one model and works with them; knows nothing of queues.

Run as `python -m loquent.engines.host.child`, a Unix socket as standard input.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import socket
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock

from loquent.domain.errors import ModelLoadError
from loquent.engines.host import protocol
from loquent.engines.host.messages import (
    Analyse,
    Analysed,
    Answer,
    Batch,
    Order,
    Outcome,
    Ready,
    Result,
    Speak,
    Spoken,
    Start,
    Work,
    failure_of,
)
from loquent.engines.host.performers import Analyser, Performer, Reader, SpeechMaker
from loquent.engines.host.protocol import ProtocolError

_PR_SET_PDEATHSIG = 1
"""Source: linux/prctl.h."""

_FIRST_FREE = 3
"""The first descriptor after standard input, output and error."""

_FAREWELL_S = 60.0
"""How long running batches may go on once the parent has closed the socket, or is gone."""


class Channel:
    """The child's end of the socket; several threads may send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = Lock()

    def send(self, answer: Answer) -> None:
        """Send the whole of `answer`.

        Raises: ProtocolError: if it is too large; nothing is sent then.
        """
        frame = protocol.encode(answer)
        with self._sending:
            self._connection.sendall(frame)

    def receive(self) -> Order:
        """Wait for the next order.

        Raises: EOFError: once the parent has closed the socket; ProtocolError.
        """
        prefix = protocol.parse_prefix(self._read(protocol.PREFIX_BYTES))
        header = self._read(prefix.n_header_bytes)
        message = protocol.parse(prefix.kind, header, self._read(prefix.n_array_bytes))
        if not isinstance(message, Order):
            raise ProtocolError(f"{prefix.kind.name} from the parent")
        return message

    def _read(self, n_bytes: int) -> bytearray:
        message = bytearray(n_bytes)
        rest = memoryview(message)
        while rest:
            n_read = self._connection.recv_into(rest)
            if not n_read:
                raise EOFError
            rest = rest[n_read:]
        return message


def main() -> int:
    """Load the model that the parent names and do its orders until it closes the socket.

    Returns: the exit status.
    """
    stay_with_parent()
    channel = Channel(socket.socket(fileno=sys.stdin.fileno()))
    try:
        performer = _loaded(channel)
        if performer is not None:
            _serve(channel, performer)
    except (EOFError, ConnectionError):
        pass  # the parent is gone
    except ProtocolError as error:
        sys.stderr.write(f"loquent engine: {error}\n")
        return 1
    return 0


def stay_with_parent() -> None:
    """Leave the time of the end to the parent: it drains first, and takes this process along.

    Where the kernel cannot promise that, the end of the socket tells.
    """
    for request in (signal.SIGINT, signal.SIGTERM):
        signal.signal(request, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.closerange(_FIRST_FREE, resource.getrlimit(resource.RLIMIT_NOFILE)[0])  # not all loops do


def _loaded(channel: Channel) -> Performer | None:
    """Load the weights and tell how it went."""
    start = channel.receive()
    if not isinstance(start, Start):
        raise ProtocolError("an order before the start")
    try:
        performer = build_performer(start)
    except Exception as error:  # noqa: BLE001  the edge of the worker: the parent is told
        channel.send(failure_of(error, None))
        return None
    sample_rate_hz = performer.sample_rate_hz if isinstance(performer, SpeechMaker) else 0
    channel.send(Ready(performer.n_workers, sample_rate_hz))
    return performer


def build_performer(start: Start) -> Performer:
    """Import what `start` names, and load its weights.

    Raises: ModelLoadError, and whatever the import of a library raises.
    """
    try:
        module = importlib.import_module(start.address.module)
    except ImportError as error:
        missing = error.name or start.address.module
        raise ModelLoadError(f"The engine cannot be used here: {missing} is missing.") from error
    options = getattr(module, start.address.options)(**start.options)
    performer: Performer = getattr(module, start.address.performer)(Path(start.folder), options)
    return performer


def _serve(channel: Channel, performer: Performer) -> None:
    """Do orders, each in a thread, until the parent closes the socket; then end what runs.

    There is one thread more than narrow batches, for a wide batch beside one whose caller left.
    """
    threads = ThreadPoolExecutor(performer.n_workers + 1, thread_name_prefix="order")
    running: set[Future[None]] = set()
    try:
        while True:
            order = channel.receive()
            if isinstance(order, Start):
                raise ProtocolError("a second start")
            job = threads.submit(_answer, channel, performer, order)
            running.add(job)
            job.add_done_callback(running.discard)
    except EOFError:
        wait(list(running), timeout=_FAREWELL_S)


def _answer(channel: Channel, performer: Performer, order: Work) -> None:
    """Do one order and send what came of it."""
    try:
        channel.send(_done(performer, order))
    except ConnectionError:
        os._exit(0)  # the parent is gone
    except Exception as error:  # noqa: BLE001  the edge of the worker: only this order fails
        channel.send(failure_of(error, order.id))


def _done(performer: Performer, order: Work) -> Outcome:
    began_s = time.monotonic()
    match order, performer:
        case Batch(identifier, width, utterances), Reader():
            recognitions = tuple(performer.read(utterances, width))
            return Result(identifier, recognitions, time.monotonic() - began_s)
        case Speak(identifier, text, options), SpeechMaker():
            piece = performer.speak(text, options)
            return Spoken(identifier, piece, time.monotonic() - began_s)
        case Analyse(identifier, samples, wanted), Analyser():
            voices = performer.analyse(samples, wanted)
            return Analysed(identifier, voices, time.monotonic() - began_s)
    raise ProtocolError("an order for another kind of model")


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # no batch that still runs may keep the weights in memory
