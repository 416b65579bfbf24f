"""Stands in for ElevenLabs: refuses what its documentation does not name, answers as it shows.

Source: ElevenLabs' API reference (create transcript, stream speech, stream speech with timing).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.vendors.server import Asked, Log

KEY = "xi-test-0123456789abcdef"

TRANSCRIPT_FIELDS = frozenset(
    [
        "model_id",
        "language_code",
        "tag_audio_events",
        "num_speakers",
        "timestamps_granularity",
        "diarize",
        "diarization_threshold",
        "temperature",
        "seed",
        "use_multi_channel",
        "no_verbatim",
        "keyterms",
    ]
)
SPEECH_FIELDS = frozenset(
    [
        "text",
        "model_id",
        "language_code",
        "voice_settings",
        "seed",
        "previous_text",
        "next_text",
        "apply_text_normalization",
    ]
)
VOICE_SETTINGS = frozenset(["stability", "use_speaker_boost", "similarity_boost", "style", "speed"])


def item(
    text: str, start: float | None, end: float | None, speaker: int = 0, kind: str = "word"
) -> dict[str, Any]:
    """Return an item of a transcript: a word, the space between two, or a noise."""
    return {
        "text": text,
        "start": start,
        "end": end,
        "type": kind,
        "speaker_id": f"speaker_{speaker}",
        "logprob": -0.1,
    }


def heard(*items: dict[str, Any], language: str = "eng", duration: float = 12.5) -> dict[str, Any]:
    """Return the answer about a recording that says these items."""
    return {
        "language_code": language,
        "language_probability": 0.98,
        "text": "".join(told["text"] for told in items),
        "words": list(items),
        "audio_duration_secs": duration,
    }


def line(sound: bytes, text: str = "", starts: Sequence[float] = (), step: float = 0.1) -> bytes:
    """Return a line of sound with the times of the characters that it speaks."""
    alignment = {
        "characters": list(text),
        "character_start_times_seconds": list(starts),
        "character_end_times_seconds": [start + step for start in starts],
    }
    told = {
        "audio_base64": base64.b64encode(sound).decode(),
        "alignment": alignment if text else None,
        "normalized_alignment": alignment if text else None,
    }
    return json.dumps(told).encode() + b"\n\n"


def refusal(status: int, code: str, message: str) -> JSONResponse:
    """Return an answer that refuses."""
    return JSONResponse({"detail": {"status": code, "message": message}}, status)


class ElevenLabsVendor:
    """What it hears and speaks can be set; what it was asked is in `log`.

    Attributes:
        answer: about a recording.
        sound: pieces of the stream that speaks.
        lines: pieces of the stream that speaks with times.
        refusal: sent in place of all these, if it is set.
    """

    def __init__(self) -> None:
        """Start with one sentence heard, and one sample spoken."""
        self.log = Log()
        self.answer: Any = heard(
            item("Hello", 0.119, 0.259),
            item(" ", 0.239, 0.299, kind="spacing"),
            item("world!", 0.299, 0.779),
        )
        self.sound: Sequence[bytes] = [b"\x00\x40"]
        self.lines: Sequence[bytes] = [line(b"\x00\x40", "Hi", [0.0, 0.1])]
        self.refusal: Response | None = None
        self.app = Starlette(
            routes=[
                Route("/v1/speech-to-text", self._hear, methods=["POST"]),
                Route("/v1/text-to-speech/{voice}/stream", self._speak, methods=["POST"]),
                Route(
                    "/v1/text-to-speech/{voice}/stream/with-timestamps",
                    self._speak,
                    methods=["POST"],
                ),
            ]
        )

    async def _hear(self, request: Request) -> Response:
        asked = await self._asked(request)
        if denied := _denied(asked) or self.refusal:
            return denied
        names = [name for name, _ in asked.fields()]
        if strange := set(names) - TRANSCRIPT_FIELDS:
            return refusal(422, "invalid_parameters", f"Unknown: {sorted(strange)}")
        fields = dict(asked.fields())
        if fields.get("diarize") == fields.get("use_multi_channel") == "true":
            return refusal(400, "invalid_parameters", "diarize and use_multi_channel")
        if not fields.get("model_id", "").startswith("scribe_") or not asked.file().content:
            return refusal(400, "invalid_model_id", "Unknown model, or no file")
        return Response(json.dumps(self.answer), media_type="application/json")

    async def _speak(self, request: Request) -> Response:
        asked = await self._asked(request)
        if denied := _denied(asked) or self.refusal:
            return denied
        body = asked.json()
        strange = (set(body) - SPEECH_FIELDS) | (
            set(body.get("voice_settings", {})) - VOICE_SETTINGS
        )
        if strange or not body.get("text"):
            return refusal(422, "invalid_parameters", f"Unknown: {sorted(strange)}, or no text")
        if re.fullmatch("[A-Za-z0-9]+", request.path_params["voice"]) is None:
            return refusal(400, "voice_not_found", "No such voice")
        if ("output_format", "pcm_24000") not in asked.query:
            return refusal(400, "invalid_output_format", "Only pcm_24000 here")
        if asked.path.endswith("with-timestamps"):
            return StreamingResponse(_streamed(self.lines), media_type="application/json")
        return StreamingResponse(_streamed(self.sound), media_type="audio/pcm")

    async def _asked(self, request: Request) -> Asked:
        asked = await Asked.of(request)
        self.log.asked.append(asked)
        return asked


def _denied(asked: Asked) -> Response | None:
    if asked.headers.get("xi-api-key") != KEY:
        return refusal(401, "invalid_api_key", "Invalid API key")
    if any(name not in ("enable_logging", "output_format") for name, _ in asked.query):
        return refusal(422, "invalid_parameters", "Unknown query")
    return None


async def _streamed(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
