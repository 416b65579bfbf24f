"""Stands in for AssemblyAI's live socket: refuses what is not documented, answers as documented.

Source: AssemblyAI's API reference, universal streaming (v3), and its page on closures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
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

KEY = "aai0123456789abcdef0123456789abcd"
RATE_HZ = 16_000

_KNOWN = {
    "speech_model",
    "sample_rate",
    "encoding",
    "format_turns",
    "max_turn_silence",
    "keyterms_prompt",
}


@dataclass
class AssemblyAiLiveVendor(LiveVendor):
    """Attributes:
    tells_speech: as the newest models do.
    """

    tells_speech: bool = False

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[WebSocketRoute("/v3/ws", self._listen)])

    async def _listen(self, websocket: WebSocket) -> None:
        await websocket.accept()
        log, death = self.enter(websocket)
        talk = _Talk(websocket, log, self, death)
        try:
            if websocket.headers.get("authorization") != KEY:
                await talk.refuse(1008, f"Unauthorized Connection: Missing {KEY}")
            if set(log.query) - _KNOWN or "speech_model" not in log.query:
                await talk.refuse(3006, "Input validation error")
            await talk.run()
        except GoneError:
            return


class _Talk:
    def __init__(
        self, websocket: WebSocket, log: LiveLog, vendor: AssemblyAiLiveVendor, death: Death | None
    ) -> None:
        self._websocket, self._log, self._vendor, self._death = websocket, log, vendor, death
        silence_ms = log.query.get("max_turn_silence", ["1280"])[0]
        self._hearing = Hearing(RATE_HZ, int(silence_ms) / 1000)
        self._n_turns = 0

    async def refuse(self, code: int, reason: str) -> None:
        """Raises: GoneError."""
        await self._send({"type": "Error", "error_code": code, "error": reason})
        await self._websocket.close(code, reason)
        raise GoneError

    async def run(self) -> None:
        await self._send({"type": "Begin", "id": "de5d9927", "expires_at": 1759796682})
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self._log.has_left.set()
                return
            if message.get("bytes") is not None:
                await self._hear(message["bytes"])
            else:
                await self._obey(json.loads(message["text"]))

    async def _hear(self, sound: bytes) -> None:
        duration_ms = len(sound) * 1000 / 2 / RATE_HZ
        if not 50 <= duration_ms <= 1000:
            await self.refuse(3007, f"Input Duration Violation: {duration_ms} ms.")
        self._log.sound += sound
        for heard in self._hearing.push(sound):
            await self._vendor.tell_odd(self._websocket)
            await self._report(heard)
        await die_if_due(self._websocket, self._log, self._death, RATE_HZ)

    async def _obey(self, message: dict[str, str]) -> None:
        self._log.messages.append(message)
        match message["type"]:
            case "ForceEndpoint":
                await self._end(self._hearing.end())
            case "Terminate":
                await self._end(self._hearing.end())
                await self._send(
                    {"type": "Termination", "audio_duration_seconds": int(self._hearing.now_s)}
                )
                if not self._log.is_silent:
                    await self._websocket.close(1000)
            case _:
                await self.refuse(3006, "Invalid message type")

    async def _report(self, heard: Heard) -> None:
        if heard.kind == "began" and self._vendor.tells_speech:
            await self._send({"type": "SpeechStarted", "timestamp": round(heard.at_s * 1000)})
        elif heard.kind == "grew":
            await self._turn(heard.words, is_over=False, is_formatted=False)
        elif heard.kind == "ended":
            await self._end(heard.words)

    async def _end(self, words: Sequence[SaidWord]) -> None:
        """Tell a turn twice that is over: as it was heard, then with punctuation."""
        if not words:
            return
        await self._turn(words, is_over=True, is_formatted=False)
        await self._turn(words, is_over=True, is_formatted=True)
        self._n_turns += 1

    async def _turn(self, words: Sequence[SaidWord], *, is_over: bool, is_formatted: bool) -> None:
        n_final = len(words) if is_over else len(words) - 1
        texts = [word.text for word in words]
        if is_formatted:
            texts = [texts[0].capitalize(), *texts[1:]]
            texts[-1] += "."
        told = [
            {
                "start": round(word.start_s * 1000),
                "end": round(word.end_s * 1000),
                "text": text,
                "confidence": 0.874618,
                "word_is_final": number < n_final,
            }
            for number, (word, text) in enumerate(zip(words, texts, strict=True))
        ]
        await self._send(
            {
                "turn_order": self._n_turns,
                "turn_is_formatted": is_formatted,
                "end_of_turn": is_over,
                "transcript": " ".join(texts[:n_final]),
                "end_of_turn_confidence": 0.7 if is_over else 0.01,
                "words": told,
                "utterance": "",
                "type": "Turn",
            }
        )

    async def _send(self, message: dict[str, object]) -> None:
        if not self._log.is_silent:
            await self._websocket.send_text(json.dumps(message))
