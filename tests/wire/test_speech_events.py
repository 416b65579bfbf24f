"""Speech as events and as captions over the wire, and how failures end them."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx2
import pysubs2
import pytest
import webvtt

from loquent.api.sounding import TAIL_BYTES
from loquent.domain.errors import EngineError
from tests.fakes.fake_speaker import RATE_HZ, WORD_S, FakeSpeaker
from tests.wire.conftest import LiveServer
from tests.wire.envelopes import assert_envelope
from tests.wire.speech import (
    BODY,
    CAPTIONS,
    LENGTH_S,
    SPEECH,
    TEXT,
    Speak,
    body,
    connection,
    duration_s,
    events,
    spoken,
)


def test_events_carry_the_file_and_end_with_what_was_consumed(server: LiveServer) -> None:
    with server.client().audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format="wav", stream_format="sse"
    ) as answer:
        lines = [line for line in answer.iter_lines() if line]
    *deltas, done = (json.loads(line.removeprefix("data: ")) for line in lines)
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    assert all("words" not in delta for delta in deltas)
    sound = b"".join(base64.b64decode(delta["audio"], validate=True) for delta in deltas)
    assert duration_s(sound, "wav") == pytest.approx(LENGTH_S)
    n_tokens = round(LENGTH_S * 20)
    assert done == {
        "type": "speech.audio.done",
        "usage": {
            "input_tokens": len(TEXT),
            "output_tokens": n_tokens,
            "total_tokens": len(TEXT) + n_tokens,
            "characters": len(TEXT),
            "seconds": LENGTH_S,
        },
    }


def test_a_single_word_is_sent_as_events_too(http: httpx2.Client) -> None:
    *deltas, done = events(spoken(http, input="word", stream_format="sse"))
    sound = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert len(sound) == WORD_S * RATE_HZ * 2
    assert done["usage"]["seconds"] == WORD_S


def test_events_tell_the_times_of_words_to_those_who_ask(http: httpx2.Client) -> None:
    told = events(spoken(http, stream_format="sse", timestamps="word"))
    words = [word for event in told for word in event.get("words", ())]
    assert words == [
        {"word": text, "start": number * WORD_S, "end": (number + 1) * WORD_S}
        for number, text in enumerate(TEXT.split())
    ]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (EngineError("The model failed."), "engine_error"),
        (RuntimeError("canary"), "internal_error"),
    ],
)
def test_a_failure_amid_events_is_the_last_of_them(
    speak: Speak, broken: Exception, code: str
) -> None:
    with connection(speak(FakeSpeaker(broken=broken, breaks_after=2))) as http:
        response = spoken(http, stream_format="sse")
    *deltas, last = events(response)
    assert [delta["type"] for delta in deltas] == ["speech.audio.delta"] * 2
    assert set(last) == {"error"}
    assert set(last["error"]) == {"message", "type", "param", "code"}
    assert last["error"]["code"] == code
    assert "canary" not in response.text


@pytest.mark.parametrize("broken", [EngineError("The model failed."), RuntimeError("canary")])
def test_a_failure_amid_the_sound_cuts_the_line(speak: Speak, broken: Exception) -> None:
    speaker = FakeSpeaker(broken=broken)
    received = io.BytesIO()
    with connection(speak(speaker)) as http, http.stream("POST", SPEECH, json=body()) as response:
        assert response.status_code == 200
        with pytest.raises(httpx2.RemoteProtocolError, match="incomplete"):
            received.writelines(response.iter_bytes())
    assert len(received.getvalue()) == WORD_S * RATE_HZ * 2 - TAIL_BYTES
    assert speaker.n_closed == 1


@pytest.mark.parametrize("form", ["vtt", "srt", None])
def test_captions_tell_when_each_word_is_heard(http: httpx2.Client, form: str | None) -> None:
    response = http.post(CAPTIONS, json=BODY | {"response_format": form})
    media_type = "text/plain" if form == "srt" else "text/vtt"
    assert response.headers["content-type"].startswith(media_type)
    assert response.headers["x-loquent-audio-seconds"] == f"{LENGTH_S:.3f}"
    assert response.headers["x-loquent-voice"] == "hum"
    wanted = [
        (text, round(1000 * number * WORD_S), round(1000 * (number + 1) * WORD_S))
        for number, text in enumerate(TEXT.split())
    ]
    assert cues_by_pysubs2(response.text, form or "vtt") == wanted
    assert cues_by_webvtt(response.text, form or "vtt") == wanted


def cues_by_pysubs2(text: str, form: str) -> list[tuple[str, int, int]]:
    lines = pysubs2.SSAFile.from_string(text, format_=form)
    return [(line.plaintext, line.start, line.end) for line in lines]


def cues_by_webvtt(text: str, form: str) -> list[tuple[str, int, int]]:
    cues = webvtt.from_buffer(io.BytesIO(text.encode()), format=form)
    return [(cue.text, _ms(cue.start_time), _ms(cue.end_time)) for cue in cues]


def _ms(time: webvtt.models.Timestamp) -> int:
    return int(1000 * (60 * (60 * time.hours + time.minutes) + time.seconds) + time.milliseconds)


@pytest.mark.parametrize("form", ["mp3", "json", 5])
def test_captions_have_no_other_format(http: httpx2.Client, form: Any) -> None:
    response = http.post(CAPTIONS, json=BODY | {"response_format": form})
    assert assert_envelope(response, 400)["param"] == "response_format"


def test_a_failure_amid_captions_is_a_plain_error(speak: Speak) -> None:
    with connection(speak(FakeSpeaker(broken=RuntimeError("canary"), breaks_after=3))) as http:
        assert assert_envelope(http.post(CAPTIONS, json=BODY), 500)["code"] == "internal_error"
