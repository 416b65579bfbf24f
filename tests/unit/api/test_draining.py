"""A server on its way out: what passes, what is refused, and what each answer says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from loquent.api.draining import Departure, Farewell, Stage, is_leaving


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
    body = b"leaving" if is_leaving(scope) else b"serving"
    await send({"type": "http.response.body", "body": body})


async def _ask(
    departure: Departure, path: str = "/v1/models", app: Callable[..., Awaitable[Any]] = _app
) -> tuple[int, dict[str, str], bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    await Farewell(app, departure)(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert len(headers) == len(sent[0]["headers"])
    return sent[0]["status"], headers, b"".join(each.get("body", b"") for each in sent[1:])


def test_stages_only_go_forward() -> None:
    departure = Departure()
    assert not departure.is_leaving
    departure.leave()
    departure.refuse()
    departure.leave()
    assert departure.stage is Stage.REFUSING


async def test_a_server_that_stays_says_no_farewell() -> None:
    assert await _ask(Departure()) == (200, {"x-a": "b"}, b"serving")


async def test_a_server_that_leaves_serves_and_says_that_the_line_ends() -> None:
    departure = Departure()
    departure.leave()
    assert await _ask(departure) == (200, {"x-a": "b", "connection": "close"}, b"leaving")


async def test_an_answer_that_begins_after_the_signal_says_that_the_line_ends() -> None:
    departure = Departure()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        departure.leave()
        await _app(scope, receive, send)

    _, headers, _ = await _ask(departure, app=slow)
    assert headers["connection"] == "close"


async def test_farewell_is_said_once() -> None:
    async def closing(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    departure = Departure()
    departure.leave()
    assert (await _ask(departure, app=closing))[1] == {"connection": "close"}


async def test_a_server_that_refuses_says_when_to_come_again() -> None:
    departure = Departure()
    departure.refuse()
    status, headers, body = await _ask(departure)
    assert status == 503
    assert (headers["retry-after"], headers["connection"]) == ("5", "close")
    assert "x-should-retry" not in headers
    assert json.loads(body)["error"]["code"] == "shutting_down"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_pass_at_every_stage(path: str) -> None:
    departure = Departure()
    departure.refuse()
    assert (await _ask(departure, path))[0] == 200


async def test_a_socket_that_comes_too_late_is_told_to_come_again() -> None:
    departure = Departure()
    departure.refuse()
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "websocket", "path": "/v1/realtime", "headers": []}
    await Farewell(_app, departure)(scope, receive, send)
    assert [each["type"] for each in sent] == ["websocket.accept", "websocket.close"]
    assert sent[-1]["code"] == 1012
    assert sent[-1]["reason"].startswith("shutting_down")


async def test_quiet_comes_when_the_last_one_has_ended() -> None:
    departure, gate = Departure(), asyncio.Event()

    async def waiting(*asgi: Any) -> None:
        await gate.wait()
        await _app(*asgi)

    asked = [asyncio.create_task(_ask(departure, app=waiting)) for _ in range(3)]
    await asyncio.sleep(0)
    departure.refuse()
    quiet = asyncio.create_task(departure.quiet())
    await asyncio.sleep(0)
    assert (departure.n_running, quiet.done()) == (3, False)
    gate.set()
    await quiet
    assert departure.n_running == 0
    assert [status for status, _, _ in await asyncio.gather(*asked)] == [200, 200, 200]


async def test_what_fails_or_is_cancelled_does_not_hold_the_end_up() -> None:
    departure = Departure()

    async def failing(*asgi: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await _ask(departure, app=failing)
    never = asyncio.create_task(_ask(departure, app=lambda *_: asyncio.Event().wait()))
    await asyncio.sleep(0)
    never.cancel()
    await asyncio.gather(never, return_exceptions=True)
    await departure.quiet()
