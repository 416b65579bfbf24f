"""Transcription sessions over the wire: how they begin, change, and what the core is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loquent.api.app import ApiOptions
from loquent.domain.errors import (
    InvalidAudioError,
    ModelNotFoundError,
    OverloadedError,
    UnsupportedOptionError,
)
from loquent.domain.live import LiveRequest, SoundEncoding, SoundFormat
from tests.fakes.scripted_live import ScriptedTranscriber
from tests.wire.conftest import KEY
from tests.wire.realtime import ADDRESS, RealtimeServer, realtime_server

UNKNOWN = "nothing-of-the-kind"
BUSY = "busy"
ENGLISH = "whisper-tiny.en"

REFUSALS = {
    UNKNOWN: ModelNotFoundError(f"There is no model '{UNKNOWN}'.", param="model"),
    BUSY: OverloadedError("The server already follows 2 live sessions."),
    ENGLISH: UnsupportedOptionError("It knows en.", param="language"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[RealtimeServer]:
    live = ScriptedTranscriber(refusals=REFUSALS)
    with realtime_server(live, ApiOptions(api_key=KEY, default_model="whisper-base")) as server:
        yield server


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
@pytest.mark.parametrize("query", ["", "?intent=transcription"])
def test_a_session_is_shown_as_soon_as_it_exists(
    server: RealtimeServer, prefix: str, query: str
) -> None:
    with server.knock(f"{prefix}/realtime{query}") as caller:
        session = caller.expect("session.created")["session"]
    assert session["id"].startswith("sess_")
    assert session["object"] == "realtime.transcription_session"
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["audio"]["input"]["transcription"]["model"] == "whisper-base"


def test_the_default_model_is_opened_with_the_first_sound(server: RealtimeServer) -> None:
    n_opened = len(server.live.opened)
    with server.open() as caller:
        caller.update_input(format={"type": "audio/pcmu"}, transcription={"language": "de"})
        assert len(server.live.opened) == n_opened
        caller.append()
        caller.commit()
        caller.until("conversation.item.input_audio_transcription.completed")
    assert server.live.session.requests == [
        LiveRequest("whisper-base", SoundFormat(8_000, SoundEncoding.PCM_MULAW), language="de")
    ]


def test_a_model_in_the_address_is_opened_at_once(server: RealtimeServer) -> None:
    n_opened = len(server.live.opened)
    with server.knock(f"{ADDRESS}&model=whisper-1") as caller:
        session = caller.expect("session.created")["session"]
        assert session["audio"]["input"]["transcription"]["model"] == "whisper-1"
        assert len(server.live.opened) == n_opened + 1
        caller.update_input(format={"type": "audio/pcma"})
    rates_hz = [request.sound.sample_rate_hz for request in server.live.session.requests]
    assert rates_hz == [24_000, 8_000]


@pytest.mark.parametrize(
    ("path", "code", "reason"),
    [
        (f"{ADDRESS}&model={UNKNOWN}", 1008, "model_not_found: There is no model"),
        (f"{ADDRESS}&model={BUSY}", 1013, "server_overloaded: The server already"),
        ("/v1/realtime?intent=translation", 1008, "unsupported_value: ?intent= may only be"),
        (f"{ADDRESS}&model={'x' * 300}", 1008, "invalid_value: session.audio.input.transcription"),
    ],
)
def test_a_refusal_is_a_close_with_a_reason(
    server: RealtimeServer, path: str, code: int, reason: str
) -> None:
    with server.knock(path) as caller:
        closed = caller.closing()
    assert closed[0] == code
    assert closed[1].startswith(reason)


def test_a_model_may_be_named_later_and_named_again_if_it_is_refused(
    server: RealtimeServer,
) -> None:
    with server.open() as caller:
        wishes = {"audio": {"input": {"transcription": {"model": UNKNOWN}}}}
        caller.send("session.update", session=wishes, event_id="mine")
        error = caller.error()
        assert error["code"] == "model_not_found"
        assert error["param"] == "session.audio.input.transcription.model"
        assert error["event_id"] == "mine"
        unchanged = caller.update()["audio"]["input"]["transcription"]["model"]
        assert unchanged == "whisper-base"
        named = caller.update_input(transcription={"model": "gpt-4o-transcribe"})
        assert named["transcription"]["model"] == "gpt-4o-transcribe"
    assert server.live.request.model == "gpt-4o-transcribe"


def test_a_language_that_the_model_does_not_know_is_named(server: RealtimeServer) -> None:
    with server.open() as caller:
        wishes = {"audio": {"input": {"transcription": {"model": ENGLISH, "language": "de"}}}}
        caller.send("session.update", session=wishes)
        assert caller.error()["param"] == "session.audio.input.transcription.language"


def test_an_overloaded_server_closes_when_the_model_is_named(server: RealtimeServer) -> None:
    with server.open() as caller:
        wishes = {"audio": {"input": {"transcription": {"model": BUSY}}}}
        caller.send("session.update", session=wishes)
        assert caller.closing()[0] == 1013


def test_the_core_is_told_of_every_change(server: RealtimeServer) -> None:
    with server.open() as caller:
        caller.update_input(transcription={"model": "whisper-1"})
        caller.update(
            audio={
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24_000},
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {
                        "model": "whisper-1",
                        "prompt": "Dear all,",
                        "keywords": ["Loquent", "Silero"],
                        "languages": ["en"],
                        "delay": "high",
                    },
                    "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
                }
            },
            include=["item.input_audio_transcription.logprobs"],
        )
        caller.update_input(turn_detection=None)
    request = server.live.request
    assert (request.prompt, request.hotwords) == ("Dear all,", "Loquent, Silero")
    assert (request.language, request.interim_s) == ("en", 2.0)
    assert request.token_scores
    assert [r.ends_by_silence for r in server.live.session.requests] == [True, True, False]
    assert server.live.session.requests[1].detection.silence_duration_ms == 300


def test_an_open_session_keeps_its_model(server: RealtimeServer) -> None:
    with server.open() as caller:
        caller.update_input(transcription={"model": "whisper-1"})
        wishes = {"audio": {"input": {"transcription": {"model": "whisper-large-v3"}}}}
        caller.send("session.update", session=wishes)
        error = caller.error()
        assert error["param"] == "session.audio.input.transcription.model"
        assert "whisper-1" in error["message"]
        caller.update_input(transcription={"model": "whisper-1", "prompt": "Dear all,"})


def test_sound_keeps_its_format(server: RealtimeServer) -> None:
    with server.open() as caller:
        caller.append()
        wishes = {"audio": {"input": {"format": {"type": "audio/pcma"}}}}
        caller.send("session.update", session=wishes)
        assert caller.error()["param"] == "session.audio.input.format"
        assert caller.update()["audio"]["input"]["format"]["type"] == "audio/pcm"


def test_a_change_that_is_wrong_in_part_changes_nothing(server: RealtimeServer) -> None:
    with server.open() as caller:
        wishes = {"audio": {"input": {"transcription": {"prompt": "Dear all,"}, "speed": 2}}}
        caller.send("session.update", session=wishes)
        assert caller.error()["param"] == "session.audio.input.speed"
        assert caller.update()["audio"]["input"]["transcription"]["prompt"] is None


def test_what_the_core_does_not_take_is_an_error_and_no_end(server: RealtimeServer) -> None:
    with server.open(f"{ADDRESS}&model=whisper-1") as caller:
        server.live.session.refusal = InvalidAudioError("Not like this.")
        caller.send("session.update", session={})
        assert caller.error()["code"] == "invalid_audio"
        caller.append()
        caller.send("input_audio_buffer.clear")
        caller.expect("input_audio_buffer.cleared")
