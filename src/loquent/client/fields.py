"""The fields of requests that Loquent adds to OpenAI's, typed; sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, TypeAlias, TypedDict

import httpx2
from openai import NotGiven, Omit

Preference: TypeAlias = Literal["speed", "cost", "balanced"]
Capability: TypeAlias = Literal["transcription", "translation", "speech", "realtime", "diarization"]

_IDEMPOTENCY_KEY: Final = "idempotency_key"


class RoutingFields(TypedDict, total=False):
    """Who may serve, and what matters most.

    Attributes:
        preference: what matters most where several endpoints would do.
        allowed_providers: only these; `local` is the server's own engines.
        eu_native: only providers that are based and regulated in the EU.
        allow_quantization: False for no weights of less than 16 bits.
    """

    preference: Preference
    allowed_providers: Sequence[str]
    eu_native: bool
    allow_quantization: bool


class SubtitleFields(TypedDict, total=False):
    """How srt and vtt are cut; see the reference of subtitles.

    Attributes:
        max_line_width: in cells; a full-width character takes two.
        max_line_count: lines of a cue.
        max_cps: characters of a cue for each second that it stays.
        min_cue_duration: seconds that a cue stays at least.
        max_cue_duration: seconds that a cue stays at most.
        highlight_words: tell in vtt when each word begins.
    """

    max_line_width: int
    max_line_count: int
    max_cps: float
    min_cue_duration: float
    max_cue_duration: float
    highlight_words: bool


class SharedExtras(RoutingFields, total=False):
    """What every request may hold.

    Attributes:
        model_extensions: fields of one provider or model.
        idempotency_key: the request is done once, however often it is sent with this key.
    """

    model_extensions: Mapping[str, Any]
    idempotency_key: str


class Extras(SharedExtras, SubtitleFields, total=False):
    """What recordings may be asked for beyond OpenAI's fields.

    Attributes:
        diarise: tell speakers apart.
        channels: `separate` if each channel holds one speaker.
        hotwords: names and terms to expect.
        beam_size: hypotheses kept side by side at temperature 0.
        best_of: samples drawn at higher temperatures.
    """

    diarise: bool
    num_speakers: int
    min_speakers: int
    max_speakers: int
    channels: Literal["mixed", "separate"]
    hotwords: str
    beam_size: int
    best_of: int


class RequestOptions(TypedDict, total=False):
    """How a request is sent, as openai's client takes it."""

    extra_headers: Mapping[str, str | Omit] | None
    extra_query: Mapping[str, object] | None
    extra_body: object | None
    timeout: float | httpx2.Timeout | NotGiven | None


def names(kind: Any) -> frozenset[str]:
    """Return the names of the fields of a typed dictionary."""
    return frozenset(kind.__required_keys__ | kind.__optional_keys__)


def parted(fields: Mapping[str, Any], ours: AbstractSet[str]) -> dict[str, Any]:
    """Return the arguments that openai's client takes, with our extras where it lets them be.

    Args:
        ours: the names of which it knows nothing.
    """
    known = {name: value for name, value in fields.items() if name not in ours}
    key = fields.get(_IDEMPOTENCY_KEY)
    of_body = sorted(ours & fields.keys() - {_IDEMPOTENCY_KEY})
    extras = {name: fields[name] for name in of_body if fields[name] is not None}
    if extras:
        known["extra_body"] = {**extras, **(known.get("extra_body") or {})}
    if key:
        known["extra_headers"] = {"Idempotency-Key": key, **(known.get("extra_headers") or {})}
    return known
