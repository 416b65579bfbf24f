"""Stands in for Azure Speech: refuses what its documentation does not name, answers as it shows.

Source: Microsoft's guide to fast transcription, its client library of version 2025-10-15, and the
reference of the text to speech REST API.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.vendors.server import Asked, Log

KEY = "azure-test-0123456789abcdef"
NAMESPACE = "{http://www.w3.org/2001/10/synthesis}"

DEFINITION_FIELDS = frozenset(
    [
        "audioUrl",
        "locales",
        "models",
        "profanityFilterMode",
        "diarization",
        "channels",
        "enhancedMode",
        "phraseList",
    ]
)


def phrase(
    text: str,
    offset: int,
    *,
    duration: int = 640,
    locale: str = "en-US",
    **more: int,
) -> dict[str, Any]:
    """Return a phrase whose words take equal shares of its time.

    Args:
        offset: milliseconds, like `duration`.
        more: its `speaker`, its `channel`.
    """
    words = text.split()
    step = duration // len(words)
    return {
        **more,
        "offsetMilliseconds": offset,
        "durationMilliseconds": duration,
        "text": text,
        "words": [
            {
                "text": word,
                "offsetMilliseconds": offset + number * step,
                "durationMilliseconds": step,
            }
            for number, word in enumerate(words)
        ],
        "locale": locale,
        "confidence": 0.93616915,
    }


def heard(*phrases: dict[str, Any], duration: int = 182_439) -> dict[str, Any]:
    """Return the answer about a recording that says these phrases."""
    channels = dict.fromkeys(told.get("channel") for told in phrases)
    return {
        "durationMilliseconds": duration,
        "combinedPhrases": [
            {
                **({} if channel is None else {"channel": channel}),
                "text": " ".join(t["text"] for t in phrases if t.get("channel") == channel),
            }
            for channel in channels
        ],
        "phrases": list(phrases),
    }


def refusal(status: int, code: str, message: str) -> JSONResponse:
    """Return an answer that refuses."""
    inner = {"code": code, "message": message}
    return JSONResponse({"code": code, "message": message, "innerError": inner}, status)


class AzureVendor:
    """Both hosts of one resource; what it hears and speaks can be set, what it was asked is kept.

    Attributes:
        answer: about a recording.
        sound: pieces of the stream that speaks.
        refusal: sent in place of these, if it is set.
    """

    def __init__(self) -> None:
        """Start with two phrases heard, and one sample spoken."""
        self.log = Log()
        self.answer: Any = heard(phrase("Good afternoon.", 960), phrase("This is Sam.", 1600))
        self.sound: Sequence[bytes] = [b"\x00\x40"]
        self.refusal: Response | None = None
        self.app = Starlette(
            routes=[
                Route("/speechtotext/transcriptions:transcribe", self._hear, methods=["POST"]),
                Route("/cognitiveservices/v1", self._speak, methods=["POST"]),
            ]
        )

    async def _hear(self, request: Request) -> Response:
        asked = await self._asked(request)
        if denied := _denied(asked) or self.refusal:
            return denied
        if asked.query != [("api-version", "2025-10-15")]:
            return refusal(404, "NotFound", "No such version.")
        definition = json.loads(dict(asked.fields())["definition"])
        if strange := _misfit(definition):
            return refusal(400, "InvalidRequest", strange)
        if not asked.file("audio").content:
            return refusal(422, "InvalidAudio", "The audio is empty.")
        return Response(json.dumps(self.answer), media_type="application/json")

    async def _speak(self, request: Request) -> Response:
        asked = await self._asked(request)
        if denied := _denied(asked) or self.refusal:
            return denied
        if asked.headers["content-type"] != "application/ssml+xml":
            return Response(status_code=415)
        has_head = (
            asked.headers.get("x-microsoft-outputformat") == "raw-24khz-16bit-mono-pcm"
            and "user-agent" in asked.headers
        )
        try:
            voices = ET.fromstring(asked.body).findall(f"{NAMESPACE}voice")
        except ET.ParseError:
            return Response(status_code=400)
        if not has_head or len(voices) != 1 or not voices[0].get("name"):
            return Response(status_code=400)
        return StreamingResponse(_streamed(self.sound), media_type="audio/basic")

    async def _asked(self, request: Request) -> Asked:
        asked = await Asked.of(request)
        self.log.asked.append(asked)
        return asked


def _misfit(definition: dict[str, Any]) -> str:
    """Return what the documentation does not allow, "" if it allows everything."""
    if strange := set(definition) - DEFINITION_FIELDS:
        return f"Unknown: {sorted(strange)}"
    diarization = definition.get("diarization", {})
    if not 1 < diarization.get("maxSpeakers", 2) < 36:
        return "maxSpeakers is out of range."
    if diarization.get("enabled") and len(definition.get("channels", [])) > 1:
        return "Diarization of multiple channels is not supported."
    return ""


def _denied(asked: Asked) -> Response | None:
    if asked.headers.get("ocp-apim-subscription-key") != KEY:
        message = "Access denied due to invalid subscription key or wrong API endpoint."
        return JSONResponse({"error": {"code": "401", "message": message}}, 401)
    return None


async def _streamed(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
