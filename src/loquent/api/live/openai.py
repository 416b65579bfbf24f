"""OpenAI's live dialect: a transcription session of events in JSON, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from starlette.websockets import WebSocket

from loquent.api.errors import wire_error
from loquent.api.live import openai_events as client
from loquent.api.live.drain import DrainingError
from loquent.api.live.ids import new_id
from loquent.api.live.openai_events import ClientEvent, parse_event
from loquent.api.live.openai_items import Items, Telling
from loquent.api.live.openai_session import SessionConfig
from loquent.api.live.parts import LiveParts, limits_of
from loquent.api.live.socket import LiveSocket, talk_until
from loquent.domain.endpoints import RoutingLimits
from loquent.domain.errors import InvalidRequestError, UnsupportedOptionError
from loquent.ports import LiveSession
from loquent.render import live_openai
from loquent.render.payload import JsonObject, encode

PATH = "/realtime"

MIN_COMMIT_S = 0.1
"""Less sound than this makes no item. Source: the OpenAI Realtime API."""

_INTENT = "transcription"

_PLACES: Mapping[str, str] = MappingProxyType(
    {name: f"session.audio.input.transcription.{name}" for name in ("model", "language")}
)
"""What the core finds fault with, and where it stands in a session."""


async def serve_openai(websocket: WebSocket, parts: LiveParts) -> None:
    """Serve one socket from its acceptance to its close."""
    socket = parts.socket(websocket)
    await socket.run(lambda socket: _talk(socket, websocket, parts))


async def _talk(socket: LiveSocket, websocket: WebSocket, parts: LiveParts) -> None:
    config, limits = _first_config(websocket, parts), limits_of(websocket)
    async with AsyncExitStack() as owned:
        conversation = _Conversation(socket, parts, config, owned, limits)
        await conversation.begin()
        await talk_until(conversation.speak(), conversation.listen())


def _first_config(websocket: WebSocket, parts: LiveParts) -> SessionConfig:
    """Return what the key and the address say of the session.

    Raises: InvalidRequestError, UnsupportedOptionError.
    """
    intent = websocket.query_params.get("intent") or _INTENT
    if intent != _INTENT:
        raise UnsupportedOptionError(f"?intent= may only be '{_INTENT}' here", param="intent")
    secret = parts.secrets.presented(websocket.scope)
    config = secret.config if secret else SessionConfig(parts.default_model)
    model = websocket.query_params.get("model")
    return config.with_model(model) if model else config


_Take: TypeAlias = Callable[["_Conversation", ClientEvent], Awaitable[None]]


class _Conversation:
    """What goes back and forth on one socket.

    What the caller can mend is told in an `error` event, and the socket stays open.

    Args:
        owned: closes the session with the core.
        limits: who may serve.
    """

    def __init__(
        self,
        socket: LiveSocket,
        parts: LiveParts,
        config: SessionConfig,
        owned: AsyncExitStack,
        limits: RoutingLimits,
    ) -> None:
        self._socket = socket
        self._parts = parts
        self._config = config
        self._owned = owned
        self._limits = limits
        self._id = new_id("sess")
        self._items = Items(_telling(config), partial(new_id, "item"))
        self._opened = asyncio.get_running_loop().create_future()
        self._session: LiveSession | None = None
        self._n_bytes = 0
        self._taken_s = 0.0

    async def begin(self) -> None:
        """Greet; a model that is known already is brought first, and may refuse."""
        if self._config.is_model_named:
            await self._open(self._config)
        await self._tell(live_openai.session_created(self._config.shown(self._id)))

    async def speak(self) -> None:
        """Tell the caller what is found out."""
        session: LiveSession = await self._opened
        async for update in self._parts.observed(session.updates(), self._socket):
            for event in self._items.events(update):
                await self._tell(event)

    async def listen(self) -> None:
        """Do what the caller says until it leaves, or the server ends."""
        try:
            while True:
                await self._take(await self._socket.receive())
        except DrainingError:
            if self._session is None:
                raise
            await self._session.finish()
        await self._socket.gone()

    async def _take(self, message: str | bytes) -> None:
        event_id: str | None = None
        try:
            event = parse_event(message)
            event_id = event.event_id
            event.check()
            await _TAKE[event.type](self, event)
        except InvalidRequestError as error:
            kind = wire_error(error).type
            await self._tell(live_openai.failure(error, kind, event_id))

    async def update(self, event: ClientEvent) -> None:
        """Change the configuration; all of it or, with an error, nothing."""
        config = self._config.changed(event.fields["session"])
        if self._session is not None:
            self._check_change(config)
            await self._session.configure(replace(config.request(), limits=self._limits))
        elif config.is_model_named:
            await self._open(config)
        self._config, self._items.telling = config, _telling(config)
        await self._tell(live_openai.session_updated(config.shown(self._id)))

    async def append(self, event: ClientEvent) -> None:
        """Hear the next sound."""
        sound = event.sound()
        session = self._session or await self._open(self._config)
        self._n_bytes += len(sound)
        await session.hear(sound)

    async def commit(self, _event: ClientEvent) -> None:
        """Make an item of what was heard since the last one; its events come with the others."""
        waiting_s = self._heard_s - max(self._taken_s, self._items.end_s)
        is_enough = self._session is not None and waiting_s >= MIN_COMMIT_S
        if self._session is None or not is_enough or await self._session.commit() is None:
            raise InvalidRequestError(
                "Error committing input audio buffer: buffer too small. Expected at least"
                f" {MIN_COMMIT_S * 1000:.0f}ms of audio, but buffer only has"
                f" {max(0.0, waiting_s) * 1000:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        self._taken_s = self._heard_s

    async def clear(self, _event: ClientEvent) -> None:
        """Forget what was heard since the last item."""
        if self._session is not None:
            await self._session.clear()
        self._taken_s = self._heard_s
        await self._tell(live_openai.buffer_cleared())

    @property
    def _heard_s(self) -> float:
        return self._n_bytes / self._config.bytes_per_s

    async def _open(self, config: SessionConfig) -> LiveSession:
        try:
            session = await self._owned.enter_async_context(
                self._parts.open(replace(config.request(), limits=self._limits), self._socket)
            )
        except InvalidRequestError as error:
            error.param = _PLACES.get(error.param or "", error.param)
            raise
        self._session = session
        self._opened.set_result(session)
        return session

    def _check_change(self, config: SessionConfig) -> None:
        """Raises: UnsupportedOptionError: if `config` cannot be followed by an open session."""
        if config.model != self._config.model:
            raise UnsupportedOptionError(
                f"The session has begun with the model '{self._config.model}'."
                " Connect again for another one.",
                param=_PLACES["model"],
            )
        if config.sound != self._config.sound and self._n_bytes:
            raise UnsupportedOptionError(
                "The format of the sound cannot change once some has been sent. Connect again.",
                param="session.audio.input.format",
            )

    async def _tell(self, event: JsonObject) -> None:
        stamped = live_openai.stamped(event, new_id("event"))
        await self._socket.send(encode(stamped).decode())


_TAKE: Mapping[str, _Take] = MappingProxyType(
    {
        client.UPDATE: _Conversation.update,
        client.APPEND: _Conversation.append,
        client.COMMIT: _Conversation.commit,
        client.CLEAR: _Conversation.clear,
    }
)


def _telling(config: SessionConfig) -> Telling:
    return Telling(
        config.model,
        speech=config.ends_by_silence,
        logprobs=config.logprobs,
        speakers=config.names_speakers,
    )
