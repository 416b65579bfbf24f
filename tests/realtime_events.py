"""The official client's own types as judges of what a transcription session sends."""

from __future__ import annotations

from typing import Any, get_args

from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import BaseModel

_TYPES: dict[str, type[BaseModel]] = {
    get_args(kind.model_fields["type"].annotation)[0]: kind
    for kind in get_args(get_args(RealtimeServerEvent)[0])
    if "type" in kind.model_fields
}


def checked(event: dict[str, Any]) -> dict[str, Any]:
    """Return `event` if the official type of its name takes it as it is, nothing converted."""
    _TYPES[event["type"]].model_validate(event, strict=True)
    return event
