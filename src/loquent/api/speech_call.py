"""Turn the fields of a speech request into the work to do; knows no model and no sound."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import ConfigDict, Field, StringConstraints, ValidationError

from loquent.api.routing_fields import LimitFields
from loquent.api.subtitle_fields import SubtitleFields
from loquent.codec.encoding.formats import MAX_RATE_HZ, MIN_RATE_HZ, SpeechFormat
from loquent.domain.errors import (
    InputTooLongError,
    InvalidRequestError,
    LoquentError,
    UnsupportedOptionError,
)
from loquent.domain.languages import parse_tag
from loquent.domain.speech import MAX_SPEED, MIN_SPEED, SpeechRequest
from loquent.render import ResponseFormat, SubtitleOptions

MAX_INSTRUCTIONS: Final = 4096
MAX_NAME: Final = 200

_SOUND_FIELDS: Final = ("sample_rate", "stream_format", "timestamps")
_RATE_EXTENSION: Final = "sr"
_LANGUAGE_EXTENSION: Final = "language"
_RATE_RANGE: Final = f"a whole number from {MIN_RATE_HZ} to {MAX_RATE_HZ}"

_SUBJECT: Final = re.compile(r"^\w+ (?=should )")
"""What a complaint of pydantic begins with, such as "Input" or "String"."""

_Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
_VoiceObject: TypeAlias = Annotated[dict[Literal["id"], _Name], Field(min_length=1)]
_Instructions: TypeAlias = Annotated[str, StringConstraints(max_length=MAX_INSTRUCTIONS)]
_Speed: TypeAlias = Annotated[float, Field(ge=MIN_SPEED, le=MAX_SPEED, allow_inf_nan=False)]
_Rate: TypeAlias = Annotated[int, Field(ge=MIN_RATE_HZ, le=MAX_RATE_HZ)]


class StreamFormat(StrEnum):
    """How the sound is sent."""

    AUDIO = "audio"
    SSE = "sse"


class CaptionFormat(StrEnum):
    """What the times of the words are written as."""

    SRT = "srt"
    VTT = "vtt"


class SpeechFields(LimitFields):
    """What a speech request may hold; `model_extensions` holds what OpenAI has no field for."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: Annotated[_Name, Field(description="Id or alias of who speaks.")]
    input: Annotated[str, Field(min_length=1, description="What is spoken.")]
    voice: _Name | _VoiceObject | None = Field(
        None, description="A name, an object with it as `id`, or a mix; else the model's first."
    )
    instructions: _Instructions | None = Field(None, description="How to say it, in words.")
    speed: _Speed | None = Field(None, description="Times the model's own pace; 1 if absent.")
    language: str | None = Field(None, description="How the text is read; else as the voice does.")
    sample_rate: _Rate | None = Field(None, description="Of the file in Hz; else the model's.")
    stream_format: Literal["audio", "sse"] | None = Field(
        None, description="The file itself, which is the default, or events."
    )
    timestamps: Literal["none", "word"] | None = Field(
        None, description="In events: when each word is heard; `none` if absent."
    )
    model_extensions: dict[str, Any] | None = Field(
        None, description="Settings of the model, fields of a provider, and `sr` and `language`."
    )


class AudioFields(SpeechFields):
    """The fields where sound is wanted."""

    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm", "mulaw"] | None = Field(
        None, description="The form of the file; `mp3` if absent."
    )


class CaptionFields(SpeechFields, SubtitleFields):
    """The fields where captions are wanted."""

    response_format: Literal["srt", "vtt"] | None = Field(
        None, description="The form of the captions; `vtt` if absent."
    )


@dataclass(frozen=True, slots=True)
class SpeechCall:
    """One request, read.

    Attributes:
        sample_rate_hz: what the caller wants; None for the nearest to the model's own.
        ignored: fields that were sent and that nothing reads.
        subtitles: how captions are cut; None where nothing is said about it.
    """

    request: SpeechRequest
    format: SpeechFormat = SpeechFormat.MP3
    stream_format: StreamFormat = StreamFormat.AUDIO
    caption_format: CaptionFormat = CaptionFormat.VTT
    sample_rate_hz: int | None = None
    ignored: tuple[str, ...] = ()
    subtitles: SubtitleOptions | None = None


@dataclass(frozen=True, slots=True)
class SpeechRules:
    """What the operator decides about speech requests.

    Attributes:
        max_characters: of the input; 0 for no limit.
        extensions: names of fields that endpoints have of their own.
        is_strict: refuse fields that nothing reads, instead of listing them.
    """

    max_characters: int = 4096
    is_strict: bool = False
    extensions: frozenset[str] = frozenset()


def parse_speech(body: Mapping[str, Any], rules: SpeechRules) -> SpeechCall:
    """Read a request for sound.

    Raises: InvalidRequestError, UnsupportedOptionError: naming the field.
    """
    fields = _validated(AudioFields, body)
    is_streamed = fields.stream_format == "sse"
    idle = () if is_streamed or fields.timestamps != "word" else ("timestamps",)
    return SpeechCall(
        _request(fields, rules, word_times=fields.timestamps == "word"),
        format=SpeechFormat(fields.response_format or SpeechFormat.MP3),
        stream_format=StreamFormat(fields.stream_format or StreamFormat.AUDIO),
        sample_rate_hz=_rate(fields),
        ignored=(*_ignored(fields, rules), *idle),
    )


