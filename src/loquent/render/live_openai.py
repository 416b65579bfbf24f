"""Writes the server events of OpenAI's transcription sessions; knows no socket and no state.

Events leave here without an id: `stamped` gives them one.
"""

from __future__ import annotations

from loquent.domain.errors import LoquentError
from loquent.domain.transcript import Segment, Transcript
from loquent.render import payload
from loquent.render.options import UsageForm

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


def stamped(event: payload.JsonObject, event_id: str) -> payload.JsonObject:
    """Return `event` with its id, behind its type."""
    return {"type": event["type"], "event_id": event_id, **event}


def session_created(session: payload.JsonObject) -> payload.JsonObject:
    """Greet with the configuration of the session."""
    return {"type": "session.created", "session": session}


def session_updated(session: payload.JsonObject) -> payload.JsonObject:
    """Confirm a change with the whole configuration."""
    return {"type": "session.updated", "session": session}


def failure(error: LoquentError, kind: str, cause_id: str | None) -> payload.JsonObject:
    """Tell what is wrong with an event of the caller; the session goes on.

    Args:
        kind: the `type` of the error.
        cause_id: the id that the caller gave to its event, if it gave one.
    """
    return {"type": "error", "error": _error(error, kind) | {"event_id": cause_id}}


def buffer_cleared() -> payload.JsonObject:
    """Confirm that the sound since the last utterance is forgotten."""
    return {"type": "input_audio_buffer.cleared"}


def speech_started(item_id: str, start_s: float) -> payload.JsonObject:
    """Tell where speech begins, the silence kept before it included."""
    return {
        "type": "input_audio_buffer.speech_started",
        "audio_start_ms": _milliseconds(start_s),
        "item_id": item_id,
    }


def speech_stopped(item_id: str, end_s: float) -> payload.JsonObject:
    """Tell where the silence ended that ended an utterance."""
    return {
        "type": "input_audio_buffer.speech_stopped",
        "audio_end_ms": _milliseconds(end_s),
        "item_id": item_id,
    }


def committed(item_id: str, previous_id: str | None) -> list[payload.JsonObject]:
    """Tell that sound has become an item of the conversation, and show the item."""
    place: payload.JsonObject = {"previous_item_id": previous_id}
    item: payload.JsonObject = {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    return [
        {"type": "input_audio_buffer.committed", **place, "item_id": item_id},
        {"type": "conversation.item.added", **place, "item": item},
        {"type": "conversation.item.done", **place, "item": item},
    ]


def delta(item_id: str, text: str) -> payload.JsonObject:
    """Add `text` to what was told of an item."""
    return {"type": f"{_TRANSCRIPTION}.delta", **_part(item_id), "delta": text}


def segment(item_id: str, number: int, said: Segment) -> payload.JsonObject:
    """Tell who says a part of an item, and when, counted from the start of the session.

    Typed clients demand a speaker; it is empty where none is known.
    """
    return {
        "type": f"{_TRANSCRIPTION}.segment",
        **_part(item_id),
        "id": f"seg_{number:03d}",
        "start": payload.seconds(said.start_s),
        "end": payload.seconds(said.end_s),
        "text": said.text.strip(),
        "speaker": said.speaker or "",
    }


def completed(
    item_id: str, transcript: Transcript, form: UsageForm, *, logprobs: bool
) -> payload.JsonObject:
    """Tell all that an item says."""
    event: payload.JsonObject = {
        "type": f"{_TRANSCRIPTION}.completed",
        **_part(item_id),
        "transcript": transcript.text,
        "languages": [{"code": transcript.language}] if transcript.language else [],
        "usage": payload.usage(transcript, form),
    }
    if logprobs:
        event["logprobs"] = payload.logprobs(transcript.token_scores)
    return event


def failed(item_id: str, error: LoquentError, kind: str) -> payload.JsonObject:
    """Tell that an item could not be transcribed."""
    return {
        "type": f"{_TRANSCRIPTION}.failed",
        **_part(item_id),
        "error": _error(error, kind),
    }


def _part(item_id: str) -> payload.JsonObject:
    """Name the only part that an item has."""
    return {"item_id": item_id, "content_index": 0}


def _error(error: LoquentError, kind: str) -> payload.JsonObject:
    return {"type": kind, "code": error.code, "message": error.message, "param": error.param}


def _milliseconds(time_s: float) -> int:
    return max(0, round(time_s * 1000))
