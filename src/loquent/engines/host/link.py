"""Holds a child by its socket, one of an engine in the engines' protocol; decides nothing of it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from loquent.codec.children import end_at_once
from loquent.engines.host import protocol
from loquent.engines.host.messages import Answer, Order
from loquent.engines.host.protocol import ProtocolError

ENGINE_CHILD = "loquent.engines.host.child"

_RESIDENT_PAGES = 1
"""Source: proc_pid_statm(5), the second field."""


class ChildLink:
    """A child process and the parent's end of the socket to it, whatever they speak."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the child, 0 where unknown."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()
        except OSError:
            return 0
        return int(pages[_RESIDENT_PAGES]) * os.sysconf("SC_PAGE_SIZE")

    async def write(self, frame: bytes) -> None:
        """Send the whole of `frame`, even if the caller is cancelled meanwhile.

        Raises: ConnectionError: if the child is gone.
        """
        self._writer.write(frame)
        await self._writer.drain()

    async def read(self, n_bytes: int) -> bytes:
        """Wait for so many bytes.

        Raises: EOFError, ConnectionError: once the child is gone.
        """
        return await self._reader.readexactly(n_bytes)

    def finish(self) -> None:
        """Tell the child that no order follows."""
        if not self._writer.is_closing():
            self._writer.write_eof()

    def kill(self) -> None:
        """End the child at once, whatever it does; who reads from it learns that it ended."""
        end_at_once(self._process)

    async def end(self, grace_s: float) -> int:
        """Wait until the child is gone, kill it after `grace_s`; leave nothing of it behind.

        Returns: as `asyncio.subprocess.Process.returncode`, negative for a signal.
        """
        try:
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
            self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()
        return await self._process.wait()


class Link(ChildLink):
    """A link to the child of an engine."""

    async def send(self, order: Order) -> None:
        """Send the whole of `order`, even if the caller is cancelled meanwhile.

        Raises: ProtocolError: if it cannot be written; ConnectionError: if the child is gone.
        """
        await self.write(protocol.encode(order))

    async def receive(self) -> Answer:
        """Wait for the next answer.

        Raises: EOFError, ConnectionError: once the child is gone; ProtocolError.
        """
        prefix = protocol.parse_prefix(await self.read(protocol.PREFIX_BYTES))
        header = await self.read(prefix.n_header_bytes)
        arrays = await self.read(prefix.n_array_bytes)
        message = protocol.parse(prefix.kind, header, arrays)
        if isinstance(message, Order):
            raise ProtocolError(f"{prefix.kind.name} from the child")
        return message


async def open_link(environment: Mapping[str, str]) -> Link:
    """Start the child of an engine, which waits for its first order.

    Raises: OSError: if the machine cannot start one.
    """
    return Link(*await open_child(ENGINE_CHILD, environment))


async def open_child(
    module: str, environment: Mapping[str, str]
) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader, asyncio.StreamWriter]:
    """Start a child that runs `module` and has a socket to us as its standard input.

    Args:
        environment: what it sees beside what Python needs; nothing of our own.

    Raises: OSError: if the machine cannot start one.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", module),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                env={**_environment(), **environment},
                start_new_session=True,  # Ctrl-C at the terminal is for the parent alone
            )
        except BaseException:
            writer.transport.abort()
            raise
    return process, reader, writer


def _environment() -> dict[str, str]:
    """Return where to import from, and one thread for numpy: the engine's own take all cores."""
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OPENBLAS_NUM_THREADS": "1",
    }
