"""Stands in for AssemblyAI: uploads, jobs that take a few polls, and their removal.

Source: AssemblyAI's OpenAPI description and its guides (transcript status, common errors).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.vendors.server import Asked, Log

KEY = "0123456789abcdef0123456789abcdef"
UPLOAD_URL = "https://cdn.assemblyai.com/upload/f756988d-47e2-4ca3-96ce-04bb168f8f2a"
JOB = "9ea68fd3-f953-42c1-9742-976c447fb463"

FIELDS = frozenset(
    [
        "audio_url",
        "speech_models",
        "language_code",
        "language_detection",
        "punctuate",
        "format_text",
        "multichannel",
        "speaker_labels",
        "speakers_expected",
        "speaker_options",
        "keyterms_prompt",
        "prompt",
        "disfluencies",
        "filter_profanity",
        "redact_pii",
        "redact_pii_policies",
        "redact_pii_sub",
        "speech_threshold",
        "audio_start_from",
        "audio_end_at",
    ]
)


def word(
    text: str, start: int, end: int, speaker: str | None = None, channel: str | None = None
) -> dict[str, Any]:
    """Return a word as AssemblyAI tells it; times in milliseconds."""
    told: dict[str, Any] = {"text": text, "start": start, "end": end, "confidence": 0.97465}
    if channel is not None:
        told["channel"] = channel
    return told | {"speaker": speaker}


def heard(*words: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Return what a finished job about 281 s of speech tells, beside its id and status."""
    return {
        "text": " ".join(str(w["text"]) for w in words),
        "words": list(words),
        "utterances": None,
        "confidence": 0.9404651451800253,
        "audio_duration": 281,
        "language_code": "en_us",
        "error": None,
        **others,
    }


class AssemblyAiVendor:
    """One job: queued, then processing for `n_polls` polls, then completed or failed.

    `outcome` is told of a finished job, `error` of a failed one; `refusals` answer the calls that
    come next, in order, None lets one through. `submitted` and `polled` are set once that was
    asked for; a job is accepted once `may_answer` is set.
    """

    def __init__(self, recording: bytes = b"", outcome: Any = None) -> None:
        self.recording = recording
        self.outcome: Any = heard(word("Smoke", 250, 650)) if outcome is None else outcome
        self.error: str | None = None
        self.n_polls = 0
        self.upload_url: Any = UPLOAD_URL
        self.job: Any = JOB
        self.refusals: list[tuple[int, Any] | None] = []
        self.is_deleted = False
        self.polled = asyncio.Event()
        self.submitted = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.log = Log()
        self.app = Starlette(
            routes=[
                Route("/v2/upload", self._upload, methods=["POST"]),
                Route("/v2/transcript", self._submit, methods=["POST"]),
                Route("/v2/transcript/{job}", self._poll, methods=["GET"]),
                Route("/v2/transcript/{job}", self._delete, methods=["DELETE"]),
            ]
        )

    async def _upload(self, request: Request) -> Response:
        wrong = await self._wrong(request)
        if wrong is not None:
            return wrong
        if self.log.last.body != self.recording:
            return _refusal(422, "Upload failed, please try again.")
        return JSONResponse({"upload_url": self.upload_url})

    async def _submit(self, request: Request) -> Response:
        wrong = await self._wrong(request)
        if wrong is not None:
            return wrong
        body = self.log.last.json()
        unknown = sorted(body.keys() - FIELDS)
        if unknown:
            return _refusal(400, f"Invalid endpoint schema: {unknown} are not known")
        if body["audio_url"] != self.upload_url:
            return _refusal(400, "Cannot access uploaded file")
        if "prompt" in body and "keyterms_prompt" in body:
            return _refusal(400, "prompt and keyterms_prompt cannot be used together")
        self.submitted.set()
        await self.may_answer.wait()
        return JSONResponse({"id": self.job, "status": "queued", "text": None, "words": None})

    async def _poll(self, request: Request) -> Response:
        wrong = await self._wrong(request) or self._unknown(request)
        self.polled.set()
        if wrong is not None:
            return wrong
        if self.n_polls > 0:
            self.n_polls -= 1
            return self._told({"status": "processing", "text": None, "words": None})
        if self.error is not None:
            return self._told({"status": "error", "error": self.error, "text": None})
        return self._told({"status": "completed", **self.outcome})

    async def _delete(self, request: Request) -> Response:
        wrong = await self._wrong(request) or self._unknown(request)
        if wrong is not None:
            return wrong
        self.is_deleted = True
        url = "http://deleted_by_user"
        return self._told({"status": "completed", "audio_url": url, "text": "Deleted by user."})

    def _told(self, told: dict[str, Any]) -> Response:
        body = json.dumps({"id": self.job, "audio_url": self.upload_url, **told})
        return Response(body, media_type="application/json")

    def _unknown(self, request: Request) -> Response | None:
        if request.path_params["job"] == self.job and not self.is_deleted:
            return None
        return _refusal(400, "Transcript lookup error, transcript id not found")

    async def _wrong(self, request: Request) -> Response | None:
        self.log.asked.append(await Asked.of(request))
        if self.log.last.headers.get("authorization") != KEY:
            return _refusal(401, "Authentication error, API token missing/invalid.")
        refusal = self.refusals.pop(0) if self.refusals else None
        return None if refusal is None else JSONResponse(refusal[1], status_code=refusal[0])


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status_code=status)
