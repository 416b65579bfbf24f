"""The fields of the multipart forms, as OpenAPI schemas; parses nothing."""

from __future__ import annotations

from typing import Any

from loquent.api.dialects import Dialect
from loquent.domain.request import MAX_HYPOTHESES
from loquent.render import Granularity, ResponseFormat

_HYPOTHESES: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": MAX_HYPOTHESES}
_OFFERED_FORMATS = [form.value for form in ResponseFormat if form != ResponseFormat.DIARIZED_JSON]


def _field(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, **schema}


def _flag(description: str, *, default: bool) -> dict[str, Any]:
    return _field(description, type="boolean", default=default)


def _list_of(description: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "type": "array", "items": item}


def _shared_fields(dialect: Dialect) -> dict[str, Any]:
    return {
        "file": _field("The recording.", type="string", format="binary"),
        "model": _field("Id or alias of the model.", type="string", minLength=1),
        "prompt": _field("Text that guides spelling and style.", type="string"),
        "response_format": _field(
            "The form of the answer.",
            type="string",
            enum=_OFFERED_FORMATS,
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


def _neutral_fields() -> dict[str, Any]:
    """Describe fields of features that are not there: their neutral values pass."""
    text = {"type": "string"}
    return {
        "diarise": _flag("Tell speakers apart; only false.", default=False),
        "preference": _field("Only balanced.", **text, enum=["balanced"], default="balanced"),
        "allowed_providers[]": _list_of("Must hold local, if anything.", text),
        "eu_native": _flag("Only providers based in the EU; only false.", default=False),
        "allow_quantization": _flag("Allow quantised weights; only true.", default=True),
    }


def request_body(dialect: Dialect, *, is_translation: bool) -> dict[str, Any]:
    """Describe the form of one route, for `openapi_extra`."""
    own_fields = _detection_fields() if is_translation else _transcription_fields()
    properties = _shared_fields(dialect) | own_fields | _neutral_fields()
    schema = {"type": "object", "required": ["file", "model"], "properties": properties}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }
