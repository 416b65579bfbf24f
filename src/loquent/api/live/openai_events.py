"""Reads what callers of a transcription session send; knows no session."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from loquent.domain.errors import (
    InvalidAudioError,
    InvalidRequestError,
    PayloadTooLargeError,
    UnsupportedOptionError,
)

UPDATE = "session.update"
APPEND = "input_audio_buffer.append"
COMMIT = "input_audio_buffer.commit"
CLEAR = "input_audio_buffer.clear"

MAX_AUDIO_BYTES = 15 * 1024 * 1024
"""Of base64 in one event. Source: the OpenAI Realtime API."""

MAX_EVENT_ID = 512
"""Source: the OpenAI Realtime API."""

_FIELD: Mapping[str, str | None] = MappingProxyType(
    {UPDATE: "session", APPEND: "audio", COMMIT: None, CLEAR: None}
)
"""Type -> the one field that it needs."""

_OLD_UPDATE = "transcription_session.update"
"""How sessions were configured before the API was generally available."""

_MAX_ECHO = 80


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """What the caller sent.

    Attributes:
        event_id: what the caller calls it.
    """

    type: str
    event_id: str | None
    fields: Mapping[str, Any]

    def check(self) -> None:
        """Raises: InvalidRequestError: if it is of no known type, or has not just its fields."""
        if self.type not in _FIELD:
            raise _unknown(self.type)
        wanted = _FIELD[self.type]
        for name in self.fields:
            if name not in {"type", "event_id", wanted}:
                shown = name[:_MAX_ECHO]
                message = f"Unknown parameter: '{shown}'."
                raise InvalidRequestError(message, param=shown, code="unknown_parameter")
        if wanted is not None and wanted not in self.fields:
            message = f"Missing required parameter: '{wanted}'."
            raise InvalidRequestError(message, param=wanted, code="missing_required_parameter")

    def sound(self) -> bytes:
        """Return the sound that it brings.

        Raises: InvalidAudioError, PayloadTooLargeError.
        """
        audio = self.fields["audio"]
        if not isinstance(audio, str):
            raise InvalidAudioError("audio: it should be text in base64.", param="audio")
        if len(audio) > MAX_AUDIO_BYTES:
            raise PayloadTooLargeError(
                f"audio: at most {MAX_AUDIO_BYTES} bytes in one event; send it in parts.",
                param="audio",
            )
        try:
            return b64decode(audio, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidAudioError("audio: it is not valid base64.", param="audio") from error


def parse_event(message: str | bytes) -> ClientEvent:
    """Read one frame; of what it says only the type and the id are looked at.

    Raises: InvalidRequestError: saying what an event looks like.
    """
    fields = _object(message)
    kind, event_id = fields.get("type"), fields.get("event_id")
    if not isinstance(kind, str):
        raise InvalidRequestError(
            "Missing required parameter: 'type'.", param="type", code="missing_required_parameter"
        )
    if event_id is not None and not (isinstance(event_id, str) and len(event_id) <= MAX_EVENT_ID):
        raise InvalidRequestError(
            f"event_id: it should be a text of at most {MAX_EVENT_ID} characters.",
            param="event_id",
            code="invalid_value",
        )
    return ClientEvent(kind, event_id, fields)


def _object(message: str | bytes) -> dict[str, Any]:
    if isinstance(message, bytes):
        raise InvalidRequestError(
            "Send text, not bytes: each event is an object in JSON, with its sound in base64.",
            code="invalid_json",
        )
    try:
        found = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(
            "The event is not JSON that can be read.", code="invalid_json"
        ) from error
    if not isinstance(found, dict):
        raise InvalidRequestError("An event must be an object in JSON.", code="invalid_json")
    return found


def _unknown(kind: str) -> InvalidRequestError:
    if kind == _OLD_UPDATE:
        return UnsupportedOptionError(
            f"type: '{_OLD_UPDATE}' is not spoken any more. Send '{UPDATE}' with a session such as"
            ' {"type": "transcription", "audio": {"input": {"transcription":'
            ' {"model": "whisper-1"}}}}.',
            param="type",
        )
    return UnsupportedOptionError(
        f"type: '{kind[:_MAX_ECHO]}' is not an event of a transcription session; "
        f"these are: {', '.join(_FIELD)}.",
        param="type",
    )
