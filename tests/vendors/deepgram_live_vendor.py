"""Stands in for Deepgram's live socket: refuses what is not documented, answers as documented.

Source: Deepgram's API reference, live audio.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

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

KEY = "dg-test-0123456789abcdef"
RATE_HZ = 16_000

_KNOWN = {
    "model", "encoding", "sample_rate", "channels", "interim_results", "punctuate", "smart_format",
    "mip_opt_out", "endpointing", "vad_events", "utterance_end_ms", "language", "keyterm",
    "keywords",
}  # fmt: skip
_WORDS_IN_PIECE = 3
"""Of so many words a final result is made, though the utterance goes on."""


@dataclass
class DeepgramLiveVendor(LiveVendor):
    """Attributes:
    answers_finalize: whether `Finalize` is always answered, which is not promised.
    """

    answers_finalize: bool = True

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[WebSocketRoute("/v1/listen", self._listen)])

    async def _listen(self, websocket: WebSocket) -> None:
        if websocket.headers.get("authorization") != f"Token {KEY}":
            body = {"err_code": "INVALID_AUTH", "err_msg": f"Bad key {KEY}.", "request_id": "x"}
            await websocket.send_denial_response(JSONResponse(body, 401))
            return
        log, death = self.enter(websocket)
        if set(log.query) - _KNOWN or log.query["encoding"] != ["linear16"]:
            await websocket.send_denial_response(JSONResponse({"err_msg": "odd query"}, 400))
            return
        await websocket.accept()
        try:
            await _Talk(websocket, log, self, death).run()
        except GoneError:
            return


class _Talk:
    def __init__(
        self, websocket: WebSocket, log: LiveLog, vendor: DeepgramLiveVendor, death: Death | None
    ) -> None:
        self._websocket, self._log, self._vendor, self._death = websocket, log, vendor, death
        ending = log.query["endpointing"][0]
        silence_s = 1e9 if ending == "false" else int(ending) / 1000
        self._hearing = Hearing(RATE_HZ, silence_s)
        self._n_final = 0
        self._final_to_s = 0.0

    async def run(self) -> None:
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
        self._log.sound += sound
        for heard in self._hearing.push(sound):
            await self._vendor.tell_odd(self._websocket)
            await self._report(heard)
        await die_if_due(self._websocket, self._log, self._death, RATE_HZ)

    async def _obey(self, message: dict[str, str]) -> None:
        self._log.messages.append(message)
        self._log.has_obeyed.set()
        match message["type"]:
            case "KeepAlive":
                return
            case "Finalize":
                words = self._take_words()
                if words or self._vendor.answers_finalize:
                    await self._results(words, is_final=True, from_finalize=True)
            case "CloseStream":
                await self._results(self._take_words(), is_final=True)
                await self._send(
                    {"type": "Metadata", "duration": self._hearing.now_s, "channels": 1}
                )
                if not self._log.is_silent:
                    await self._websocket.close(1000)
            case _:
                await self._websocket.close(1008, "DATA-0000")

    async def _report(self, heard: Heard) -> None:
        if heard.kind == "began" and "vad_events" in self._log.query:
            await self._send(
                {"type": "SpeechStarted", "channel": [0], "timestamp": round(heard.at_s, 2)}
            )
        elif heard.kind == "grew":
            news = heard.words[self._n_final :]
            is_final = len(news) == _WORDS_IN_PIECE
            if is_final:
                self._n_final += len(news)
            await self._results(news, is_final=is_final)
        elif heard.kind == "ended":
            news, self._n_final = heard.words[self._n_final :], 0
            await self._results(news, is_final=True, speech_final=True)

    def _take_words(self) -> Sequence[SaidWord]:
        words, self._n_final = self._hearing.end()[self._n_final :], 0
        return words

    async def _results(
        self,
        words: Sequence[SaidWord],
        *,
        is_final: bool,
        speech_final: bool = False,
        from_finalize: bool = False,
    ) -> None:
        start_s, end_s = self._final_to_s, self._hearing.now_s
        if is_final:
            self._final_to_s = end_s
        told = [
            {
                "word": word.text,
                "start": word.start_s,
                "end": word.end_s,
                "confidence": 0.99,
                "punctuated_word": word.text,
            }
            for word in words
        ]
        text = " ".join(word.text for word in words)
        await self._send(
            {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": end_s - start_s,
                "start": start_s,
                "is_final": is_final,
                "speech_final": speech_final,
                "from_finalize": from_finalize,
                "channel": {
                    "alternatives": [{"transcript": text, "confidence": 0.99, "words": told}]
                },
                "metadata": {"request_id": "x", "model_info": {"name": "general"}},
            }
        )

    async def _send(self, message: dict[str, object]) -> None:
        if not self._log.is_silent:
            await self._websocket.send_text(json.dumps(message))