def parse_captions(body: Mapping[str, Any], rules: SpeechRules) -> SpeechCall:
    """Read a request for captions.

    Raises: InvalidRequestError, UnsupportedOptionError: naming the field.
    """
    fields = _validated(CaptionFields, body)
    form = CaptionFormat(fields.response_format or CaptionFormat.VTT)
    return SpeechCall(
        _request(fields, rules, word_times=True),
        caption_format=form,
        ignored=(*_ignored(fields, rules), *_of_sound_alone(fields)),
        subtitles=fields.subtitles(ResponseFormat(form)),
    )


F = TypeVar("F", bound=SpeechFields)


def _validated(fields: type[F], body: Mapping[str, Any]) -> F:
    try:
        return fields.model_validate(body)
    except ValidationError as error:
        raise complaint(error) from error


def complaint(error: ValidationError) -> LoquentError:
    """Return the error that words the first thing wrong with a JSON body as a person would."""
    found = error.errors(include_url=False, include_input=False)[0]
    name = str(found["loc"][0]) if found["loc"] else "body"
    if found["type"] == "missing":
        return InvalidRequestError(f"{name}: this field is required.", param=name)
    if found["type"] == "extra_forbidden":
        name = name[:MAX_NAME]
        return InvalidRequestError(f"{name}: there is no such field.", param=name)
    message = _SUBJECT.sub("", found["msg"])
    kind = UnsupportedOptionError if found["type"] == "literal_error" else InvalidRequestError
    return kind(f"{name}: it {message}.", param=name)


def _request(fields: SpeechFields, rules: SpeechRules, *, word_times: bool) -> SpeechRequest:
    n_characters = len(fields.input)
    if rules.max_characters and n_characters > rules.max_characters:
        raise InputTooLongError(
            f"input: it has {n_characters} characters; at most {rules.max_characters} are spoken in"
            " one request. Send it in parts.",
            param="input",
        )
    voice = fields.voice["id"] if isinstance(fields.voice, dict) else fields.voice
    return SpeechRequest(
        model=fields.model,
        text=fields.input,
        voice=voice or "",
        speed=fields.speed or 1.0,
        language=_language(fields),
        settings=_settings(fields),
        word_times=word_times,
        instructions=fields.instructions or "",
        extras=_extras(fields, rules),
        limits=fields.limits(),
    )


def _language(fields: SpeechFields) -> str | None:
    """Return the wanted language, under whichever of its two names."""
    wish = (fields.model_extensions or {}).get(_LANGUAGE_EXTENSION)
    if wish is None:
        return parse_tag(fields.language) if fields.language is not None else None
    return parse_tag(str(wish), param=f"model_extensions.{_LANGUAGE_EXTENSION}")


def _rate(fields: SpeechFields) -> int | None:
    """Return the wanted sample rate, under whichever of its two names."""
    wish = (fields.model_extensions or {}).get(_RATE_EXTENSION)
    if wish is None:
        return fields.sample_rate
    name = f"model_extensions.{_RATE_EXTENSION}"
    if not isinstance(wish, int) or isinstance(wish, bool):
        raise InvalidRequestError(f"{name}: it should be {_RATE_RANGE}.", param=name)
    if not MIN_RATE_HZ <= wish <= MAX_RATE_HZ:
        raise InvalidRequestError(f"{name}: it should be {_RATE_RANGE}.", param=name)
    if fields.sample_rate not in (None, wish):
        raise InvalidRequestError(f"{name}: sample_rate says otherwise.", param=name)
    return wish


def _settings(fields: SpeechFields) -> dict[str, float]:
    """Return the extensions that may be settings of an engine: numbers."""
    return {
        name: _number(name, value)
        for name, value in _extensions(fields).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _number(name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        param = f"model_extensions.{name}"
        raise InvalidRequestError(f"{param}: it is too large.", param=param) from None


def _extensions(fields: SpeechFields) -> dict[str, Any]:
    read = {_RATE_EXTENSION, _LANGUAGE_EXTENSION}
    return {n: v for n, v in (fields.model_extensions or {}).items() if n not in read}


def _extras(fields: SpeechFields, rules: SpeechRules) -> dict[str, str]:
    """Return what only some endpoints read, by name."""
    sent = {**(fields.model_extra or {}), **_extensions(fields)}
    return {name: _written(sent[name]) for name in sent if name in rules.extensions}


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _of_sound_alone(fields: SpeechFields) -> tuple[str, ...]:
    """List what was sent and means nothing to captions."""
    sent = [name for name in _SOUND_FIELDS if getattr(fields, name) is not None]
    has_rate = _RATE_EXTENSION in (fields.model_extensions or {})
    return (*sent, *([f"model_extensions.{_RATE_EXTENSION}"] if has_rate else []))


def _ignored(fields: SpeechFields, rules: SpeechRules) -> tuple[str, ...]:
    """List what nothing reads.

    Raises: InvalidRequestError: if the operator wants such fields to be refused.
    """
    unknown = [name for name in fields.model_extra or () if name not in rules.extensions]
    if rules.is_strict and unknown:
        raise InvalidRequestError(
            f"{unknown[0][:MAX_NAME]}: there is no such field.", param=unknown[0][:MAX_NAME]
        )
    settings = _settings(fields)
    read = settings.keys() | rules.extensions
    wordy = [f"model_extensions.{name}" for name in _extensions(fields) if name not in read]
    return (*unknown, *wordy)
