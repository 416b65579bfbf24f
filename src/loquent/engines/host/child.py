"""The child process: holds the weights of one model and reads batches; knows nothing of queues.

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
from loquent.engines.host.protocol import Answer, Batch, Order, ProtocolError, Ready, Result, Start
from loquent.engines.host.readers import Reader

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
        message = protocol.parse(prefix.kind, header, self._read(prefix.n_samples_bytes))
        if not isinstance(message, Start | Batch):
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
    """Load the model that the parent names and read batches until it closes the socket.

    Returns: the exit status.
    """
    stay_with_parent()
    channel = Channel(socket.socket(fileno=sys.stdin.fileno()))
    try:
        reader = _loaded(channel)
        if reader is not None:
            _serve(channel, reader)
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


def _loaded(channel: Channel) -> Reader | None:
    """Load the weights and tell how it went."""
    start = channel.receive()
    if not isinstance(start, Start):
        raise ProtocolError("a batch before the start")
    try:
        reader = build_reader(start)
    except Exception as error:  # noqa: BLE001  the edge of the worker: the parent is told
        channel.send(protocol.failure_of(error, None))
        return None
    channel.send(Ready(reader.n_workers))
    return reader


def build_reader(start: Start) -> Reader:
    """Import what `start` names, and load its weights.

    Raises: ModelLoadError, and whatever the import of a library raises.
    """
    try:
        module = importlib.import_module(start.address.module)
    except ImportError as error:
        missing = error.name or start.address.module
        raise ModelLoadError(f"The engine cannot be used here: {missing} is missing.") from error
    options = getattr(module, start.address.options)(**start.options)
    reader: Reader = getattr(module, start.address.reader)(Path(start.folder), options)
    return reader


def _serve(channel: Channel, reader: Reader) -> None:
    """Read batches, each in a thread, until the parent closes the socket; then end what runs.

    There is one thread more than narrow batches, for a wide batch beside one whose caller left.
    """
    threads = ThreadPoolExecutor(reader.n_workers + 1, thread_name_prefix="batch")
    running: set[Future[None]] = set()
    try:
        while True:
            batch = channel.receive()
            if not isinstance(batch, Batch):
                raise ProtocolError("a second start")
            job = threads.submit(_answer, channel, reader, batch)
            running.add(job)
            job.add_done_callback(running.discard)
    except EOFError:
        wait(list(running), timeout=_FAREWELL_S)


def _answer(channel: Channel, reader: Reader, batch: Batch) -> None:
    """Read one batch and send what came of it."""
    began_s = time.monotonic()
    try:
        recognitions = tuple(reader.read(batch.utterances, batch.width))
        channel.send(Result(batch.id, recognitions, time.monotonic() - began_s))
    except ConnectionError:
        os._exit(0)  # the parent is gone
    except Exception as error:  # noqa: BLE001  the edge of the worker: only this batch fails
        channel.send(protocol.failure_of(error, batch.id))


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # no batch that still runs may keep the weights in memory
