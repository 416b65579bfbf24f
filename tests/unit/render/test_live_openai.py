"""Events of transcription sessions, judged by the types of the official client."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loquent.domain.errors import InvalidRequestError, OverloadedError
from loquent.render import live_openai
from loquent.render.options import UsageForm
from loquent.render.payload import JsonObject
from tests.fakes.scripted_live import final
from tests.realtime_events import checked

ERROR = InvalidRequestError("session.x: no.", param="session.x", code="unknown_parameter")
KIND = "invalid_request_error"

SAID = replace(
    final(1, "Ever tried.", speaker="B").transcript.segments[0], start_s=61.23449, end_s=62.0
)

GOLDEN: list[tuple[JsonObject, dict[str, Any]]] = [
    (live_openai.buffer_cleared(), {"type": "input_audio_buffer.cleared"}),
    (
        live_openai.speech_started("item_1", 0.2),
        {
            "type": "input_audio_buffer.speech_started",
            "audio_start_ms": 200,
            "item_id": "item_1",
        },
    ),
    (
        live_openai.speech_stopped("item_1", 1.2345),
        {
            "type": "input_audio_buffer.speech_stopped",
            "audio_end_ms": 1234,
            "item_id": "item_1",
        },
    ),
    (
        live_openai.delta("item_1", " tried."),
        {
            "type": "conversation.item.input_audio_transcription.delta",
            "item_id": "item_1",
            "content_index": 0,
            "delta": " tried.",
        },
    ),
    (
        live_openai.segment("item_1", 12, SAID),
        {
            "type": "conversation.item.input_audio_transcription.segment",
            "item_id": "item_1",
            "content_index": 0,
            "id": "seg_012",
            "start": 61.234,
            "end": 62.0,
            "text": "Ever tried.",
            "speaker": "B",
        },
    ),
    (
        live_openai.failed("item_1", OverloadedError("Too much."), "server_error"),
        {
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": "item_1",
            "content_index": 0,
            "error": {
                "type": "server_error",
                "code": "server_overloaded",
                "message": "Too much.",
                "param": None,
            },
        },
    ),
    (
        live_openai.failure(ERROR, KIND, "mine_1"),
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "code": "unknown_parameter",
                "message": "session.x: no.",
                "param": "session.x",
                "event_id": "mine_1",
            },
        },
    ),
]


@pytest.mark.parametrize(("event", "wanted"), GOLDEN, ids=lambda event: event["type"])
def test_an_event_is_written_as_the_official_client_reads_it(
    event: JsonObject, wanted: dict[str, Any]
) -> None:
    assert event == wanted
    checked(live_openai.stamped(event, "event_1"))


def test_an_id_stands_behind_the_type() -> None:
    stamped = live_openai.stamped(live_openai.buffer_cleared(), "event_1")
    assert list(stamped.items()) == [
        ("type", "input_audio_buffer.cleared"),
        ("event_id", "event_1"),
    ]


@pytest.mark.parametrize("previous_id", [None, "item_1"])
def test_a_committed_item_is_shown_behind_the_one_before(previous_id: str | None) -> None:
    committed, added, done = live_openai.committed("item_2", previous_id)
    item = {
        "id": "item_2",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    place = {"previous_item_id": previous_id}
    assert committed == {"type": "input_audio_buffer.committed", "item_id": "item_2", **place}
    assert added == {"type": "conversation.item.added", "item": item, **place}
    assert done == {"type": "conversation.item.done", "item": item, **place}
    for event in (committed, added, done):
        checked(live_openai.stamped(event, "event_1"))


def test_a_transcript_states_seconds_or_tokens() -> None:
    transcript = final(1, "Ever tried.", duration_s=1.2).transcript
    by_time = live_openai.completed("item_1", transcript, UsageForm.DURATION, logprobs=False)
    assert by_time == {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_1",
        "content_index": 0,
        "transcript": "Ever tried.",
        "languages": [{"code": "en"}],
        "usage": {"type": "duration", "seconds": 2},
    }
    checked(live_openai.stamped(by_time, "event_1"))
    by_token = live_openai.completed("item_1", transcript, UsageForm.TOKENS, logprobs=False)
    assert by_token["usage"] == {
        "type": "tokens",
        "input_tokens": 20,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 20},
        "output_tokens": 2,
        "total_tokens": 22,
    }
    checked(live_openai.stamped(by_token, "event_1"))


def test_tokens_come_with_their_probabilities_if_they_are_wanted() -> None:
    transcript = final(1, "Ever tried.").transcript
    event = live_openai.completed("item_1", transcript, UsageForm.DURATION, logprobs=True)
    assert event["logprobs"] == [
        {"token": " Ever", "logprob": -0.25, "bytes": [32, 69, 118, 101, 114]},
        {"token": " tried.", "logprob": -0.25, "bytes": [32, 116, 114, 105, 101, 100, 46]},
    ]
    checked(live_openai.stamped(event, "event_1"))


def test_silence_has_a_transcript_without_text_and_language() -> None:
    transcript = final(1, "", language=None).transcript
    event = live_openai.completed("item_1", transcript, UsageForm.DURATION, logprobs=True)
    assert (event["transcript"], event["languages"], event["logprobs"]) == ("", [], [])
    checked(live_openai.stamped(event, "event_1"))


def test_no_time_is_negative() -> None:
    assert live_openai.speech_started("item_1", -0.1)["audio_start_ms"] == 0
