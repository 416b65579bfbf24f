"""A15T's live dialect over fakes: frames, close codes, and everything a caller may do wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from loquent.api.app import ApiOptions
from loquent.domain.errors import EngineError, ModelNotFoundError, OverloadedError
from loquent.domain.live import Final, Partial, SoundEncoding, SpeechStarted, SpeechStopped
from loquent.domain.transcript import Segment, Task, Transcript, Word
from tests.fakes.scripted_live import ScriptedTranscriber
from tests.wire.conftest import KEY
from tests.wire.realtime import RealtimeServer, Socket, realtime_server

PATH = "/v1/audio/transcriptions-realtime"
ADDRESS = f"{PATH}?model=whisper-1"
INIT = '{"sample_rate": 16000}'
DONE = '{"done": true}'
KEYS = {
    "message_type",
    "audio_start",
    "audio_end",
    "confidence",
    "text",
    "words",
    "created",
}
REFUSALS = {
    "unknown": ModelNotFoundError("the model 'unknown' does not exist here", param="model"),
    "busy": OverloadedError("The server already follows 4 live sessions.", retry_after_s=5),
}


def final(number: int, text: str, start_s: float, end_s: float, **more: Any) -> Final:
    words = tuple(Word(word, start_s, end_s, 0.75) for word in text.split())
    segment = Segment(0, start_s, end_s, f" {text}", (1,), 0.0, -0.1, 1.0, 0.0, words=words)
    segments = (segment,) if text else ()
    transcript = Transcript(Task.TRANSCRIBE, text, "en", end_s - start_s, segments, "whisper-base")
    return Final(number, start_s, end_s, transcript, **more)


def partial(number: int, text: str, start_s: float, end_s: float) -> Partial:
    words = tuple(Word(word, start_s, end_s, 0.5) for word in text.split())
    return Partial(number, start_s, end_s, text, words)


@pytest.fixture(scope="module")
def server() -> Iterator[RealtimeServer]:
    options = ApiOptions(api_key=KEY, default_model="whisper-base")
    with realtime_server(ScriptedTranscriber(refusals=REFUSALS), options) as server:
        yield server


@pytest.fixture(autouse=True)
def silent_script(server: RealtimeServer) -> None:
    server.live.script = ()


def frame(caller: Socket) -> dict[str, Any]:
    """Return the next frame, which has every key that clients read."""
    raw = caller.connection.recv(timeout=10)
    assert isinstance(raw, str)
    found: dict[str, Any] = json.loads(raw)
    assert set(found) >= KEYS
    assert datetime.fromisoformat(found["created"]).tzinfo is not None
    assert found["audio_start"] <= found["audio_end"]
    for word in found["words"]:
        assert set(word) == {"start", "end", "confidence", "text"}
        assert found["audio_start"] <= word["start"] <= word["end"] <= found["audio_end"]
    return found


def closed_after(
    server: RealtimeServer, *messages: str | bytes, path: str = ADDRESS
) -> tuple[int, str]:
    with server.knock(path) as caller:
        with suppress(ConnectionClosed):  # who is refused at once is told so below
            for message in messages:
                caller.send_raw(message)
        return caller.closing()


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
def test_partials_and_finals_come_as_they_are_found(server: RealtimeServer, prefix: str) -> None:
    server.live.script = (
        (SpeechStarted(1, 0.1), partial(1, "hello", 0.1, 0.4)),
        (SpeechStopped(1, 1.0), final(1, "Hello there.", 0.1, 0.9)),
    )
    with server.knock(prefix + ADDRESS.removeprefix("/v1")) as caller:
        caller.send_raw(INIT)
        caller.send_raw(bytes(3200))
        first = frame(caller)
        caller.send_raw(bytes(3200))
        second = frame(caller)
    assert first | {"created": ""} == {
        "message_type": "PartialTranscript",
        "audio_start": 100,
        "audio_end": 400,
        "confidence": 0.5,
        "text": "hello",
        "words": [{"start": 100, "end": 400, "confidence": 0.5, "text": "hello"}],
        "created": "",
    }
    assert (second["message_type"], second["text"]) == ("FinalTranscript", "Hello there.")
    assert second["audio_end"] == 900


def test_after_done_one_final_says_all_that_is_left(server: RealtimeServer) -> None:
    server.live.script = ((final(1, "Already there.", 0.0, 0.5),),)
    with server.knock(ADDRESS) as caller:
        caller.send_raw(INIT)
        caller.send_raw(bytes(32000))
        assert frame(caller)["text"] == "Already there."
        caller.send_raw(DONE)
        last = frame(caller)
        assert (last["message_type"], last["text"]) == ("FinalTranscript", "hello there")
        assert caller.closing() == (1000, "")


def test_after_done_an_empty_final_comes_where_nothing_is_left(server: RealtimeServer) -> None:
    with server.knock(ADDRESS) as caller:
        caller.send_raw(INIT)
        caller.send_raw(DONE)
        last = frame(caller)
        assert (last["message_type"], last["text"], last["words"]) == ("FinalTranscript", "", [])
        assert caller.closing() == (1000, "")


def test_an_utterance_of_nothing_is_not_told_unless_something_was_shown(
    server: RealtimeServer,
) -> None:
    server.live.script = (
        (final(1, "", 0.0, 0.5),),
        (partial(2, "hm", 0.6, 0.8), final(2, "", 0.6, 1.0)),
    )
    with server.knock(ADDRESS) as caller:
        caller.send_raw(INIT)
        caller.send_raw(bytes(320))
        caller.send_raw(bytes(320))
        assert frame(caller)["text"] == "hm"
        assert frame(caller) | {"created": ""} == {
            "message_type": "FinalTranscript",
            "audio_start": 600,
            "audio_end": 1000,
            "confidence": 0.0,
            "text": "",
            "words": [],
            "created": "",
        }


def test_a_final_that_lacks_words_says_why(server: RealtimeServer) -> None:
    failure = EngineError("The model failed at this recording.")
    server.live.script = ((final(1, "half of", 0.0, 0.5, error=failure),),)
    with server.knock(ADDRESS) as caller:
        caller.send_raw(INIT)
        caller.send_raw(bytes(320))
        found = frame(caller)
    assert found["error"] == {"message": failure.message, "code": "engine_error"}


def test_the_init_says_what_is_sent_and_how_it_is_heard(server: RealtimeServer) -> None:
    init = {
        "sample_rate": 8000,
        "encoding": "pcm_mulaw",
        "language": "DE",
        "prompt": "Sehr geehrte",
        "interim_ms": 2000,
        "endpointing_ms": 900,
    }
    with server.knock(ADDRESS) as caller:
        caller.send_raw(json.dumps(init))
        caller.send_raw(DONE)
        frame(caller)
    request = server.live.request
    assert request.model == "whisper-1"
    assert request.sound.sample_rate_hz == 8000
    assert request.sound.encoding is SoundEncoding.PCM_MULAW
    assert (request.language, request.prompt, request.interim_s) == ("de", "Sehr geehrte", 2.0)
    assert request.detection.silence_duration_ms == 900


@pytest.mark.parametrize(
    ("init", "reason"),
    [
        ("{", "the init must be JSON such as"),
        ("[" * 5000, "the init must be JSON such as"),
        ("16000", "the init must be a JSON object such as"),
        ("{}", "sample_rate: is missing; send"),
        ('{"sample_rate": 4000}', "sample_rate: Input should be greater than or equal to 8000"),
        ('{"sample_rate": 1e999}', "sample_rate: "),
        ('{"sample_rate": "fast"}', "sample_rate: "),
        (
            '{"sample_rate": 16000, "encoding": "mp3"}',
            "encoding: one of pcm_s16le, pcm_f32le, pcm_mulaw, pcm_alaw",
        ),
        ('{"sample_rate": 16000, "rate": 1}', "rate: not a field; these are: sample_rate"),
        ('{"sample_rate": 16000, "language": "klingon"}', ""),
        ('{"sample_rate": 16000, "endpointing_ms": 0}', "endpointing_ms: "),
        (b"\0\0", 'send {"sample_rate": 16000} as text before any sound'),
    ],
)
def test_a_wrong_init_is_closed_with_what_is_wrong(
    server: RealtimeServer, init: str | bytes, reason: str
) -> None:
    code, told = closed_after(server, init)
    assert code == 1008
    assert reason in told
    assert len(told.encode()) <= 123


@pytest.mark.parametrize("message", ["{", "null", '{"done": false}', '{"done": 1}', "ping"])
def test_what_is_neither_sound_nor_done_is_refused(server: RealtimeServer, message: str) -> None:
    code, reason = closed_after(server, INIT, message)
    assert code == 1008
    assert 'send sound as bytes, or {"done": true} to end' in reason


@pytest.mark.parametrize(
    ("query", "code", "reason"),
    [
        ("", 1008, "invalid_request_error: name a model in the address: ?model=whisper-1"),
        ("?model=", 1008, "name a model in the address"),
        ("?model=unknown", 1008, "model_not_found: the model 'unknown' does not exist here"),
        ("?model=busy", 1013, "server_overloaded: The server already follows 4"),
    ],
)
def test_a_model_that_cannot_be_had_closes_with_the_reason(
    server: RealtimeServer, query: str, code: int, reason: str
) -> None:
    closed, told = closed_after(server, INIT, path=PATH + query)
    assert closed == code
    assert reason in told


@pytest.mark.parametrize("key", [None, "wrong"])
def test_without_the_key_the_socket_says_so(server: RealtimeServer, key: str | None) -> None:
    with server.knock(ADDRESS, key=key) as caller:
        code, reason = caller.closing()
    assert code == 3000
    assert reason.startswith("invalid_api_key: ")


def test_a_caller_who_sends_nothing_is_let_go() -> None:
    options = ApiOptions(live_idle_s=0.1)
    with realtime_server(ScriptedTranscriber(), options) as impatient:
        code, reason = closed_after(impatient, INIT)
    assert (code, reason) == (3008, "idle: nothing was sent for 0.1 s")


def test_when_the_server_ends_what_was_heard_is_completed(server: RealtimeServer) -> None:
    server.live.script = ((partial(1, "hello", 0.0, 0.5),),)
    with server.knock(ADDRESS) as caller:
        caller.send_raw(INIT)
        caller.send_raw(bytes(32000))
        assert frame(caller)["text"] == "hello"
        server.drain()
        assert frame(caller)["text"] == "hello there"
        code, reason = caller.closing()
    assert code == 1012
    assert reason.startswith("shutting_down: ")


def test_a_failure_that_nobody_foresaw_is_not_told(server: RealtimeServer) -> None:
    server.live.script = ((partial(1, "hello", 0.0, 0.5),),)
    with server.knock(ADDRESS) as caller:
        caller.send_raw(INIT)
        caller.send_raw(bytes(320))
        assert frame(caller)["text"] == "hello"
        server.loop.call_soon_threadsafe(server.live.session.fail, ValueError("secret"))
        code, reason = caller.closing()
    assert code == 1011
    assert "secret" not in reason
