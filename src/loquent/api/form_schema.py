"""The fields of the multipart forms, as OpenAPI schemas; parses nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from loquent.api.dialects import Dialect
from loquent.api.forms import TRANSLATED_FORMATS
from loquent.api.parts import REFERENCES_FIELD
from loquent.api.routing_fields import limits_schema
from loquent.api.speaker_fields import MAX_NAME_CHARACTERS, MAX_SPEAKERS
from loquent.api.subtitle_fields import subtitles_schema
from loquent.domain.request import MAX_HYPOTHESES
from loquent.domain.speakers import Channels
from loquent.render import DiarizationFormat, Granularity, ResponseFormat

_HYPOTHESES: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": MAX_HYPOTHESES}
_SPEAKERS: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": MAX_SPEAKERS}


def _field(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, **schema}


def _flag(description: str, *, default: bool) -> dict[str, Any]:
    return _field(description, type="boolean", default=default)


def _list_of(description: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "type": "array", "items": item}


def _file_field() -> dict[str, Any]:
    return _field("The recording.", type="string", format="binary")


def _shared_fields(dialect: Dialect, formats: Iterable[ResponseFormat]) -> dict[str, Any]:
    return {
        "file": _file_field(),
        "model": _field("Id or alias of the model.", type="string", minLength=1),
        "prompt": _field("Text that guides spelling and style.", type="string"),
        "response_format": _field(
            "The form of the answer.",
            type="string",
            enum=[form.value for form in formats],
            default=dialect.default_format.value,
        ),
        "temperature": _field(
            "0 searches for the likeliest text, above 0 samples.",
            type="number",
            minimum=0,
            maximum=1,
            default=0,
        ),
        "hotwords": _field("Names and terms to expect.", type="string"),
        "beam_size": _field("Hypotheses kept side by side at temperature 0.", **_HYPOTHESES),
        "best_of": _field("Samples drawn at higher temperatures.", **_HYPOTHESES),
    }


def _detection_fields() -> dict[str, Any]:
    return {
        "chunking_strategy": _field(
            "`auto`, or a `server_vad` object as JSON or as chunking_strategy[...].", type="string"
        ),
    }


def _transcription_fields() -> dict[str, Any]:
    granularities, text = [item.value for item in Granularity], {"type": "string"}
    return {
        "language": _field("ISO 639-1 code of the speech; detected if absent.", **text),
        "languages[]": _list_of("One entry says the same as `language`.", text),
        "keywords[]": _list_of("Words that will be spoken.", text),
        "timestamp_granularities[]": _list_of(
            "Times shown by verbose_json.", {**text, "enum": granularities}
        ),
        "include[]": _list_of("Extras of the json format.", {**text, "enum": ["logprobs"]}),
        "stream": _flag("Send events while the text grows.", default=False),
        **_detection_fields(),
    }


def _speaker_fields() -> dict[str, Any]:
    """Describe what says how speakers are told apart."""
    text = {"type": "string"}
    return {
        "num_speakers": _field("How many there are; found out if absent.", **_SPEAKERS),
        "min_speakers": _field("There are at least so many.", **_SPEAKERS),
        "max_speakers": _field("There are at most so many.", **_SPEAKERS),
        "known_speaker_names[]": _list_of(
            "Names of known voices.", {**text, "minLength": 1, "maxLength": MAX_NAME_CHARACTERS}
        ),
        f"{REFERENCES_FIELD}[]": _list_of(
            "A recording of 2 to 10 s of each, as a data URL in base64.", text
        ),
        "channels": _field(
            "Whether everybody is on each channel, or one speaker on each.",
            **text,
            enum=[item.value for item in Channels],
            default=Channels.MIXED.value,
        ),
    }


def _switches() -> dict[str, Any]:
    return {
        name: _flag("Tell speakers apart; either spelling will do.", default=False)
        for name in ("diarise", "diarize")
    }


def request_body(dialect: Dialect, *, is_translation: bool) -> dict[str, Any]:
    """Describe the form of a transcription or a translation, for `openapi_extra`."""
    own_fields = _detection_fields() if is_translation else _transcription_fields()
    formats = TRANSLATED_FORMATS if is_translation else tuple(ResponseFormat)
    shared_fields = _shared_fields(dialect, formats)
    speaker_fields = _switches() | _speaker_fields()
    properties = shared_fields | own_fields | speaker_fields | subtitles_schema()
    return _form(properties | dict(limits_schema()), required=["file", "model"])


def diarization_body(default_model: str, formats: Iterable[DiarizationFormat]) -> dict[str, Any]:
    """Describe the form of a diarization, for `openapi_extra`."""
    text = {"type": "string"}
    properties = {
        "file": _file_field(),
        "model": _field("Id or alias of the model.", **text, default=default_model),
        "response_format": _field(
            "The form of the answer.",
            **text,
            enum=[form.value for form in formats],
            default=DiarizationFormat.JSON.value,
        ),
        **_speaker_fields(),
        **limits_schema(),
    }
    return _form(properties, required=["file"])


def _form(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "properties": properties}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }
