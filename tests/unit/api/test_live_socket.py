"""One socket at its end, when every step of it takes its time."""

from __future__ import annotations

import asyncio

from starlette.types import Message
from starlette.websockets import WebSocket

from loquent.api.live.drain import LiveSockets
from loquent.api.live.socket import LiveSocket, SocketOptions


async def test_draining_waits_until_callers_were_told_why() -> None:
    sent: list[Message] = []
    is_open, is_listening = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        if not is_open.is_set():
            is_open.set()
            return {"type": "websocket.connect"}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    async def listen(socket: LiveSocket) -> None:
        is_listening.set()
        await socket.receive()

    websocket = WebSocket({"type": "websocket", "headers": []}, receive, send)
    sockets = LiveSockets()
    running = asyncio.create_task(LiveSocket(websocket, sockets, SocketOptions()).run(listen))
    await is_listening.wait()
    await sockets.drain()
    assert sent[-1]["type"] == "websocket.close"
    assert sent[-1]["code"] == 1012
    assert sent[-1]["reason"].startswith("shutting_down")
    await running
