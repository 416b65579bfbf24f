"""Stands in for a provider that fails and, while it does, repeats all that it was sent.

It speaks OpenAI's wire as far as it speaks any; what goes wrong is the first step of the address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

_LONGEST_ECHO = 2_000
_WORDS = re.compile(r"[\w .:='-]{4,}")
_REASON_BYTES = 100


@dataclass(frozen=True)
class Echo:
    """Says `text`, and whatever it was sent."""

    text: str
    sent: str

    def __str__(self) -> str:
        return f"{self.text} {self.sent}"


def _error(echo: Echo, status: int) -> Response:
    headers = {"retry-after": "1"} if status == 429 else {}
    return JSONResponse({"error": {"message": str(echo), "code": echo.text}}, status, headers)


def _garbled(echo: Echo) -> Response:
    return Response(f"{{{echo}", media_type="application/json")


def _odd(echo: Echo) -> Response:
    return JSONResponse({"text": [str(echo)], "segments": str(echo), "language": {"a": str(echo)}})


def _cut(echo: Echo) -> Response:
    return Response(str(echo), headers={"content-length": str(10 * _LONGEST_ECHO)})


def _elsewhere(echo: Echo) -> Response:
    where = f"http://user:{echo.text.replace(' ', '-')}@127.0.0.1:1/?said={echo.text.split()[0]}"
    return PlainTextResponse(str(echo), 307, {"location": where, "x-said": echo.text})


def _heard(echo: Echo) -> Response:
    return JSONResponse({"text": echo.text})


def _streamed(echo: Echo) -> Response:
    events = (
        {"type": "transcript.text.delta", "delta": echo.text},
        {"type": "error", "error": {"message": str(echo), "type": "server_error"}},
    )
    frames = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return PlainTextResponse(frames, media_type="text/event-stream")


CONDUCT: Mapping[str, Callable[[Echo], Response]] = MappingProxyType(
    {
        "rejects": lambda echo: _error(echo, 400),
        "locks-out": lambda echo: _error(echo, 401),
        "misses": lambda echo: _error(echo, 404),
        "throttles": lambda echo: _error(echo, 429),
        "breaks": lambda echo: _error(echo, 500),
        "is-away": lambda echo: PlainTextResponse(str(echo), 503),
        "garbles": _garbled,
        "is-odd": _odd,
        "cuts": _cut,
        "redirects": _elsewhere,
        "hears": _heard,
        "streams": _streamed,
    }
)
"""First step of the address -> what comes back."""


class EchoingVendor:
    """A server that answers as `CONDUCT` tells, and closes sockets with what it heard.

    Attributes:
        text: stands in every answer.
        n_asked: requests and sockets that came.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.n_asked = 0

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{conduct}/{rest:path}", self._answer, methods=["GET", "POST"]),
                WebSocketRoute("/{conduct}/{rest:path}", self._listen),
            ]
        )

    async def _answer(self, request: Request) -> Response:
        self.n_asked += 1
        words = " ".join(_WORDS.findall((await request.body()).decode("ascii", "ignore")))
        sent = f"{request.headers.get('authorization')} {request.url.query} {words}"
        return CONDUCT[request.path_params["conduct"]](Echo(self.text, sent[:_LONGEST_ECHO]))

    async def _listen(self, websocket: WebSocket) -> None:
        self.n_asked += 1
        await websocket.accept()
        with suppress(WebSocketDisconnect):
            sent = await websocket.receive_text()
            message = f"{self.text} {websocket.headers.get('authorization')} {sent}"
            await websocket.send_text(json.dumps({"type": "session.created", "session": message}))
            if websocket.path_params["conduct"] == "is-odd":
                await websocket.send_text(message)
            else:
                error = {"type": "server_error", "message": message, "code": self.text}
                await websocket.send_text(json.dumps({"type": "error", "error": error}))
            await websocket.close(4000, message[:_REASON_BYTES])
