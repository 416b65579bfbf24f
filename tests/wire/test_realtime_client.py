"""The official clients, and sockets that end: by the caller, by the server, by nobody's wish."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.realtime import RealtimeServerEvent

from loquent.api.app import ApiOptions
from tests.fakes.scripted_live import ScriptedTranscriber, settled, started
from tests.wire.conftest import KEY
from tests.wire.realtime import ADDRESS, TIMEOUT_S, RealtimeServer, realtime_server, sound

COMPLETED = "conversation.item.input_audio_transcription.completed"


@pytest.fixture
def server() -> Iterator[RealtimeServer]:
    with realtime_server(ScriptedTranscriber(), ApiOptions(api_key=KEY)) as server:
        yield server


@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
def test_the_official_client_follows(server: RealtimeServer) -> None:
    client = openai.OpenAI(base_url=server.base_url, api_key=KEY)
    events: list[RealtimeServerEvent] = []
    with client, client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24_000},
                        "transcription": {"model": "gpt-4o-transcribe", "language": "en"},
                        "turn_detection": None,
                    }
                },
            }
        )
        connection.input_audio_buffer.append(audio=sound(0.5))
        connection.input_audio_buffer.commit()
        for event in connection:
            events.append(event)
            if event.type == COMPLETED:
                break
        connection.input_audio_buffer.clear()
        assert connection.recv().type == "input_audio_buffer.cleared"
    assert [event.type for event in events] == [
        "session.updated",
        "conversation.item.input_audio_transcription.delta",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        COMPLETED,
    ]
    last: Any = events[-1]
    assert last.transcript == "hello there"
    assert last.usage.type == "tokens"


async def test_the_official_asynchronous_client_follows(server: RealtimeServer) -> None:
    client = openai.AsyncOpenAI(base_url=server.base_url, api_key=KEY)
    deltas: list[str | None] = []
    async with (
        client,
        client.realtime.connect(extra_query={"intent": "transcription"}) as connection,
    ):
        await connection.input_audio_buffer.append(audio=sound(0.5))
        await connection.input_audio_buffer.commit()
        async for event in connection:
            if event.type == "conversation.item.input_audio_transcription.delta":
                deltas.append(event.delta)
            if event.type == "conversation.item.input_audio_transcription.completed":
                assert event.transcript == "".join(map(str, deltas)) == "hello there"
                assert event.usage.type == "duration"
                break
    assert deltas == ["hello", " there"]


async def test_the_official_client_may_send_sound_at_another_rate(server: RealtimeServer) -> None:
    client = openai.AsyncOpenAI(base_url=server.base_url, api_key=KEY)
    form: Any = {"type": "audio/pcm", "rate": 16_000}
    async with client, client.realtime.connect() as connection:
        await connection.recv()
        await connection.session.update(
            session={"type": "transcription", "audio": {"input": {"format": form}}}
        )
        event: Any = await connection.recv()
    assert event.type == "session.updated"
    assert event.session.audio.input.format.rate == 16_000


async def test_the_official_client_comes_with_a_secret(server: RealtimeServer) -> None:
    async with openai.AsyncOpenAI(base_url=server.base_url, api_key=KEY) as client:
        made = await client.realtime.client_secrets.create(
            session={
                "type": "transcription",
                "audio": {"input": {"transcription": {"model": "whisper-1"}}},
            }
        )
    async with (
        openai.AsyncOpenAI(base_url=server.base_url, api_key=made.value) as guest,
        guest.realtime.connect(model="whisper-1") as connection,
    ):
        assert (await connection.recv()).type == "session.created"


def test_all_is_freed_when_the_caller_leaves(server: RealtimeServer) -> None:
    with server.open() as caller:
        caller.append()
        caller.update()
    assert server.live.closed.wait(TIMEOUT_S)
    assert not server.live.session.is_finished  # nobody would read it


def test_all_is_freed_when_the_connection_breaks(server: RealtimeServer) -> None:
    with server.open() as caller:
        caller.append()
        caller.update()
        caller.connection.socket.close()
        assert server.live.closed.wait(TIMEOUT_S)


@pytest.mark.parametrize("path", [ADDRESS, f"{ADDRESS}&model=whisper-1"])
def test_a_server_that_ends_says_so(server: RealtimeServer, path: str) -> None:
    with server.open(path) as caller:
        server.drain()
        assert caller.closing() == (
            1012,
            "shutting_down: The server restarts. Connect again.",
        )


def test_a_server_that_ends_completes_what_was_heard(server: RealtimeServer) -> None:
    with server.open() as caller:
        caller.append()
        caller.update()
        draining = threading.Thread(target=server.drain)
        draining.start()
        events = caller.until(COMPLETED)
        assert caller.closing()[0] == 1012
        draining.join()
    assert events[-1]["transcript"] == "hello there"
    assert server.live.session.is_closed


def test_sessions_do_not_hear_each_other(server: RealtimeServer) -> None:
    with server.open() as one, server.open() as other:
        one.append()
        one.update()
        other.commit()
        assert other.error()["code"] == "input_audio_buffer_commit_empty"
        other.append()
        other.commit()
        ids = {event.get("item_id") for event in other.until(COMPLETED)}
        one.commit()
        assert not ids & {e["item_id"] for e in one.until(COMPLETED) if "item_id" in e}


def test_what_is_found_out_is_told_while_sound_comes_in(server: RealtimeServer) -> None:
    server.live.script = [[started(1, 0.0)], [settled(1, " Ever")]]
    with server.open() as caller:
        caller.append()
        caller.expect("input_audio_buffer.speech_started")
        caller.append()
        delta = caller.expect("conversation.item.input_audio_transcription.delta")
        assert delta["delta"] == "Ever"
