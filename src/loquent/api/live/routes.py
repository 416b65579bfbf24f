"""Adds the live routes under every prefix; a new live dialect is one file and one line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from fastapi import FastAPI
from starlette.websockets import WebSocket

from loquent.api.dialects import DIALECTS
from loquent.api.live import a15t, openai
from loquent.api.live.parts import LiveParts

Serve: TypeAlias = Callable[[WebSocket, LiveParts], Awaitable[None]]

SERVE: Mapping[str, Serve] = MappingProxyType(
    {a15t.PATH: a15t.serve_a15t, openai.PATH: openai.serve_openai}
)
"""Path -> who speaks there."""


def add_live_routes(app: FastAPI, parts: LiveParts) -> None:
    """Add every live dialect, under every prefix."""
    for prefix in DIALECTS:
        for path, serve in SERVE.items():
            app.add_api_websocket_route(prefix + path, _endpoint(serve, parts))


def _endpoint(serve: Serve, parts: LiveParts) -> Callable[[WebSocket], Awaitable[None]]:
    async def follow(websocket: WebSocket) -> None:
        with parts.metrics.live.track():
            await serve(websocket, parts)

    return follow
