"""Updates of a session in, events of a conversation out."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from loquent.api.live.openai_items import Items, Telling
from loquent.domain.errors import EngineError
from loquent.domain.live import Final, LiveUpdate
from tests.fakes.scripted_live import final, guessed, settled, started, stopped

NAMES = {
    "input_audio_buffer.speech_started": "started",
    "input_audio_buffer.speech_stopped": "stopped",
    "input_audio_buffer.committed": "committed",
    "conversation.item.added": "added",
    "conversation.item.done": "done",
    "conversation.item.input_audio_transcription.delta": "delta",
    "conversation.item.input_audio_transcription.segment": "segment",
    "conversation.item.input_audio_transcription.completed": "completed",
    "conversation.item.input_audio_transcription.failed": "failed",
}


def make_items(**telling: Any) -> Items:
    numbers = count(1)
    return Items(Telling("whisper-1", **telling), lambda: f"item_{next(numbers)}")


def told(items: Items, *updates: LiveUpdate) -> list[dict[str, Any]]:
    return [dict(event) for update in updates for event in items.events(update)]


def names(events: list[dict[str, Any]]) -> list[str]:
    return [NAMES[event["type"]] for event in events]


def joined(events: list[dict[str, Any]]) -> str:
    return "".join(event.get("delta", "") for event in events)


def test_an_utterance_is_told_in_order() -> None:
    events = told(
        make_items(),
        started(1, 0.2),
        guessed(1, "Ever tried"),
        settled(1, " Ever"),
        guessed(1, "Ever tired"),
        stopped(1, 1.4),
        settled(1, " tried."),
        final(1, "Ever tried."),
    )
    assert names(events) == [
        "started", "delta", "stopped", "committed", "added", "done", "delta", "completed",
    ]  # fmt: skip
    ids = {event.get("item_id") or event["item"]["id"] for event in events}
    assert ids == {"item_1"}
    assert joined(events) == events[-1]["transcript"] == "Ever tried."


def test_items_form_a_chain() -> None:
    items = make_items()
    first = told(items, started(1, 0.0), stopped(1, 1.0))
    second = told(items, started(2, 1.5), stopped(2, 2.0), final(1, "One."), final(2, "Two."))
    assert [event["previous_item_id"] for event in first if "previous_item_id" in event] == [
        None
    ] * 3
    assert [event["previous_item_id"] for event in second if "previous_item_id" in event] == [
        "item_1"
    ] * 3
    assert [e["item_id"] for e in second if names([e]) == ["completed"]] == ["item_1", "item_2"]
    assert items.end_s == 2.0


def test_an_item_that_was_forgotten_is_no_link_of_the_chain() -> None:
    items = make_items()
    told(items, started(1, 0.0), stopped(1, 1.0), started(2, 1.5), settled(2, " Not this"))
    events = told(items, started(3, 3.0), stopped(3, 4.0), final(1, ""), final(3, "Three."))
    assert [e["previous_item_id"] for e in events if "previous_item_id" in e] == ["item_1"] * 3


def test_a_caller_that_commits_by_hand_is_not_told_of_speech() -> None:
    items = make_items(speech=False)
    events = told(items, started(1, 0.0), settled(1, " Yes."), stopped(1, 1.0), final(1, "Yes."))
    assert names(events) == ["delta", "committed", "added", "done", "completed"]


def test_an_utterance_whose_start_was_told_ends_audibly_too() -> None:
    items = make_items()
    told(items, started(1, 0.0))
    items.telling = Telling("whisper-1", speech=False)
    assert names(told(items, stopped(1, 1.0)))[0] == "stopped"


def test_a_final_says_what_was_not_told_yet() -> None:
    items = make_items()
    events = told(items, started(1, 0.0), stopped(1, 1.0), final(1, "Ever tried."))
    assert names(events)[-2:] == ["delta", "completed"]
    assert joined(events) == "Ever tried."


def test_a_final_that_contradicts_wins_without_another_delta() -> None:
    items = make_items()
    told(items, started(1, 0.0), settled(1, " Ever tired"), stopped(1, 1.0))
    events = told(items, final(1, "Ever tried."))
    assert names(events) == ["completed"]
    assert events[0]["transcript"] == "Ever tried."


def test_spaces_alone_are_no_delta() -> None:
    assert told(make_items(), started(1, 0.0), settled(1, " "))[1:] == []


def test_silence_is_completed_with_no_text() -> None:
    events = told(make_items(), started(1, 0.0), stopped(1, 1.0), final(1, ""))
    assert names(events)[-1] == "completed"
    assert events[-1]["transcript"] == ""


def test_what_failed_is_not_completed() -> None:
    failure = final(1, "Ever", error=EngineError("The model failed."))
    events = told(make_items(), started(1, 0.0), stopped(1, 1.0), failure)
    assert names(events)[-1] == "failed"
    assert events[-1]["error"]["type"] == "server_error"
    assert "completed" not in names(events)


@pytest.mark.parametrize(
    ("model", "form"), [("whisper-1", "duration"), ("gpt-4o-mini-transcribe", "tokens")]
)
def test_the_name_of_the_model_decides_what_is_counted(model: str, form: str) -> None:
    items = Items(Telling(model, logprobs=True), lambda: "item")
    event = told(items, started(1, 0.0), stopped(1, 1.0), final(1, "Yes."))[-1]
    assert event["usage"]["type"] == form
    assert event["logprobs"][0]["token"] == " Yes."


def dialogue(number: int) -> Final:
    """Return an utterance of which two people say a part each."""
    one = final(number, "Ever tried.", speaker="A")
    (said,) = one.transcript.segments
    answered = replace(said, id=1, start_s=1.2, end_s=1.9, text=" Ever failed.", speaker="B")
    both = replace(one.transcript, text="Ever tried. Ever failed.", segments=(said, answered))
    return replace(one, transcript=both)


def test_who_says_what_is_told_before_the_whole() -> None:
    items = make_items(speakers=True)
    events = told(items, started(1, 0.0), stopped(1, 2.0), dialogue(1))
    assert names(events)[-4:] == ["delta", "segment", "segment", "completed"]
    spoken = [(e["id"], e["start"], e["end"], e["speaker"], e["text"]) for e in events[-3:-1]]
    assert spoken == [
        ("seg_001", 0.0, 1.2, "A", "Ever tried."),
        ("seg_002", 1.2, 1.9, "B", "Ever failed."),
    ]
    assert events[-1]["speaker"] == "A"
    (again, _) = told(items, started(2, 2.0), stopped(2, 3.0), final(2, "No.", speaker="B"))[-2:]
    assert (again["id"], again["item_id"]) == ("seg_003", "item_2")


def test_who_speaks_is_told_only_where_that_is_asked_for() -> None:
    events = told(make_items(), started(1, 0.0), stopped(1, 2.0), dialogue(1))
    assert "segment" not in names(events)
    assert "speaker" not in events[-1]


def test_who_is_not_known_has_no_name() -> None:
    items = make_items(speakers=True)
    segment, completed = told(items, started(1, 0.0), stopped(1, 1.0), final(1, "Hm."))[-2:]
    assert (segment["speaker"], completed["speaker"]) == ("", None)


def test_of_what_failed_no_part_is_told() -> None:
    items = make_items(speakers=True)
    broken = replace(dialogue(1), error=EngineError("It failed."))
    assert names(told(items, started(1, 0.0), stopped(1, 1.0), broken))[-1:] == ["failed"]
    assert names(told(items, started(2, 1.0), stopped(2, 2.0), dialogue(2)))[-3:] == [
        "segment", "segment", "completed",
    ]  # fmt: skip
