"""The last moment in which a server takes connections: nobody who got one is left alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from loquent.api.draining import Departure
from loquent.cli.departing import DepartingServer, Farewells

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
TIMEOUT_S = 5.0


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{phase}"
            await send({"type": f"lifespan.{phase}.complete"})
        return
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _no_sockets() -> None:
    return


@pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)
def test_who_waits_to_be_accepted_is_served_and_who_comes_later_is_refused(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(asyncio.wait_for(_last_moment(), TIMEOUT_S))


async def _last_moment() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    ports: asyncio.Queue[int] = asyncio.Queue()
    config = uvicorn.Config(_app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    farewells = Farewells(Departure(), _no_sockets, 0.0, TIMEOUT_S)
    server = DepartingServer(config, farewells, ports.put_nowait)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    assert await ports.get() == address[1]

    # Not accepted: the loop does not run in between.
    waiting = [socket.create_connection(address) for _ in range(20)]
    await server._stop_listening([listening])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    statuses = await asyncio.gather(*map(_ask, waiting))
    assert statuses == [b"HTTP/1.1 204 No Content\r\n"] * len(waiting)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await uvicorn.Server.shutdown(server)


async def _ask(line: socket.socket) -> bytes:
    reader, writer = await asyncio.open_connection(sock=line)
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    status = await reader.readline()
    await reader.read()
    writer.close()
    await writer.wait_closed()
    return status
