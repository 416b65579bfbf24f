"""Stands in for OpenAI's audio API: answers as documented, refuses what the real one refuses.

Source: OpenAI's API reference and OpenAPI document, audio; errors as the service words them.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.vendors.server import Asked, Log

KEY = "sk-proj-stand-in-0123456789"

_WHISPER = "whisper-1"
_DIARIZER = "gpt-4o-transcribe-diarize"
_TEXT_MODELS = ("gpt-4o-transcribe", "gpt-4o-mini-transcribe")
_SPEECH_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
_FORMATS = {
    _WHISPER: ("json", "text", "srt", "verbose_json", "vtt"),
    _DIARIZER: ("json", "text", "diarized_json"),
    **dict.fromkeys(_TEXT_MODELS, ("json", "text")),
}
_FORM_FIELDS = {
    "translations": {"model", "prompt", "response_format", "temperature"},
    "transcriptions": {
        *("model", "language", "prompt", "response_format", "temperature", "include[]"),
        *("timestamp_granularities[]", "stream", "chunking_strategy"),
        *("known_speaker_names[]", "known_speaker_references[]"),
    },
}
_SPEECH_FIELDS = {
    *("model", "input", "voice", "instructions", "response_format", "speed", "stream_format")
}
_VOICES = {
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx"),
    *("sage", "shimmer", "verse"),
}
_FILE_TYPES = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")


@dataclass(frozen=True)
class Said:
    """A span of speech that the stand-in hears; `text` without white space around it."""

    start: float
    end: float
    text: str
    speaker: str = "A"


class RefusalError(Exception):
    """The request is not as the API has it."""

    def __init__(self, message: str, param: str | None = None, **told: Any) -> None:
        super().__init__(message)
        self.status = int(told.pop("status", 400))
        self.body = error_body(message, param, **told)


def error_body(
    message: str,
    param: str | None = None,
    code: str | None = None,
    kind: str = "invalid_request_error",
) -> dict[str, Any]:
    """Return an error as the API words it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def sse(*events: Any, done: bool = True) -> bytes:
    """Frame events of a stream."""
    frames = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*frames, "data: [DONE]\n\n" if done else ""]).encode()


def json_of(value: Any) -> Response:
    """Answer with JSON, also with what is none, such as NaN."""
    return Response(json.dumps(value), media_type="application/json")


