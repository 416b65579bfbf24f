"""What a transcription session does with garbage: it says what is wrong, and goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from loquent.api.app import ApiOptions
from loquent.api.live.openai_events import MAX_AUDIO_BYTES
from loquent.domain.errors import EngineError
from tests.fakes.scripted_live import ScriptedTranscriber
from tests.wire.conftest import KEY
from tests.wire.realtime import ADDRESS, RealtimeServer, realtime_server

APPEND = "input_audio_buffer.append"


@pytest.fixture(scope="module")
def server() -> Iterator[RealtimeServer]:
    with realtime_server(ScriptedTranscriber(), ApiOptions(api_key=KEY)) as server:
        yield server


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ("null", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        (b"\x00\x01", "invalid_json"),
        (b"", "invalid_json"),
        ("{}", "missing_required_parameter"),
        ('{"type": 1}', "missing_required_parameter"),
        ('{"type": "input_audio_buffer.clear", "event_id": 1}', "invalid_value"),
    ],
)
def test_a_frame_that_is_no_event(server: RealtimeServer, message: str | bytes, code: str) -> None:
    with server.open() as caller:
        caller.send_raw(message)
        error = caller.error()
        assert error["type"] == "invalid_request_error"
        assert error["code"] == code
        assert error["event_id"] is None
        caller.update()


@pytest.mark.parametrize(
    ("kind", "fields", "code", "param"),
    [
        ("response.create", {}, "unsupported_value", "type"),
        ("conversation.item.create", {"item": {}}, "unsupported_value", "type"),
        ("x" * 100_000, {}, "unsupported_value", "type"),
        ("\ud800", {}, "unsupported_value", "type"),
        ("session.update", {}, "missing_required_parameter", "session"),
        ("session.update", {"session": None}, "invalid_value", "session"),
        ("session.update", {"session": {"voice": "alloy"}}, "unknown_parameter", "session.voice"),
        ("session.update", {"session": {"type": "realtime"}}, "unsupported_value", "session.type"),
        (APPEND, {}, "missing_required_parameter", "audio"),
        (APPEND, {"audio": None}, "invalid_audio", "audio"),
        (APPEND, {"audio": [1, 2]}, "invalid_audio", "audio"),
        (APPEND, {"audio": "AAA"}, "invalid_audio", "audio"),
        (APPEND, {"audio": "AA*A"}, "invalid_audio", "audio"),
        (APPEND, {"audio": "Ünï="}, "invalid_audio", "audio"),
        (APPEND, {"audio": "AAAA", "rate": 1}, "unknown_parameter", "rate"),
        ("input_audio_buffer.commit", {"item": 1}, "unknown_parameter", "item"),
    ],
)
def test_an_event_that_cannot_be_done(
    server: RealtimeServer, kind: str, fields: dict[str, Any], code: str, param: str
) -> None:
    with server.open() as caller:
        caller.send(kind, event_id="mine_7", **fields)
        error = caller.error()
        assert (error["code"], error["param"]) == (code, param)
        assert error["event_id"] == "mine_7"
        assert len(error["message"]) < 400
        caller.update()


def test_the_old_update_is_answered_with_the_new_one(server: RealtimeServer) -> None:
    with server.open() as caller:
        caller.send("transcription_session.update", session={"input_audio_format": "pcm16"})
        message = caller.error()["message"]
        hint = message[message.index("{") : message.rindex("}") + 1]
        caller.send("session.update", session=json.loads(hint))
        caller.expect("session.updated")


def test_a_session_that_answers_is_refused_naming_what_there_is(server: RealtimeServer) -> None:
    with server.open() as caller:
        caller.send("session.update", session={"type": "realtime", "instructions": "Sing."})
        assert "'transcription'" in caller.error()["message"]


def test_sound_may_be_as_long_as_an_event_may_be(server: RealtimeServer) -> None:
    with server.open() as caller:
        caller.send(APPEND, audio="A" * MAX_AUDIO_BYTES)
        caller.send(APPEND, audio="A" * (MAX_AUDIO_BYTES + 4))
        assert caller.error()["code"] == "payload_too_large"
    assert server.live.session.n_bytes == MAX_AUDIO_BYTES * 3 // 4


def test_sound_may_be_cut_anywhere(server: RealtimeServer) -> None:
    with server.open() as caller:
        for audio in ("", "AA==", "AAAA"):
            caller.send(APPEND, audio=audio)
        caller.update()
    assert server.live.session.n_bytes == 4


def test_every_error_has_an_id_of_its_own(server: RealtimeServer) -> None:
    with server.open() as caller:
        for _ in range(50):
            caller.send_raw("{")
        for _ in range(50):
            caller.error()
        assert len(caller.ids) == 51


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (EngineError("The model failed."), "engine_error: The model failed."),
        (ValueError("canary"), "internal_error: The server failed"),
    ],
)
def test_a_session_that_breaks_closes_its_socket(failure: Exception, reason: str) -> None:
    with (
        realtime_server(ScriptedTranscriber(), ApiOptions()) as server,
        server.open(f"{ADDRESS}&model=whisper-1") as caller,
    ):
        server.loop.call_soon_threadsafe(server.live.session.fail, failure)
        code, text = caller.closing()
    assert code == 1011
    assert text.startswith(reason)
    assert "canary" not in text


def test_a_caller_that_says_nothing_is_let_go() -> None:
    options = ApiOptions(live_idle_s=0.05)
    with realtime_server(ScriptedTranscriber(), options) as server, server.open() as caller:
        assert caller.closing() == (3008, "idle: nothing was sent for 0.05 s")
