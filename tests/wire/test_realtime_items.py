"""From sound to transcripts over the wire: which events come, in which order, with what in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from loquent.api.app import ApiOptions
from loquent.domain.errors import EngineError
from tests.fakes.scripted_live import (
    Script,
    ScriptedTranscriber,
    final,
    guessed,
    settled,
    started,
    stopped,
)
from tests.wire.conftest import KEY
from tests.wire.realtime import ADDRESS, Event, RealtimeServer, Socket, realtime_server

COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"
DELTA = "conversation.item.input_audio_transcription.delta"
COMMITTED = "input_audio_buffer.committed"

TWO_UTTERANCES: Script = (
    [started(1, 0.2), guessed(1, "Ever"), settled(1, " Ever")],
    [guessed(1, "Ever tried"), stopped(1, 1.4), started(2, 1.5)],
    [settled(1, " tried."), final(1, "Ever tried."), settled(2, " Ever failed.")],
    [stopped(2, 1.9), final(2, "Ever failed.", duration_s=0.4)],
)


@pytest.fixture(scope="module")
def server() -> Iterator[RealtimeServer]:
    with realtime_server(ScriptedTranscriber(), ApiOptions(api_key=KEY)) as server:
        yield server


@contextmanager
def following(server: RealtimeServer, script: Script = (), path: str = ADDRESS) -> Iterator[Socket]:
    server.live.script = script
    with server.open(path) as caller:
        yield caller


def spoken(caller: Socket, script: Script, n_items: int) -> list[Event]:
    """Send sound for every line of `script`; return the events of so many items."""
    for _ in script:
        caller.append()
    return [event for _ in range(n_items) for event in caller.until(COMPLETED)]


def test_the_golden_conversation(server: RealtimeServer) -> None:
    with following(server, TWO_UTTERANCES) as caller:
        text = json.dumps(spoken(caller, TWO_UTTERANCES, 2))
    first, second = dict.fromkeys(
        event.get("item_id") or event["item"]["id"] for event in json.loads(text)
    )
    events = json.loads(text.replace(first, "item_1").replace(second, "item_2"))
    place1, place2 = {"previous_item_id": None}, {"previous_item_id": "item_1"}
    content = [{"type": "input_audio", "transcript": None}]
    message = {"object": "realtime.item", "type": "message", "status": "completed", "role": "user"}
    item1 = {"id": "item_1", **message, "content": content}
    item2 = {"id": "item_2", **message, "content": content}
    part1, part2 = ({"item_id": name, "content_index": 0} for name in ("item_1", "item_2"))
    english = {"languages": [{"code": "en"}]}
    seconds = [{"usage": {"type": "duration", "seconds": n}} for n in (2, 1)]
    began = "input_audio_buffer.speech_started"
    ended = "input_audio_buffer.speech_stopped"
    assert events == [
        {"type": began, "audio_start_ms": 200, "item_id": "item_1"},
        {"type": DELTA, **part1, "delta": "Ever"},
        {"type": ended, "audio_end_ms": 1400, "item_id": "item_1"},
        {"type": COMMITTED, **place1, "item_id": "item_1"},
        {"type": "conversation.item.added", **place1, "item": item1},
        {"type": "conversation.item.done", **place1, "item": item1},
        {"type": began, "audio_start_ms": 1500, "item_id": "item_2"},
        {"type": DELTA, **part1, "delta": " tried."},
        {"type": COMPLETED, **part1, "transcript": "Ever tried.", **english, **seconds[0]},
        {"type": DELTA, **part2, "delta": "Ever failed."},
        {"type": ended, "audio_end_ms": 1900, "item_id": "item_2"},
        {"type": COMMITTED, **place2, "item_id": "item_2"},
        {"type": "conversation.item.added", **place2, "item": item2},
        {"type": "conversation.item.done", **place2, "item": item2},
        {"type": COMPLETED, **part2, "transcript": "Ever failed.", **english, **seconds[1]},
    ]


def test_deltas_joined_are_the_transcript(server: RealtimeServer) -> None:
    with following(server, TWO_UTTERANCES) as caller:
        events = spoken(caller, TWO_UTTERANCES, 2)
    for completed in (event for event in events if event["type"] == COMPLETED):
        own = [e for e in events if e["type"] == DELTA and e["item_id"] == completed["item_id"]]
        assert "".join(event["delta"] for event in own) == completed["transcript"]


def test_by_hand_there_is_no_word_of_silence(server: RealtimeServer) -> None:
    with following(server) as caller:
        caller.update_input(turn_detection=None)
        previous_id = None
        for _ in range(2):
            caller.append(0.3)
            caller.append(0.3)
            caller.commit()
            events = caller.until(COMPLETED)
            kinds = [event["type"] for event in events if event["type"] != DELTA]
            assert kinds == [
                COMMITTED, "conversation.item.added", "conversation.item.done", COMPLETED,
            ]  # fmt: skip
            committed = next(event for event in events if event["type"] == COMMITTED)
            assert committed["previous_item_id"] == previous_id
            assert events[-1]["transcript"] == "hello there"
            previous_id = committed["item_id"]


def test_an_utterance_may_be_committed_before_its_silence(server: RealtimeServer) -> None:
    with following(server) as caller:
        caller.append()
        caller.commit()
        events = caller.until(COMPLETED)
    assert events[0]["type"] == "input_audio_buffer.speech_started"


@pytest.mark.parametrize("is_opened", [True, False])
def test_nothing_cannot_be_committed(server: RealtimeServer, *, is_opened: bool) -> None:
    with following(server, path=f"{ADDRESS}&model=whisper-1" if is_opened else ADDRESS) as caller:
        caller.send("input_audio_buffer.commit", event_id="mine")
        error = caller.error()
    assert error["code"] == "input_audio_buffer_commit_empty"
    assert error["event_id"] == "mine"
    assert "buffer only has 0.00ms" in error["message"]


def test_too_little_cannot_be_committed_but_is_kept(server: RealtimeServer) -> None:
    with following(server) as caller:
        caller.append(0.06)
        caller.commit()
        assert "buffer only has 60.00ms" in caller.error()["message"]
        caller.append(0.06)
        caller.commit()
        assert caller.until(COMPLETED)[-1]["usage"] == {"type": "duration", "seconds": 1}


def test_what_was_committed_or_cleared_is_not_committed_again(server: RealtimeServer) -> None:
    with following(server) as caller:
        caller.append()
        caller.commit()
        caller.until(COMPLETED)
        caller.commit()
        assert caller.error()["code"] == "input_audio_buffer_commit_empty"
        caller.append()
        caller.send("input_audio_buffer.clear")
        caller.expect("input_audio_buffer.cleared")
        caller.commit()
        assert caller.error()["code"] == "input_audio_buffer_commit_empty"


def test_what_silence_has_ended_is_not_committed_again(server: RealtimeServer) -> None:
    script: Script = [[], [started(1, 0.1), stopped(1, 0.95), final(1, "Yes.")]]
    with following(server, script) as caller:
        spoken(caller, script, 1)
        caller.commit()
        assert "buffer only has 50.00ms" in caller.error()["message"]


def test_clearing_nothing_is_no_fault(server: RealtimeServer) -> None:
    with following(server) as caller:
        caller.send("input_audio_buffer.clear")
        caller.expect("input_audio_buffer.cleared")


@pytest.mark.parametrize(("model", "form"), [("whisper-1", "duration"), ("gpt-4o-x", "tokens")])
def test_consumption_is_stated_as_the_model_named_would(
    server: RealtimeServer, model: str, form: str
) -> None:
    with following(server, path=f"{ADDRESS}&model={model}") as caller:
        caller.append()
        caller.commit()
        assert caller.until(COMPLETED)[-1]["usage"]["type"] == form


def test_probabilities_come_if_they_are_wanted(server: RealtimeServer) -> None:
    with following(server) as caller:
        caller.append()
        caller.commit()
        assert "logprobs" not in caller.until(COMPLETED)[-1]
        caller.update(include=["item.input_audio_transcription.logprobs"])
        caller.append()
        caller.commit()
        logprobs = caller.until(COMPLETED)[-1]["logprobs"]
    assert [entry["token"] for entry in logprobs] == [" hello", " there"]


def test_an_utterance_that_fails_is_told_and_the_next_one_follows(server: RealtimeServer) -> None:
    broken = final(1, "Ever", error=EngineError("The model failed."))
    script: Script = [
        [started(1, 0.0), stopped(1, 0.5), broken],
        [started(2, 0.5), stopped(2, 1.0), final(2, "Ever failed.")],
    ]
    with following(server, script) as caller:
        caller.append()
        failed = caller.until(FAILED)[-1]
        caller.append()
        completed = caller.until(COMPLETED)[-1]
    assert failed["error"] == {
        "type": "server_error", "code": "engine_error", "message": "The model failed.",
        "param": None,
    }  # fmt: skip
    assert completed["transcript"] == "Ever failed."


def test_silence_is_completed_without_text(server: RealtimeServer) -> None:
    silence: Script = [[started(1, 0.0), stopped(1, 0.5), final(1, "", language=None)]]
    with following(server, silence) as caller:
        completed = spoken(caller, silence, 1)[-1]
    assert completed["transcript"] == ""
    assert completed["languages"] == []
