"""Who speaks, live: both dialects tell it if they are asked, and nothing of it if they are not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
from openai.types.realtime import (
    ConversationItemInputAudioTranscriptionSegment as OfficialSegment,
)

from loquent.api.app import ApiOptions
from loquent.domain.errors import ModelNotFoundError
from loquent.domain.live import Final, Partial
from loquent.domain.transcript import Word
from tests.fakes.scripted_live import Script, ScriptedTranscriber, final, started, stopped
from tests.wire.conftest import KEY
from tests.wire.realtime import ADDRESS, RealtimeServer, Socket, realtime_server, sound

A15T = "/v1/audio/transcriptions-realtime?model="
DONE = '{"done": true}'
SEGMENT = "conversation.item.input_audio_transcription.segment"
COMPLETED = "conversation.item.input_audio_transcription.completed"
DIARIZING = "gpt-4o-transcribe-diarize"
DIALOGUE: Script = (
    [started(1, 0.0), stopped(1, 1.2), final(1, "Ever tried.", speaker="A")],
    [started(2, 1.3), stopped(2, 2.0), final(2, "Ever failed.", speaker="B")],
    [started(3, 2.0), stopped(3, 2.4), final(3, "Hm.")],
)


@pytest.fixture(scope="module")
def server() -> Iterator[RealtimeServer]:
    with realtime_server(ScriptedTranscriber(), ApiOptions(api_key=KEY)) as server:
        yield server


def spoken(number: int, words: str, speaker: str | None, start_s: float, end_s: float) -> Final:
    """Return a final with words that carry who says them."""
    plain = final(number, words, speaker=speaker)
    timed = tuple(Word(word, start_s, end_s, 0.5, speaker) for word in words.split())
    segments = tuple(replace(s, words=timed) for s in plain.transcript.segments)
    transcript = replace(plain.transcript, segments=segments)
    return replace(plain, start_s=start_s, end_s=end_s, transcript=transcript)


def frame(caller: Socket) -> dict[str, Any]:
    raw = caller.connection.recv(timeout=10)
    assert isinstance(raw, str)
    found: dict[str, Any] = json.loads(raw)
    return found


# A15T


@pytest.mark.parametrize(
    ("model", "wishes"),
    [("whisper-1", {"diarise": True}), ("whisper-1", {"diarize": True}), (DIARIZING, {})],
    ids=str,
)
def test_finals_say_who_speaks(server: RealtimeServer, model: str, wishes: dict[str, bool]) -> None:
    server.live.script = (
        (Partial(1, 0.0, 0.5, "ever", (Word("ever", 0.0, 0.5, 0.5),)),),
        (spoken(1, "Ever tried.", "A", 0.0, 1.0),),
        (spoken(2, "Hm.", None, 1.0, 1.5),),
    )
    with server.knock(A15T + model) as caller:
        caller.send_raw(json.dumps({"sample_rate": 16000, **wishes}))
        frames = []
        for _ in server.live.script:
            caller.send_raw(bytes(320))
            frames.append(frame(caller))
        assert server.live.request.speakers
    partial, known, unknown = frames
    assert "speaker" not in partial
    assert known["speaker"] == "A"
    assert [word["speaker"] for word in known["words"]] == ["A", "A"]
    assert unknown["speaker"] is None
    assert set(unknown["words"][0]) == {"start", "end", "confidence", "text"}


@pytest.mark.parametrize("wishes", [{}, {"diarise": False}, {"diarise": None}], ids=str)
def test_finals_say_nothing_of_it_unasked(server: RealtimeServer, wishes: dict[str, Any]) -> None:
    server.live.script = ((spoken(1, "Ever tried.", None, 0.0, 1.0),),)
    with server.knock(A15T + "whisper-1") as caller:
        caller.send_raw(json.dumps({"sample_rate": 16000, **wishes}))
        caller.send_raw(bytes(320))
        found = frame(caller)
        caller.send_raw(DONE)
        last = frame(caller)
        assert not server.live.request.speakers
    assert "speaker" not in found
    assert "speaker" not in last
    assert {key for word in [*found["words"], *last["words"]] for key in word} == {
        "start", "end", "confidence", "text",
    }  # fmt: skip


def test_the_last_final_is_of_who_says_most_of_it(server: RealtimeServer) -> None:
    server.live.script = ()
    with server.knock(A15T + "whisper-1") as caller:
        caller.send_raw('{"sample_rate": 16000, "diarise": true}')
        caller.send_raw(bytes(32_000))
        caller.send_raw(DONE)
        last = frame(caller)
        assert caller.closing()[0] == 1000
    assert (last["text"], last["speaker"]) == ("hello there", "A")


def test_where_nothing_is_left_nobody_speaks(server: RealtimeServer) -> None:
    with server.knock(A15T + "whisper-1") as caller:
        caller.send_raw('{"sample_rate": 16000, "diarise": true}')
        caller.send_raw(DONE)
        last = frame(caller)
    assert (last["text"], last["speaker"]) == ("", None)


def test_what_is_neither_yes_nor_no_is_refused(server: RealtimeServer) -> None:
    with server.knock(A15T + "whisper-1") as caller:
        caller.send_raw('{"sample_rate": 16000, "diarise": "perhaps"}')
        code, reason = caller.closing()
    assert code == 1008
    assert "diarise: " in reason


# OpenAI


def said(caller: Socket) -> list[dict[str, Any]]:
    """Send sound for the whole dialogue; return the events that say who said what."""
    for _ in DIALOGUE:
        caller.append()
    events = [event for _ in DIALOGUE for event in caller.until(COMPLETED)]
    return [event for event in events if event["type"] in {SEGMENT, COMPLETED}]


def test_each_part_of_an_item_has_a_speaker(server: RealtimeServer) -> None:
    server.live.script = DIALOGUE
    with server.open() as caller:
        caller.update_input(transcription={"diarise": True})
        events = said(caller)
        assert server.live.request.speakers
    assert [event["type"] for event in events] == [SEGMENT, COMPLETED] * 3
    parts, wholes = events[::2], events[1::2]
    assert [(part["id"], part["speaker"], part["text"]) for part in parts] == [
        ("seg_001", "A", "Ever tried."),
        ("seg_002", "B", "Ever failed."),
        ("seg_003", "", "Hm."),
    ]
    assert [part["item_id"] for part in parts] == [whole["item_id"] for whole in wholes]
    assert [whole["speaker"] for whole in wholes] == ["A", "B", None]


def test_an_item_has_no_speaker_unasked(server: RealtimeServer) -> None:
    server.live.script = DIALOGUE
    with server.open(f"{ADDRESS}&model=gpt-4o-transcribe") as caller:
        events = said(caller)
        assert not server.live.request.speakers
    assert [event["type"] for event in events] == [COMPLETED] * 3
    assert not any("speaker" in event for event in events)


def test_speakers_may_be_asked_for_on_the_way(server: RealtimeServer) -> None:
    server.live.script = ()
    with server.open() as caller:
        caller.append()
        caller.commit()
        assert "speaker" not in caller.until(COMPLETED)[-1]
        caller.update_input(transcription={"diarize": True})
        caller.append()
        caller.commit()
        events = caller.until(COMPLETED)
    assert [request.speakers for request in server.live.session.requests] == [False, True]
    assert events[-2]["speaker"] == events[-1]["speaker"] == "B"


def test_where_speakers_cannot_be_told_the_session_stays_as_it_was(server: RealtimeServer) -> None:
    server.live.script = DIALOGUE
    with server.open(f"{ADDRESS}&model=whisper-1") as caller:
        server.live.session.refusal = ModelNotFoundError("Install it.", param="model")
        wishes = {"audio": {"input": {"transcription": {"diarise": True}}}}
        caller.send("session.update", session=wishes)
        assert caller.error()["code"] == "model_not_found"
        server.live.session.refusal = None
        assert "speaker" not in said(caller)[-1]


async def test_the_official_client_reads_who_speaks(server: RealtimeServer) -> None:
    server.live.script = DIALOGUE
    heard: list[OfficialSegment] = []
    async with (
        openai.AsyncOpenAI(base_url=server.base_url, api_key=KEY) as client,
        client.realtime.connect(extra_query={"intent": "transcription"}) as connection,
    ):
        await connection.session.update(
            session={
                "type": "transcription",
                "audio": {"input": {"transcription": {"model": DIARIZING}}},
            }
        )
        for _ in DIALOGUE:
            await connection.input_audio_buffer.append(audio=sound(0.5))
        async for event in connection:
            if event.type == SEGMENT:
                assert isinstance(event, OfficialSegment)
                heard.append(event)
            if event.type == COMPLETED and len(heard) == len(DIALOGUE):
                break
    assert [(part.speaker, part.text) for part in heard] == [
        ("A", "Ever tried."),
        ("B", "Ever failed."),
        ("", "Hm."),
    ]
    assert all(0.0 <= part.start < part.end for part in heard)
