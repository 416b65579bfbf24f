"""The fields of requests that Loquent adds to OpenAI's, typed; sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, TypedDict

Preference: TypeAlias = Literal["speed", "cost", "balanced"]
Capability: TypeAlias = Literal["transcription", "translation", "speech", "realtime", "diarization"]


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


class Extras(RoutingFields, total=False):
    """What a transcription may be asked for beyond OpenAI's fields.

    Attributes:
        diarise: tell speakers apart.
        hotwords: names and terms to expect.
        channels: `separate` if each channel holds one speaker.
        max_line_width: cells of a line in srt and vtt, and so on: see the reference of subtitles.
        model_extensions: fields of one provider or model.
        idempotency_key: the request is done once, however often it is sent with this key.
    """

    diarise: bool
    num_speakers: int
    min_speakers: int
    max_speakers: int
    channels: Literal["mixed", "separate"]
    hotwords: str
    beam_size: int
    best_of: int
    max_line_width: int
    max_line_count: int
    max_cps: float
    min_cue_duration: float
    max_cue_duration: float
    highlight_words: bool
    model_extensions: Mapping[str, Any]
    idempotency_key: str


IDEMPOTENCY_KEY: Final = "idempotency_key"
_OF_FORM: Final = tuple(
    name for name in Extras.__required_keys__ | Extras.__optional_keys__ if name != IDEMPOTENCY_KEY
)


def parted(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that openai's client takes, with our extras where it lets them be."""
    known = {n: v for n, v in fields.items() if n not in _OF_FORM and n != IDEMPOTENCY_KEY}
    extras = {name: fields[name] for name in _OF_FORM if fields.get(name) is not None}
    if extras:
        known["extra_body"] = {**extras, **(known.get("extra_body") or {})}
    if fields.get(IDEMPOTENCY_KEY):
        sent = known.get("extra_headers") or {}
        known["extra_headers"] = {"Idempotency-Key": fields[IDEMPOTENCY_KEY], **sent}
    return known
