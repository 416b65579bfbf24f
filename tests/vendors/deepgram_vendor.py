"""Stands in for Deepgram: refuses what its documentation does not name, answers as it shows.

Source: Deepgram's API reference (pre-recorded audio, text to speech, errors).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.vendors.server import Asked, Log

KEY = "dg-test-0123456789abcdef"
REQUEST_ID = "a847f427-4ad5-4d67-9b95-db801e58251c"

LISTEN_PARAMETERS = frozenset(
    [
        "model",
        "language",
        "detect_language",
        "smart_format",
        "punctuate",
        "utterances",
        "diarize",
        "diarize_model",
        "multichannel",
        "keyterm",
        "keywords",
        "mip_opt_out",
        "numerals",
        "profanity_filter",
        "redact",
        "filler_words",
        "dictation",
        "measurements",
        "tag",
    ]
)
SPEAK_PARAMETERS = frozenset(
    ["model", "encoding", "sample_rate", "container", "bit_rate", "mip_opt_out", "speed", "tag"]
)
MAX_SPOKEN_CHARACTERS = 2_000


def word(text: str, start: float, end: float, speaker: int | None = None) -> dict[str, Any]:
    """Return a word as Deepgram tells it, with a speaker where one was asked for."""
    told: dict[str, Any] = {
        "word": text.lower().strip(".,?!"),
        "start": start,
        "end": end,
        "confidence": 0.9975959,
        "punctuated_word": text,
    }
    if speaker is not None:
        told |= {"speaker": speaker, "speaker_confidence": 0.5853265}
    return told


def heard(*channels: Sequence[dict[str, Any]], detected: str | None = None) -> dict[str, Any]:
    """Return the answer about a recording of 25.9 s that says these words on each channel."""
    told: list[dict[str, Any]] = []
    for words in channels:
        text = " ".join(str(w.get("punctuated_word")) for w in words)
        channel: dict[str, Any] = {
            "alternatives": [
                {"transcript": text, "confidence": 0.99902344, "words": list(words)},
            ]
        }
        if detected is not None:
            channel |= {"detected_language": detected, "language_confidence": 0.98}
        told.append(channel)
    return {
        "metadata": {
            "transaction_key": "deprecated",
            "request_id": REQUEST_ID,
            "sha256": "154e291ecfa8be6ab8343560bcc109008fa7853eb5372533e8efdefc9b504c33",
            "created": "2024-02-06T19:56:16.180Z",
            "duration": 25.933313,
            "channels": len(channels),
            "models": ["1abfe86b-e047-4eed-858a-35e5625b41ee"],
            "model_info": {
                "1abfe86b-e047-4eed-858a-35e5625b41ee": {
                    "name": "2-general-nova",
                    "version": "2024-01-06.5664",
                    "arch": "nova-2",
                }
            },
        },
        "results": {"channels": told},
    }


def refusal(status: int, code: str, message: str) -> Response:
    """Return an error as Deepgram words it."""
    return JSONResponse(
        {"err_code": code, "err_msg": message, "request_id": REQUEST_ID}, status_code=status
    )


class DeepgramVendor:
    """`answer` is told of every recording, `sound` of every text, piece by piece.

    `refuses_with`, where set, is answered instead of either.
    """

    def __init__(self, recording: bytes = b"", answer: Any = None) -> None:
        self.recording = recording
        self.answer: Any = heard([word("Yeah.", 0.08, 0.32)]) if answer is None else answer
        self.sound: Sequence[bytes] = (b"\x00\x40\x00\xc0",)
        self.refuses_with: Response | None = None
        self.log = Log()
        self.app = Starlette(
            routes=[
                Route("/v1/listen", self._listen, methods=["POST"]),
                Route("/v1/speak", self._speak, methods=["POST"]),
            ]
        )

    async def _listen(self, request: Request) -> Response:
        asked = await self._asked(request)
        wrong = self._wrong(asked, LISTEN_PARAMETERS)
        if wrong is not None:
            return wrong
        if asked.body != self.recording:
            message = "Bad Request: failed to process audio: corrupt or unsupported data"
            return refusal(400, "Bad Request", message)
        return Response(json.dumps(self.answer), media_type="application/json")

    async def _speak(self, request: Request) -> Response:
        asked = await self._asked(request)
        wrong = self._wrong(asked, SPEAK_PARAMETERS)
        if wrong is not None:
            return wrong
        if len(asked.json()["text"]) > MAX_SPOKEN_CHARACTERS:
            return refusal(413, "PAYLOAD_TOO_LARGE", "Input text exceeds maximum character limit.")
        return StreamingResponse(self._pieces(), media_type="audio/l16;rate=24000")

    async def _pieces(self) -> AsyncIterator[bytes]:
        for piece in self.sound:
            yield piece

    async def _asked(self, request: Request) -> Asked:
        self.log.asked.append(await Asked.of(request))
        return self.log.last

    def _wrong(self, asked: Asked, known: frozenset[str]) -> Response | None:
        if asked.headers.get("authorization") != f"Token {KEY}":
            return refusal(401, "INVALID_AUTH", "Invalid credentials.")
        unknown = {name for name, _ in asked.query} - known
        if unknown:
            return refusal(400, "Bad Request", f"Unknown query parameters: {sorted(unknown)}.")
        return self.refuses_with
