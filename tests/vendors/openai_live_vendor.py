"""Stands in for OpenAI's transcription sessions: refuses and answers as documented.

Source: OpenAI's Realtime API reference, client and server events (GA).
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from tests.vendors.live_hearing import (
    Death,
    GoneError,
    Heard,
    Hearing,
    LiveLog,
    LiveVendor,
    SaidWord,
    die_if_due,
)

KEY = "sk-test-0123456789abcdef"
RATE_HZ = 24_000
MIN_COMMIT_S = 0.1


@dataclass
class OpenAiLiveVendor(LiveVendor):
    """Attributes:
    fails: the transcription of every item fails.
    """

    fails: bool = False

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[WebSocketRoute("/v1/realtime", self._listen)])

    async def _listen(self, websocket: WebSocket) -> None:
        if websocket.headers.get("authorization") != f"Bearer {KEY}":
            body = {"error": {"message": f"Incorrect API key provided: {KEY}"}}
            await websocket.send_denial_response(JSONResponse(body, 401))
            return
        log, death = self.enter(websocket)
        await websocket.accept()
        try:
            await _Talk(websocket, log, self, death).run()
        except GoneError:
            return


class _Talk:
    def __init__(
        self, websocket: WebSocket, log: LiveLog, vendor: OpenAiLiveVendor, death: Death | None
    ) -> None:
        self._websocket, self._log, self._vendor, self._death = websocket, log, vendor, death
        self._hearing = Hearing(RATE_HZ, 1e9)
        self._tells_speech = False
        self._n_events = 0
        self._n_items = 0
        self._committed_to_s = 0.0

    @property
    def _item(self) -> str:
        return f"item_{self._n_items}"

    async def run(self) -> None:
        await self._send("session.created", session={"type": "transcription"})
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self._log.has_left.set()
                return
            event = json.loads(message["text"])
            if event["type"] == "input_audio_buffer.append":
                await self._hear(b64decode(event["audio"], validate=True))
            else:
                self._log.messages.append(event)
                await self._obey(event)

    async def _obey(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "session.update":
                await self._update(event["session"])
            case "input_audio_buffer.commit":
                await self._commit()
            case "input_audio_buffer.clear":
                self._hearing.end()
                self._committed_to_s = self._hearing.now_s
                await self._send("input_audio_buffer.cleared")
            case kind:
                await self._error("invalid_request_error", "invalid_value", f"No type {kind}.")

    async def _update(self, session: dict[str, Any]) -> None:
        sound = session["audio"]["input"]
        assert session["type"] == "transcription"
        assert sound["format"] == {"type": "audio/pcm", "rate": RATE_HZ}
        if sound["transcription"]["model"] == "unknown":
            await self._error("invalid_request_error", "model_not_found", "No such model.")
            return
        turns = sound["turn_detection"]
        if turns is not None:
            assert turns["type"] == "server_vad"
            self._tells_speech = True
            self._hearing.silence_s = turns["silence_duration_ms"] / 1000
        await self._send("session.updated", session=session)

    async def _hear(self, sound: bytes) -> None:
        self._log.sound += sound
        for heard in self._hearing.push(sound):
            await self._vendor.tell_odd(self._websocket)
            await self._report(heard)
        await die_if_due(self._websocket, self._log, self._death, RATE_HZ)

    async def _report(self, heard: Heard) -> None:
        at_ms = round(heard.at_s * 1000)
        if heard.kind == "began" and self._tells_speech:
            await self._send(
                "input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id=self._item
            )
        elif heard.kind == "grew":
            separator = " " if len(heard.words) > 1 else ""
            await self._tell_text("delta", delta=separator + heard.words[-1].text)
        elif heard.kind == "ended":
            await self._send(
                "input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=self._item
            )
            await self._complete(heard.words)

    async def _commit(self) -> None:
        if self._hearing.now_s - self._committed_to_s < MIN_COMMIT_S:
            await self._error(
                "invalid_request_error",
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small.",
            )
            return
        await self._complete(self._hearing.end())

    async def _complete(self, words: Sequence[SaidWord]) -> None:
        self._committed_to_s = self._hearing.now_s
        item, text = self._item, " ".join(word.text for word in words)
        previous = f"item_{self._n_items - 1}" if self._n_items else None
        await self._send("input_audio_buffer.committed", item_id=item, previous_item_id=previous)
        await self._send(
            "conversation.item.added", item={"id": item, "type": "message"}, previous_item_id=None
        )
        if self._vendor.fails:
            error = {"type": "server_error", "code": None, "message": "Lost.", "param": None}
            await self._tell_text("failed", error=error)
        else:
            usage = {"type": "duration", "seconds": 1}
            await self._tell_text("completed", transcript=text, usage=usage)
        self._n_items += 1

    async def _tell_text(self, kind: str, **fields: Any) -> None:
        await self._send(
            f"conversation.item.input_audio_transcription.{kind}",
            item_id=self._item,
            content_index=0,
            **fields,
        )

    async def _error(self, kind: str, code: str, message: str) -> None:
        error = {"type": kind, "code": code, "message": message, "param": None, "event_id": None}
        await self._send("error", error=error)

    async def _send(self, kind: str, **fields: Any) -> None:
        self._n_events += 1
        if not self._log.is_silent:
            event = {"event_id": f"event_{self._n_events}", "type": kind, **fields}
            await self._websocket.send_text(json.dumps(event))
