"""Reads answers of every form with parsers that others wrote; knows none of our renderers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import httpx2
import pysubs2
import webvtt
from openai.types.audio import (
    Transcription,
    TranscriptionDiarized,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionTextSegmentEvent,
    TranscriptionVerbose,
)

MEDIA_TYPES = {
    "json": "application/json",
    "verbose_json": "application/json",
    "diarized_json": "application/json",
    "text": "text/plain",
    "srt": "text/plain",
    "vtt": "text/vtt",
}
STREAM_MEDIA_TYPE = "text/event-stream"

VERBOSE_SEGMENT_KEYS = {
    *("id", "seek", "start", "end", "text", "tokens", "temperature"),
    *("avg_logprob", "compression_ratio", "no_speech_prob"),
}

_NAMED_LINE = re.compile(r"(?:([A-Z]): )?(.*)", re.DOTALL)
_VOICE_TAG = re.compile(r"<v ([^>]+)>")


@dataclass(frozen=True)
class Span:
    """A span of text in an answer, or a word; no times where the form has none."""

    text: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a caller reads.

    Attributes:
        text: without names of speakers.
        spans: with times where the form has them.
        words: None where the form shows no list of words.
        told_by: provider and model, where the body tells them.
    """

    text: str
    spans: Sequence[Span] = ()
    words: Sequence[Span] | None = None
    told_by: tuple[str, str] | None = None
    duration_s: float | None = None


def read(response: httpx2.Response, form: str, *, is_streamed: bool) -> Answer:
    """Read an answer as the form that was asked for."""
    media_type = STREAM_MEDIA_TYPE if is_streamed else MEDIA_TYPES[form]
    assert response.headers["content-type"].partition(";")[0] == media_type
    return _events(response.text) if is_streamed else _READERS[form](response)


def _json(body: Any) -> Answer:
    Transcription.model_validate(body)
    spans = [_span(told, {"id", "start", "end", "text"}) for told in body["segments"]]
    return Answer(body["text"], spans, told_by=(body["provider"], body["model"]))


def _verbose(body: Any) -> Answer:
    TranscriptionVerbose.model_validate(body)
    words = body.get("words")
    return Answer(
        body["text"],
        [_span(told, VERBOSE_SEGMENT_KEYS) for told in body.get("segments", ())],
        None
        if words is None
        else [_span(told, {"word", "start", "end"}, "word") for told in words],
        (body["provider"], body["model"]),
        body["duration"],
    )


def _diarized(body: Any) -> Answer:
    TranscriptionDiarized.model_validate(body)
    spans = [_span(told, {"id", "type", "start", "end", "text"}) for told in body["segments"]]
    assert [told["id"] for told in body["segments"]] == _segment_ids(len(spans))
    lines = _text(body["text"] + "\n")
    told_by = (body["provider"], body["model"])
    return Answer(lines.text, spans, told_by=told_by, duration_s=body["duration"])


def _span(told: Any, keys: set[str], text_key: str = "text") -> Span:
    """Read one entry of a list that has these keys, and the speaker where one is told."""
    assert set(told) - {"speaker"} == keys
    return Span(told[text_key].strip(), told["start"], told["end"], told.get("speaker"))


def _text(body: str) -> Answer:
    assert body.endswith("\n")
    spans = [_named(line) for line in body.splitlines()]
    return Answer(" ".join(span.text for span in spans), spans)


def _named(line: str) -> Span:
    """Read a line of text that begins with a name, if anybody is named."""
    found = _NAMED_LINE.fullmatch(line)
    assert found is not None
    return Span(found[2], speaker=found[1])


def _srt(body: str) -> Answer:
    events = pysubs2.SSAFile.from_string(body, format_="srt", keep_html_tags=True)
    spans = []
    for event in events:
        named = _named(event.text.replace("\\N", " "))
        spans.append(Span(named.text, event.start / 1000, event.end / 1000, named.speaker))
    return Answer(" ".join(span.text for span in spans), spans)


def _vtt(body: str) -> Answer:
    spans = []
    for caption in webvtt.from_buffer(StringIO(body)).captions:
        voice = _VOICE_TAG.match(caption.raw_text)
        text = _VOICE_TAG.sub("", caption.raw_text).replace("\n", " ")
        start_s, end_s = _clock_s(caption.start), _clock_s(caption.end)
        spans.append(Span(text, start_s, end_s, voice[1] if voice else None))
    return Answer(" ".join(span.text for span in spans), spans)


def _clock_s(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def _events(body: str) -> Answer:
    """Read a stream: deltas, then who said what, then the end, in this order and nothing else."""
    assert body.endswith("\n\n")
    frames = [frame for frame in body.split("\n\n") if frame and not frame.startswith(":")]
    assert all(frame.startswith("data: ") for frame in frames)
    *lines, last = (frame.removeprefix("data: ") for frame in frames)
    assert last == "[DONE]"
    events = [json.loads(line) for line in lines]
    kinds = [str(event["type"]).removeprefix("transcript.text.") for event in events]
    assert re.fullmatch("(delta )+(segment )*done ", "".join(f"{kind} " for kind in kinds)), kinds
    deltas = [TranscriptionTextDeltaEvent.model_validate(e) for e in events if _is(e, "delta")]
    told = [TranscriptionTextSegmentEvent.model_validate(e) for e in events if _is(e, "segment")]
    done = TranscriptionTextDoneEvent.model_validate(events[-1])
    assert "".join(delta.delta for delta in deltas) == done.text
    assert [segment.id for segment in told] == _segment_ids(len(told))
    spans = [Span(each.text.strip(), each.start, each.end, each.speaker) for each in told]
    words = events[-1].get("words")
    if words is not None:
        words = [_span(word, {"word", "start", "end"}, "word") for word in words]
    return Answer(done.text, spans, words)


def _is(event: Any, kind: str) -> bool:
    return bool(event["type"] == f"transcript.text.{kind}")


def _segment_ids(n: int) -> list[str]:
    return [f"seg_{number:03}" for number in range(1, n + 1)]


_READERS: Mapping[str, Callable[[httpx2.Response], Answer]] = {
    "json": lambda response: _json(response.json()),
    "verbose_json": lambda response: _verbose(response.json()),
    "diarized_json": lambda response: _diarized(response.json()),
    "text": lambda response: _text(response.text),
    "srt": lambda response: _srt(response.text),
    "vtt": lambda response: _vtt(response.text),
}
