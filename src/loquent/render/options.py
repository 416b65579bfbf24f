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
class SubtitleOptions:
    """How subtitles are to be cut.

    Attributes:
        max_line_width: in cells; a full-width character takes two.
        max_line_count: lines of a cue.
        max_cps: characters of a cue for each second that it stays; None for any number.
        min_cue_s: how long a cue stays at least, where the next one leaves room.
        max_cue_s: how long it stays at most, >= `min_cue_s`.
        highlight_words: whether `vtt` tells when each word begins.
    """

    max_line_width: int = 42
    max_line_count: int = 2
    max_cps: float | None = None
    min_cue_s: float = 0.0
    max_cue_s: float = 7.0
    highlight_words: bool = False


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
        subtitles: how `srt` and `vtt` are cut; None for cues that keep to segments.
    """

    format: ResponseFormat
    answer_id: str
    created_s: int
    granularities: frozenset[Granularity] = frozenset({Granularity.SEGMENT})
    logprobs: bool = False
    usage_form: UsageForm = UsageForm.DURATION
    subtitles: SubtitleOptions | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A finished response body and the media type it is to be sent with."""

    body: bytes
    media_type: str
