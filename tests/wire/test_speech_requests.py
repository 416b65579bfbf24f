"""The fields of a speech request over the wire: what is taken, told and refused."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest

from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.speech import SpeechRequest
from tests.fakes.fake_speaker import WORD_S, FakeSpeaker
from tests.wire.conftest import LiveServer
from tests.wire.envelopes import assert_envelope
from tests.wire.speech import (
    BODY,
    CAPTIONS,
    SPEECH,
    TEXT,
    Speak,
    body,
    connection,
    duration_s,
    spoken,
    wav_rate_hz,
)


@pytest.mark.parametrize(
    "fields",
    [
        {"sample_rate": 16_000},
        {"model_extensions": {"sr": 16_000}},
        {"sample_rate": 16_000, "model_extensions": {"sr": 16_000}},
    ],
)
@pytest.mark.parametrize("text", [TEXT, "word"])
def test_a_sample_rate_is_taken_under_each_of_its_names(
    http: httpx2.Client, fields: dict[str, Any], text: str
) -> None:
    response = spoken(http, input=text, response_format="wav", **fields)
    assert wav_rate_hz(response.content) == 16_000
    assert duration_s(response.content, "wav") == pytest.approx(WORD_S * len(text.split()))
    assert "x-loquent-ignored" not in response.headers


def test_two_sample_rates_that_disagree_are_refused(http: httpx2.Client) -> None:
    fields = body(sample_rate=16_000, model_extensions={"sr": 24_000})
    error = assert_envelope(http.post(SPEECH, json=fields), 400)
    assert error["param"] == "model_extensions.sr"


@pytest.mark.parametrize(
    ("form", "rate_hz", "named"),
    [
        ("opus", 44_100, "8000, 12000, 16000, 24000 or 48000 Hz"),
        ("mp3", 10_000, "44100 or 48000 Hz"),
        ("aac", 10_000, "44100 or 48000 Hz"),
        ("mulaw", 16_000, "8000 Hz"),
    ],
)
@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_a_rate_that_the_format_lacks_is_refused_naming_those_it_has(
    http: httpx2.Client, form: str, rate_hz: int, named: str, stream_format: str
) -> None:
    fields = body(response_format=form, sample_rate=rate_hz, stream_format=stream_format)
    error = assert_envelope(http.post(SPEECH, json=fields), 400)
    assert error["param"] == "sample_rate"
    assert named in error["message"]


def test_fields_that_nothing_reads_are_listed(http: httpx2.Client) -> None:
    response = spoken(http, fallback=1, model_extensions={"style": "sad", "pitch": 2})
    ignored = response.headers["x-loquent-ignored"].split(", ")
    assert ignored == ["fallback", "model_extensions.style"]


def test_where_the_operator_is_strict_an_unknown_field_is_refused(speak: Speak) -> None:
    with connection(speak(FakeSpeaker(), unknown_fields="strict")) as http:
        for path, form in ((SPEECH, "pcm"), (CAPTIONS, "srt")):
            fields = BODY | {"response_format": form, "volume": 11}
            assert assert_envelope(http.post(path, json=fields), 400)["param"] == "volume"
        assert "x-loquent-ignored" not in spoken(http, instructions="Whisper.").headers


def test_every_field_of_the_official_client_reaches_the_speaker(server: LiveServer) -> None:
    server.client().audio.speech.create(
        model="tts-1",
        voice={"id": "buzz"},
        input=TEXT,
        speed=1.5,
        instructions="Whisper.",
        extra_body={"language": "en-GB", "model_extensions": {"pitch": 3, "gain": 0.5}},
    )
    assert server.speaker.requests[-1] == SpeechRequest(
        "tts-1",
        TEXT,
        "buzz",
        1.5,
        "en-GB",
        {"pitch": 3.0, "gain": 0.5},
        instructions="Whisper.",
    )


@pytest.mark.parametrize("fields", [{"style": "sad"}, {"model_extensions": {"style": "sad"}}])
def test_a_field_that_some_endpoint_has_reaches_the_speaker(
    speak: Speak, fields: dict[str, Any]
) -> None:
    server = speak(FakeSpeaker(), extensions=frozenset({"style"}), unknown_fields="strict")
    with connection(server) as http:
        assert "x-loquent-ignored" not in spoken(http, **fields).headers
    assert server.speaker.requests[-1].extras == {"style": "sad"}


def test_a_field_of_some_endpoint_that_is_no_text_is_handed_on_as_json(speak: Speak) -> None:
    server = speak(FakeSpeaker(), extensions=frozenset({"styles", "is_loud"}))
    with connection(server) as http:
        spoken(http, styles=["sad", "slow"], is_loud=True)
    assert server.speaker.requests[-1].extras == {"styles": '["sad", "slow"]', "is_loud": "true"}


@pytest.mark.parametrize("voice", [None, {"id": "buzz"}, "buzz", "hum(2)+buzz(1)"])
def test_a_voice_is_nothing_a_name_or_an_object(
    server: LiveServer, http: httpx2.Client, voice: Any
) -> None:
    spoken(http, voice=voice)
    name = voice["id"] if isinstance(voice, dict) else voice or ""
    assert server.speaker.requests[-1].voice == name


@pytest.mark.parametrize("speed", [0.25, 1, 4, 4.0, None])
def test_a_speed_within_the_limits_is_taken(
    server: LiveServer, http: httpx2.Client, speed: float | None
) -> None:
    spoken(http, speed=speed)
    assert server.speaker.requests[-1].speed == (speed or 1.0)


WRONG_FIELDS: list[tuple[str, Any]] = [
    ("model", 5),
    ("model", ""),
    ("model", None),
    ("input", 5),
    ("input", ""),
    ("input", ["one", "two"]),
    ("input", "\ud800"),
    ("voice", 5),
    ("voice", ""),
    ("voice", {}),
    ("voice", {"name": "hum"}),
    ("voice", {"id": "hum", "name": "hum"}),
    ("voice", {"id": 5}),
    ("instructions", 5),
    ("instructions", "x" * 5000),
    ("speed", 0.24),
    ("speed", 4.01),
    ("speed", "fast"),
    ("speed", True),
    ("language", "English"),
    ("language", 5),
    ("sample_rate", 7999),
    ("sample_rate", 48_001),
    ("sample_rate", "24000"),
    ("sample_rate", 24_000.5),
    ("sample_rate", True),
    ("response_format", "ogg"),
    ("response_format", 5),
    ("stream_format", "events"),
    ("timestamps", "segment"),
    ("preference", "fastest"),
    ("preference", []),
    ("allowed_providers", 5),
    ("allowed_providers", ["ovh", 5]),
    ("allowed_providers", {"ovh": True}),
    ("eu_native", "perhaps"),
    ("eu_native", 2),
    ("allow_quantization", 0.5),
    ("model_extensions", []),
    ("model_extensions", "sr"),
]


@pytest.mark.parametrize(("prefix", "status"), [("/v1", 400), ("/v0", 422), ("", 400)])
@pytest.mark.parametrize(("name", "value"), WRONG_FIELDS, ids=lambda value: repr(value)[:20])
def test_a_wrong_field_is_named(
    http: httpx2.Client, prefix: str, status: int, name: str, value: Any
) -> None:
    raw = json.dumps(body(**{name: value}))
    json_type = {"Content-Type": "application/json"}
    response = http.post(f"{prefix}/audio/speech", content=raw, headers=json_type)
    error = assert_envelope(response, status)
    assert error["param"] == name
    assert error["message"].startswith(name)
    if status == 422:
        assert response.json()["detail"][0]["loc"] == ["body", name]


@pytest.mark.parametrize(
    ("name", "value"),
    [("sr", 7999), ("sr", "24000"), ("sr", True), ("sr", 1.5), ("language", 5), ("language", [])],
)
def test_a_wrong_extension_is_named(http: httpx2.Client, name: str, value: Any) -> None:
    fields = body(model_extensions={name: value})
    error = assert_envelope(http.post(SPEECH, json=fields), 400)
    assert error["param"] == f"model_extensions.{name}"


def test_a_setting_beyond_all_floats_is_refused(http: httpx2.Client) -> None:
    fields = body(model_extensions={"pitch": 10**400})
    assert_envelope(http.post(SPEECH, json=fields), 400)


def test_the_official_client_raises_what_is_refused(speak: Speak) -> None:
    refusal = UnsupportedOptionError("there is no such voice", param="voice")
    client = speak(FakeSpeaker(error=refusal)).client()
    with pytest.raises(openai.BadRequestError, match="no such voice") as raised:
        client.audio.speech.create(model="tts-1", voice="nobody", input=TEXT)
    assert (raised.value.param, raised.value.code) == ("voice", "unsupported_value")
