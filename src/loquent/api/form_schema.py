"""The fields of the multipart forms, as OpenAPI schemas; parses nothing."""

from __future__ import annotations

from typing import Any

from loquent.api.dialects import Dialect
from loquent.render import Granularity, ResponseFormat

_OFFERED_FORMATS = [form.value for form in ResponseFormat if form != ResponseFormat.DIARIZED_JSON]


def _field(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, **schema}


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
    }


def _transcription_fields() -> dict[str, Any]:
    return {
        "language": _field("ISO 639-1 code of the speech; detected if absent.", type="string"),
        "timestamp_granularities[]": _list_of(
            "Times shown by verbose_json.", {"enum": [item.value for item in Granularity]}
        ),
        "include[]": _list_of("Extras of the json format.", {"enum": ["logprobs"]}),
        "stream": _field("Send events while the text grows.", type="boolean", default=False),
        "chunking_strategy": _field("auto, or a server_vad object as JSON.", type="string"),
    }


def request_body(dialect: Dialect, *, is_translation: bool) -> dict[str, Any]:
    """Describe the form of one route, for `openapi_extra`."""
    properties = _shared_fields(dialect)
    if not is_translation:
        properties |= _transcription_fields()
    schema = {"type": "object", "required": ["file", "model"], "properties": properties}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }
