"""What a caller may choose about the answer's form, and the answer itself; knows no HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ResponseFormat(StrEnum):
    """The forms an answer can take, as spelled on the wire."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VERBOSE_JSON = "verbose_json"
    VTT = "vtt"
    DIARIZED_JSON = "diarized_json"


class Granularity(StrEnum):
    """Which times `verbose_json` shows."""

    WORD = "word"
    SEGMENT = "segment"


class UsageForm(StrEnum):
    """How consumption is stated: seconds of audio, or tokens."""

    DURATION = "duration"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How one transcript is to be written.

    Attributes:
        answer_id: the id that this answer carries.
        created_s: Unix time of the answer, whole seconds.
        granularities: exactly the lists of times that `verbose_json` shows.
        logprobs: whether `json` shows the log probability of every token.
        usage_form: how `json` and `diarized_json` state consumption; `verbose_json` always states
            seconds.
    """

    format: ResponseFormat
    answer_id: str
    created_s: int
    granularities: frozenset[Granularity] = frozenset({Granularity.SEGMENT})
    logprobs: bool = False
    usage_form: UsageForm = UsageForm.DURATION


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished response body and the media type it is to be sent with."""

    body: bytes
    media_type: str
