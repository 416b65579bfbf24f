"""The fields of a transcription session as OpenAI names them; knows no session and no request."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from loquent.domain.errors import InvalidRequestError, LoquentError, UnsupportedOptionError
from loquent.domain.languages import parse_language
from loquent.domain.live import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ

PCM = "audio/pcm"
G711_RATE_HZ = 8_000
DEFAULT_RATE_HZ = 24_000
LOGPROBS = "item.input_audio_transcription.logprobs"

MAX_PROMPT = 32_768
MAX_KEYWORDS = 1_000
MAX_NAME = 200

DELAYS_S: Mapping[str, float] = MappingProxyType(
    {"minimal": 0.0, "low": 0.5, "medium": 1.0, "high": 2.0, "xhigh": 4.0}
)
"""Least time between two guesses: the rarer they come, the more sound each one knows."""

SILENCES_MS: Mapping[str, int] = MappingProxyType(
    {"low": 1200, "medium": 800, "auto": 800, "high": 400}
)
"""The silence that ends an utterance, by eagerness; a rule of ours, no model judges the words."""


def _coded(language: str) -> str:
    try:
        return parse_language(language)
    except UnsupportedOptionError as error:
        raise ValueError(error.message) from error


_Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
_Language: TypeAlias = Annotated[str, AfterValidator(_coded)]


class StrictPart(BaseModel):
    """An object that holds what it names, in the type it names, and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Format(StrictPart):
    """How the sound is written."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    rate: Annotated[int, Field(ge=MIN_SAMPLE_RATE_HZ, le=MAX_SAMPLE_RATE_HZ)] | None = None

    @model_validator(mode="after")
    def _has_one_rate(self) -> Format:
        if self.type != PCM and self.rate not in (None, G711_RATE_HZ):
            raise ValueError(f"{self.type} is always at {G711_RATE_HZ} Hz")
        return self

    @property
    def sample_rate_hz(self) -> int:
        return self.rate or (DEFAULT_RATE_HZ if self.type == PCM else G711_RATE_HZ)


class NoiseReduction(StrictPart):
    """What filters the sound first; there is no such filter here."""

    type: Literal["near_field", "far_field"] | None = None
    strength: Annotated[float, Field(allow_inf_nan=False)] | None = None


class Transcription(StrictPart):
    """What is known of the speech."""

    model: _Name | None = None
    language: _Language | None = None
    languages: list[_Language] | None = None
    prompt: Annotated[str, StringConstraints(max_length=MAX_PROMPT)] | None = None
    keywords: Annotated[list[str], Field(max_length=MAX_KEYWORDS)] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    diarise: bool | None = None
    diarize: bool | None = None

    @model_validator(mode="after")
    def _agrees_on_the_language(self) -> Transcription:
        if self.language and self.languages and self.language not in self.languages:
            raise ValueError("language and languages disagree; send one")
        return self


class _Turns(StrictPart):
    """Accepted because clients send them: there are no answers to create or to interrupt."""

    create_response: bool | None = None
    interrupt_response: bool | None = None


class ServerVad(_Turns):
    """An utterance ends with a silence of this length."""

    type: Literal["server_vad"] = "server_vad"
    threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.5
    prefix_padding_ms: Annotated[int, Field(ge=0, le=5_000)] = 300
    silence_duration_ms: Annotated[int, Field(ge=0, le=30_000)] = 500
    idle_timeout_ms: int | None = None

    @field_validator("idle_timeout_ms")
    @classmethod
    def _has_no_timeout(cls, idle_timeout_ms: int | None) -> None:
        if idle_timeout_ms is not None:
            raise ValueError("nobody is prompted to go on here; leave it out")


class SemanticVad(_Turns):
    """An utterance ends with a silence as long as the eagerness says."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"


class Input(StrictPart):
    """What is heard, and how."""

    format: Format = Format()
    noise_reduction: Annotated[NoiseReduction | None, AfterValidator(lambda _: None)] = None
    transcription: Transcription = Transcription()
    turn_detection: Annotated[ServerVad | SemanticVad, Field(discriminator="type")] | None = (
        ServerVad()
    )


class Audio(StrictPart):
    """Sound goes one way only."""

    input: Input = Input()


class SessionFields(StrictPart):
    """A whole session."""

    type: Literal["transcription"] = "transcription"
    audio: Audio = Audio()
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None


_UNION, _TAGS = "turn_detection", frozenset({"server_vad", "semantic_vad"})
"""Behind the name of a union the validator puts the variant, which is no name on the wire."""


def complaint(error: ValidationError, root: str = "") -> LoquentError:
    """Word the first thing that is wrong, naming the field in full.

    Args:
        root: the field that holds what was validated.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    kind, name = first["type"], _name(first["loc"], root)
    if kind.startswith("union_tag"):
        name = f"{name}.type"
    if kind == "extra_forbidden":
        message = f"Unknown parameter: '{name}'."
        return InvalidRequestError(message, param=name, code="unknown_parameter")
    if kind in {"missing", "union_tag_not_found"}:
        message = f"Missing required parameter: '{name}'."
        return InvalidRequestError(message, param=name, code="missing_required_parameter")
    message = f"{name}: {_meaning(first)}."
    if kind in {"literal_error", "union_tag_invalid", "value_error"}:
        return UnsupportedOptionError(message, param=name)
    return InvalidRequestError(message, param=name, code="invalid_value")


def _name(location: tuple[str | int, ...], root: str) -> str:
    parts = [
        str(part)
        for before, part in pairwise(("", *location))
        if before != _UNION or part not in _TAGS
    ]
    return ".".join([root, *parts] if root else parts)[:MAX_NAME]


def _meaning(found: ErrorDetails) -> str:
    if found["type"] == "union_tag_invalid":
        return f"it should be one of {found['ctx']['expected_tags']}"
    if found["type"] == "model_type":
        return "it should be an object"
    message = found["msg"].removeprefix("Value error, ").rstrip(".")
    return message.replace("Input should be", "it should be", 1)
