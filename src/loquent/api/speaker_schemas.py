"""The shape of JSON answers about speakers, for the API's own description; computes nothing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from loquent.api.schemas import Answer, DurationUsage, TokenUsage


class DiarizedSegment(BaseModel):
    """What one speaker says in one go."""

    type: Literal["transcript.text.segment"]
    id: str
    start: float
    end: float
    text: str
    speaker: str


class DiarizedAnswer(Answer):
    """response_format `diarized_json`; `text` has a line for each turn."""

    task: Literal["transcribe"]
    duration: float
    segments: list[DiarizedSegment]
    usage: TokenUsage | DurationUsage


class Turn(BaseModel):
    """A span in which one person speaks, in seconds."""

    start: float
    end: float
    speaker: str


class DiarizationAnswer(BaseModel):
    """Who speaks when; `segments` overlap, `exclusive` has one speaker at a time."""

    id: str
    object: Literal["audio.diarization"]
    created: int
    provider: str
    model: str
    duration: float
    speakers: list[str]
    segments: list[Turn]
    exclusive: list[Turn]
    usage: DurationUsage
