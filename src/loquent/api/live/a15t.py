"""A15T's live dialect: an init in JSON, then bare sound, then `done`; partials and finals back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket

from loquent.api.live.drain import DrainingError
from loquent.api.live.parts import LiveParts, limits_of
from loquent.api.live.socket import LiveSocket, talk_until
from loquent.api.speaker_fields import implies_speakers
from loquent.domain.errors import InvalidRequestError
from loquent.domain.languages import parse_language
from loquent.domain.live import (
    MAX_SAMPLE_RATE_HZ,
    MIN_SAMPLE_RATE_HZ,
    Final,
    LiveRequest,
    LiveUpdate,
    Partial,
    SoundEncoding,
    SoundFormat,
)
from loquent.domain.request import SpeechDetection
from loquent.ports import LiveSession
from loquent.render.live_a15t import final_frame, partial_frame
from loquent.render.payload import encode

PATH = "/audio/transcriptions-realtime"

EXAMPLE = '{"sample_rate": 16000}'


class Init(BaseModel):
    """The first frame."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_rate: Annotated[int, Field(ge=MIN_SAMPLE_RATE_HZ, le=MAX_SAMPLE_RATE_HZ)]
    encoding: SoundEncoding | None = None
    language: str | None = None
    prompt: str | None = None
    interim_ms: Annotated[int, Field(ge=0, le=60_000)] | None = None
    endpointing_ms: Annotated[int, Field(ge=100, le=10_000)] | None = None
    diarise: bool | None = None
    diarize: bool | None = None

    @property
    def wants_speakers(self) -> bool:
        return bool(self.diarise or self.diarize)


def parse_init(message: str | bytes, model: str) -> LiveRequest:
    """Return what the init asks for.

    Raises: InvalidRequestError: saying what a right one looks like.
    """
    if isinstance(message, bytes):
        raise InvalidRequestError(f"send {EXAMPLE} as text before any sound")
    try:
        init = Init.model_validate(_object(message))
    except ValidationError as error:
        raise InvalidRequestError(_complaint(error)) from error
    silence_ms = init.endpointing_ms or SpeechDetection().silence_duration_ms
    return LiveRequest(
        model=model,
        sound=SoundFormat(init.sample_rate, init.encoding or SoundEncoding.PCM_S16LE),
        language=parse_language(init.language) if init.language else None,
        prompt=init.prompt or "",
        detection=SpeechDetection(silence_duration_ms=silence_ms),
        interim_s=(init.interim_ms or 0) / 1000,
        speakers=init.wants_speakers or implies_speakers(model),
    )


async def serve_a15t(websocket: WebSocket, parts: LiveParts) -> None:
    """Serve one socket from its acceptance to its close."""
    socket = parts.socket(websocket)
    await socket.run(lambda socket: _talk(socket, websocket, parts))


async def _talk(socket: LiveSocket, websocket: WebSocket, parts: LiveParts) -> None:
    model = websocket.query_params.get("model")
    if not model:
        raise InvalidRequestError("name a model in the address: ?model=whisper-1", param="model")
    limits = limits_of(websocket)
    request = replace(parse_init(await socket.receive(), model), limits=limits)
    async with parts.open(request, socket) as session:
        told = _Told(names_speakers=request.speakers)
        updates = parts.observed(session.updates(), socket)
        await talk_until(_speak(socket, updates, told), _listen(socket, session, told))


async def _listen(socket: LiveSocket, session: LiveSession, told: _Told) -> None:
    """Pass the sound on until the caller is done, or the server ends."""
    try:
        while isinstance(message := await socket.receive(), bytes):
            await session.hear(message)
        _check_done(message)
    except DrainingError:
        pass
    told.is_done = True
    await session.finish()
    await socket.gone()


@dataclass(eq=False)
class _Told:
    """What a caller has been told, and what is kept for the last frame.

    Attributes:
        names_speakers: finals say who speaks.
        is_done: the caller said so; whatever is left goes into one final.
        end_s: where the last utterance ended.
        shown: the utterance of the last partial.
    """

    names_speakers: bool = False
    is_done: bool = False
    end_s: float = 0.0
    shown: int = 0
    kept: list[Final] = field(default_factory=list)

    def frame(self, update: LiveUpdate) -> dict[str, Any] | None:
        """Return the frame that tells of `update`, None if there is nothing to tell now."""
        now = datetime.now(UTC)
        if isinstance(update, Partial):
            self.shown = update.utterance
            return None if self.is_done else partial_frame(update, now)
        if not isinstance(update, Final):
            return None
        self.end_s = update.end_s
        if self.is_done:
            self.kept.append(update)
            return None
        has_news = update.transcript.text or update.error or self.shown == update.utterance
        return self._final([update], now) if has_news else None

    def last_frame(self) -> dict[str, Any]:
        """Return the final that follows `done`."""
        return self._final(self.kept, datetime.now(UTC))

    def _final(self, finals: list[Final], now: datetime) -> dict[str, Any]:
        return final_frame(finals, self.end_s, now, names_speakers=self.names_speakers)


async def _speak(socket: LiveSocket, updates: AsyncIterator[LiveUpdate], told: _Told) -> None:
    """Tell the caller what is found out."""
    async for update in updates:
        if frame := told.frame(update):
            await socket.send(encode(frame).decode())
    await socket.send(encode(told.last_frame()).decode())


def _object(message: str) -> dict[str, Any]:
    try:
        found = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"the init must be JSON such as {EXAMPLE}") from error
    if not isinstance(found, dict):
        raise InvalidRequestError(f"the init must be a JSON object such as {EXAMPLE}")
    return found


def _check_done(message: str) -> None:
    """Raises: InvalidRequestError: if `message` is not the one that ends the sound."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("done") is not True:
        raise InvalidRequestError('after the init, send sound as bytes, or {"done": true} to end')


def _complaint(error: ValidationError) -> str:
    """Say in few words what is wrong with the init: a close frame holds no more."""
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    if name == "encoding":
        return f"encoding: one of {', '.join(SoundEncoding)}"
    if first["type"] == "extra_forbidden":
        return f"{name}: not a field; these are: {', '.join(Init.model_fields)}"
    if first["type"] == "missing":
        return f"{name}: is missing; send {EXAMPLE}"
    return f"{name}: {first['msg']}"