@dataclass
class OpenAiVendor:
    """A server that hears `said`, whatever it is sent, and speaks `sound`.

    Attributes:
        words: of all that is said; None for the words of `said`, each with an equal share of time.
        pieces: the sound of a speech answer, as it is cut on the wire.
        reply: answers the next request that is in order, once.
        more_fields: form fields that other servers of this wire take.
        more_models: names of models that hear as whisper-1 does.
    """

    said: Sequence[Said] = (Said(0.0, 1.5, "Good evening."), Said(1.5, 3.25, "How are you?", "B"))
    words: Sequence[tuple[str, float, float]] | None = None
    language: str = "english"
    duration: float = 3.25
    pieces: Sequence[bytes] = (b"\x01\x00\xff\x7f\x00\x80",)
    reply: Response | None = None
    key: str = KEY
    more_fields: set[str] = field(default_factory=set)
    more_models: set[str] = field(default_factory=set)
    log: Log = field(default_factory=Log)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/audio/transcriptions", self._transcriptions, methods=["POST"]),
                Route("/v1/audio/translations", self._translations, methods=["POST"]),
                Route("/v1/audio/speech", self._speech, methods=["POST"]),
            ]
        )

    @property
    def text(self) -> str:
        return " ".join(each.text for each in self.said)

    async def _transcriptions(self, request: Request) -> Response:
        return await self._heard(request, "transcriptions")

    async def _translations(self, request: Request) -> Response:
        return await self._heard(request, "translations")

    async def _heard(self, request: Request, route: str) -> Response:
        asked = await Asked.of(request)
        self.log.asked.append(asked)
        try:
            self._check_key(asked)
            form = self._checked_form(asked, route)
        except RefusalError as refusal:
            return JSONResponse(refusal.body, refusal.status)
        return self._scripted() or self._transcript(form, route)

    async def _speech(self, request: Request) -> Response:
        asked = await Asked.of(request)
        self.log.asked.append(asked)
        try:
            self._check_key(asked)
            _check_speech(asked.json())
        except RefusalError as refusal:
            return JSONResponse(refusal.body, refusal.status)
        return self._scripted() or StreamingResponse(
            _each(self.pieces), media_type=f"audio/{asked.json().get('response_format', 'mpeg')}"
        )

    def _scripted(self) -> Response | None:
        reply, self.reply = self.reply, None
        return reply

    def _check_key(self, asked: Asked) -> None:
        if not self.key:
            assert "authorization" not in asked.headers
        elif asked.headers.get("authorization") != f"Bearer {self.key}":
            raise RefusalError(
                f"Incorrect API key provided: {asked.headers.get('authorization', '')[7:]}.",
                code="invalid_api_key",
                status=401,
            )

    def _checked_form(self, asked: Asked, route: str) -> dict[str, list[str]]:
        assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
        form: dict[str, list[str]] = {}
        for name, value in asked.fields():
            form.setdefault(name, []).append(value)
        unknown = form.keys() - _FORM_FIELDS[route] - self.more_fields
        if unknown:
            raise RefusalError(f"Unrecognized request argument supplied: {min(unknown)}")
        for name, values in form.items():
            assert name.endswith("[]") or name in self.more_fields or len(values) == 1, name
        file = asked.file()
        if not file.content or str(file.file_name).rpartition(".")[2] not in _FILE_TYPES:
            raise RefusalError(f"Invalid file format. Supported formats: {list(_FILE_TYPES)}")
        self._check_model(form, route)
        return form

    def _check_model(self, form: dict[str, list[str]], route: str) -> None:
        model = form.get("model", [""])[0]
        if model in self.more_models:
            return
        known = _FORMATS if route == "transcriptions" else {_WHISPER: _FORMATS[_WHISPER]}
        if model not in known:
            raise _no_such_model(model)
        wanted = form.get("response_format", ["json"])[0]
        if wanted not in known[model]:
            raise RefusalError(
                f"response_format '{wanted}' is not compatible with model '{model}'. "
                "Use 'json' or 'text' instead.",
                "response_format",
                code="unsupported_value",
            )
        if model == _DIARIZER:
            _check_diarizer(form)
        if "timestamp_granularities[]" in form and wanted != "verbose_json":
            raise RefusalError(
                "timestamp_granularities is only supported with response_format verbose_json.",
                "timestamp_granularities",
            )
        if "include[]" in form and (model not in _TEXT_MODELS or wanted != "json"):
            raise RefusalError("logprobs are not supported with this model.", "include")

    def _transcript(self, form: dict[str, list[str]], route: str) -> Response:
        model, wanted = form["model"][0], form.get("response_format", ["json"])[0]
        if form.get("stream") == ["true"] and model != _WHISPER:
            return Response(sse(*self._events(form), done=False), media_type="text/event-stream")
        match wanted:
            case "text":
                return PlainTextResponse(self.text + "\n")
            case "srt" | "vtt":
                return PlainTextResponse(self._subtitles(wanted))
            case "verbose_json":
                task = "transcribe" if route == "transcriptions" else "translate"
                return json_of(self._verbose(form, task))
            case "diarized_json":
                return json_of(self._diarized())
        body: dict[str, Any] = {"text": self.text}
        if "include[]" in form:
            body["logprobs"] = self.logprobs()
        usage = self.token_usage() if model in _FORMATS.keys() - {_WHISPER} else self._seconds()
        return json_of(body | {"usage": usage})

    def _verbose(self, form: dict[str, list[str]], task: str) -> dict[str, Any]:
        granularities = form.get("timestamp_granularities[]", ["segment"])
        body: dict[str, Any] = {
            "task": task,
            "language": self.language,
            "duration": self.duration,
            "text": self.text,
        }
        if "word" in granularities:
            body["words"] = self.told_words()
        if "segment" in granularities:
            body["segments"] = self.told_segments()
        return body | {"usage": self._seconds()}

    def told_segments(self) -> list[dict[str, Any]]:
        """Return the segments of a verbose answer."""
        return [
            {
                "id": index,
                "seek": 0,
                "start": each.start,
                "end": each.end,
                "text": f" {each.text}",
                "tokens": [50364, 1000 + index],
                "temperature": 0.0,
                "avg_logprob": -0.25,
                "compression_ratio": 1.125,
                "no_speech_prob": 0.0078125,
            }
            for index, each in enumerate(self.said)
        ]

    def told_words(self) -> list[dict[str, Any]]:
        """Return the words of a verbose answer; they carry no punctuation, as at OpenAI."""
        words = self._shared_words() if self.words is None else self.words
        return [
            {"word": text.strip(".,?!"), "start": start, "end": end} for text, start, end in words
        ]

    def _shared_words(self) -> Iterator[tuple[str, float, float]]:
        for each in self.said:
            words = each.text.split()
            share = (each.end - each.start) / len(words)
            for index, word in enumerate(words):
                yield word, each.start + index * share, each.start + (index + 1) * share

    def _diarized(self) -> dict[str, Any]:
        return {
            "task": "transcribe",
            "duration": self.duration,
            "text": "\n".join(f"{each.speaker}: {each.text}" for each in self.said),
            "segments": self.told_turns(),
            "usage": {"type": "duration", "seconds": math.ceil(self.duration)},
        }

    def told_turns(self) -> list[dict[str, Any]]:
        """Return the segments of a diarized answer, which are the events of a streamed one too."""
        return [
            {
                "type": "transcript.text.segment",
                "id": f"seg_{index:03}",
                "start": each.start,
                "end": each.end,
                "text": each.text,
                "speaker": each.speaker,
            }
            for index, each in enumerate(self.said, start=1)
        ]

    def _events(self, form: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
        turns = self.told_turns() if form["response_format"] == ["diarized_json"] else []
        with_scores = "include[]" in form
        for index, delta in enumerate(self.deltas()):
            scores = {"logprobs": [_logprob(delta)]} if with_scores else {}
            more = {"segment_id": turns[min(index, len(turns) - 1)]["id"]} if turns else {}
            yield {"type": "transcript.text.delta", "delta": delta, **scores, **more}
        yield from turns
        scores = {"logprobs": self.logprobs()} if with_scores else {}
        yield {
            "type": "transcript.text.done",
            "text": self.text,
            **scores,
            "usage": self.token_usage(),
        }

    def deltas(self) -> list[str]:
        """Return the text in the pieces in which it is streamed: words, the spaces in front."""
        first, *others = self.text.split(" ")
        return [first, *(f" {word}" for word in others)]

    def logprobs(self) -> list[dict[str, Any]]:
        """Return a score for each piece of the text."""
        return [_logprob(delta) for delta in self.deltas()]

    def token_usage(self) -> dict[str, Any]:
        """Return the consumption of the models that count tokens."""
        return {
            "type": "tokens",
            "input_tokens": 40,
            "input_token_details": {"text_tokens": 7, "audio_tokens": 33},
            "output_tokens": 5,
            "total_tokens": 45,
        }

    def _seconds(self) -> dict[str, Any]:
        return {"type": "duration", "seconds": math.ceil(self.duration)}

    def _subtitles(self, wanted: str) -> str:
        mark = "," if wanted == "srt" else "."
        head = "" if wanted == "srt" else "WEBVTT\n\n"
        cues = []
        for index, each in enumerate(self.said, start=1):
            times = " --> ".join(_clock(time, mark) for time in (each.start, each.end))
            cues.append((f"{index}\n" if wanted == "srt" else "") + f"{times}\n{each.text}\n\n")
        return head + "".join(cues)


def _check_diarizer(form: dict[str, list[str]]) -> None:
    if "chunking_strategy" not in form:
        raise RefusalError("chunking_strategy is required for diarization models")
    if "prompt" in form:
        raise RefusalError("Prompt is not supported for diarization models.", "prompt")
    names = form.get("known_speaker_names[]", [])
    references = form.get("known_speaker_references[]", [])
    if len(names) != len(references) or len(names) > 4:
        raise RefusalError("known_speaker_names and known_speaker_references must match.")
    for reference in references:
        if not reference.startswith("data:audio/"):
            raise RefusalError("Input should be a valid data URL", "known_speaker_references")


def _check_speech(body: dict[str, Any]) -> None:
    unknown = body.keys() - _SPEECH_FIELDS
    if unknown:
        raise RefusalError(f"Unrecognized request argument supplied: {min(unknown)}")
    if body.get("model") not in _SPEECH_MODELS:
        raise _no_such_model(str(body.get("model")))
    if not body.get("input"):
        raise RefusalError("Invalid input: string too short.", "input", code="string_too_short")
    if body.get("voice") not in _VOICES:
        raise RefusalError(f"Invalid value: '{body.get('voice')}'.", "voice")
    if not 0.25 <= body.get("speed", 1.0) <= 4.0:
        raise RefusalError("Invalid 'speed': must be from 0.25 to 4.", "speed")
    if body.get("response_format", "mp3") not in ("mp3", "opus", "aac", "flac", "wav", "pcm"):
        raise RefusalError("Invalid value for response_format.", "response_format")


def _no_such_model(model: str) -> RefusalError:
    return RefusalError(
        f"The model '{model}' does not exist or you do not have access to it.",
        code="model_not_found",
        status=404,
    )


def _logprob(token: str) -> dict[str, Any]:
    return {"token": token, "logprob": -0.5, "bytes": list(token.encode())}


def _clock(time: float, mark: str) -> str:
    millis = round(time * 1000)
    seconds, millis = divmod(millis, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}{millis:03}"


async def _each(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
