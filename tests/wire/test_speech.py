"""Speech over the wire: files that others can play, events, captions, voices, and refusals."""

from __future__ import annotations

import base64
import io
import json
import threading
import wave
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, aclosing
from typing import Any

import av
import httpx2
import numpy as np
import openai
import pysubs2
import pytest
import webvtt

from loquent.api.app import ApiOptions
from loquent.domain.errors import EngineError, UnsupportedOptionError
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from tests.fakes.fake_directory import FakeDirectory
from tests.fakes.fake_speaker import HUMMER, RATE_HZ, WORD_S, FakeSpeaker
from tests.fakes.fake_transcriber import FakeTranscriber, Gate
from tests.wire.conftest import KEY, LiveServer, running
from tests.wire.envelopes import assert_envelope

SPEECH, CAPTIONS = "/v1/audio/speech", "/v1/audio/speech/captions"
TEXT = "one two three four"
LENGTH_S = 4 * WORD_S
CODEC_DELAY_S = 0.15
"""How much longer a sound may become, by what codecs put first and by their last frame."""

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
BODY = {"model": "tts-1", "input": TEXT}

Speak = Callable[..., LiveServer]


@pytest.fixture
def speak() -> Iterator[Speak]:
    """Start a server with the speaker and the options of a test."""
    with ExitStack() as servers:

        def start(speaker: FakeSpeaker, **options: Any) -> LiveServer:
            chosen = ApiOptions(api_key=KEY, **options)
            return servers.enter_context(
                running(chosen, FakeTranscriber(), FakeDirectory(), speaker)
            )

        yield start


@pytest.fixture(scope="module")
def http(server: LiveServer) -> Iterator[httpx2.Client]:
    with connection(server) as client:
        yield client


def connection(server: LiveServer, key: str | None = KEY) -> httpx2.Client:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx2.Client(base_url=server.url, headers=headers)


def body(**fields: Any) -> dict[str, Any]:
    return BODY | {"response_format": "pcm"} | fields


def spoken(http: httpx2.Client, **fields: Any) -> httpx2.Response:
    response = http.post(SPEECH, json=body(**fields))
    assert response.status_code == 200, response.text
    return response


def duration_s(sound: bytes, form: str) -> float:
    """Return how long a file plays, decoded to its end."""
    is_bare = form == "pcm"
    options = {"sample_rate": str(RATE_HZ)} if is_bare else {}
    file = io.BytesIO(sound)
    with av.open(file, "r", format="s16le" if is_bare else None, options=options) as container:
        frames = list(container.decode(audio=0))
    return float(sum(frame.samples / frame.sample_rate for frame in frames))


def wav_rate_hz(sound: bytes) -> int:
    with wave.open(io.BytesIO(sound)) as file:
        rate_hz: int = file.getframerate()
    return rate_hz


def events(response: httpx2.Response) -> list[dict[str, Any]]:
    assert response.headers["content-type"].startswith("text/event-stream")
    return [json.loads(frame.removeprefix("data: ")) for frame in response.text.split("\n\n")[:-1]]


@pytest.mark.parametrize("form", MEDIA_TYPES)
@pytest.mark.parametrize("text", [TEXT, "word"])
def test_what_the_official_client_gets_decodes_to_the_length_of_the_speech(
    server: LiveServer, form: Any, text: str
) -> None:
    answer = server.client().audio.speech.with_raw_response.create(
        model="tts-1", voice="alloy", input=text, response_format=form
    )
    length_s = WORD_S * len(text.split())
    assert answer.headers["content-type"] == MEDIA_TYPES[form]
    assert length_s - 0.01 <= duration_s(answer.content, form) <= length_s + CODEC_DELAY_S


@pytest.mark.parametrize("form", MEDIA_TYPES)
def test_a_streamed_answer_of_the_official_client_is_a_file(server: LiveServer, form: Any) -> None:
    with server.client().audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format=form
    ) as answer:
        sound = b"".join(answer.iter_bytes())
    assert LENGTH_S - 0.01 <= duration_s(sound, form) <= LENGTH_S + CODEC_DELAY_S


def test_who_names_no_format_gets_mp3(http: httpx2.Client) -> None:
    response = http.post(SPEECH, json=BODY)
    assert response.headers["content-type"] == "audio/mpeg"
    assert duration_s(response.content, "mp3") >= LENGTH_S - 0.01


class GatedSpeaker(FakeSpeaker):
    """Hums the first word, and the others once a gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()
        self.has_ended = threading.Event()

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        n_chunks = 0
        try:
            async with aclosing(super().speak(request)) as items:
                async for item in items:
                    n_chunks += isinstance(item, SpeechChunk)
                    if n_chunks == 2:
                        await self.gate.passage()
                    yield item
        finally:
            self.has_ended.set()


def test_the_first_sound_arrives_while_the_rest_is_not_spoken_yet(speak: Speak) -> None:
    speaker = GatedSpeaker()
    with (
        speak(speaker)
        .client()
        .audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input=TEXT, response_format="pcm"
        ) as answer
    ):
        pieces = answer.iter_bytes()
        first = next(pieces)
        assert speaker.gate.reached.wait(10)
        assert not speaker.has_ended.is_set()
        speaker.gate.open()
        rest = b"".join(pieces)
    assert 0 < len(first) <= WORD_S * RATE_HZ * 2
    assert len(first + rest) == LENGTH_S * RATE_HZ * 2


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_who_hangs_up_ends_the_work(speak: Speak, stream_format: str) -> None:
    speaker = GatedSpeaker()
    fields = body(stream_format=stream_format)
    with connection(speak(speaker)) as http, http.stream("POST", SPEECH, json=fields) as response:
        next(response.iter_raw())
        assert speaker.gate.reached.wait(10)
    assert speaker.has_ended.wait(10)
    assert speaker.n_closed == 1


def test_one_word_is_a_wav_that_tells_its_exact_length(http: httpx2.Client) -> None:
    response = spoken(http, input="word", response_format="wav")
    with wave.open(io.BytesIO(response.content)) as file:
        assert file.getparams()[:3] == (1, 2, RATE_HZ)
        assert file.getnframes() == WORD_S * RATE_HZ
        assert len(file.readframes(10**6)) == WORD_S * RATE_HZ * 2
    assert int.from_bytes(response.content[4:8], "little") == len(response.content) - 8
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.headers["x-loquent-audio-seconds"] == f"{WORD_S:.3f}"


def test_several_words_are_a_wav_that_is_read_to_its_end(http: httpx2.Client) -> None:
    response = spoken(http, response_format="wav")
    assert "content-length" not in response.headers
    with wave.open(io.BytesIO(response.content)) as file:
        assert file.getparams()[:3] == (1, 2, RATE_HZ)
        samples = np.frombuffer(file.readframes(10**6), dtype="<i2")
    assert len(samples) == LENGTH_S * RATE_HZ
    assert samples.max() > 9000


def test_mu_law_is_a_wav_of_eight_bits_at_eight_kilohertz(http: httpx2.Client) -> None:
    response = spoken(http, response_format="mulaw")
    assert response.headers["content-type"] == "audio/wav"
    with av.open(io.BytesIO(response.content)) as container:
        codec = container.streams.audio[0].codec_context
        assert (codec.name, codec.sample_rate) == ("pcm_mulaw", 8000)


def test_the_headers_say_who_speaks_and_what_of_it(speak: Speak) -> None:
    mix = (("hum", 2 / 3), ("buzz", 1 / 3))
    casting = Casting(
        HUMMER.id, mix, "en-GB", ignored=("model_extensions.warmth",), stand_in="no één"
    )
    with connection(speak(FakeSpeaker(casting=casting, n_skipped=3))) as http:
        headers = spoken(http, model_extensions={"warmth": 1}).headers
    told = {k: v for k, v in headers.items() if k.startswith("x-loquent-")}
    assert told == {
        "x-loquent-model": "fake/hummer",
        "x-loquent-voice": "hum(0.667)+buzz(0.333)",
        "x-loquent-language": "en-GB",
        "x-loquent-characters": str(len(TEXT)),
        "x-loquent-skipped-characters": "3",
        "x-loquent-stand-in": "no ??n",
        "x-loquent-ignored": "model_extensions.warmth",
    }


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_what_there_is_nothing_to_say_of_has_no_header(
    http: httpx2.Client, stream_format: str
) -> None:
    headers = spoken(http, stream_format=stream_format).headers
    assert headers["x-loquent-voice"] == "hum"
    for name in ("skipped-characters", "stand-in", "ignored"):
        assert f"x-loquent-{name}" not in headers


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
    response = spoken(
        http, instructions="Whisper.", fallback=1, model_extensions={"style": "sad", "pitch": 2}
    )
    ignored = response.headers["x-loquent-ignored"].split(", ")
    assert ignored == ["instructions", "fallback", "model_extensions.style"]


def test_where_the_operator_is_strict_an_unknown_field_is_refused(speak: Speak) -> None:
    with connection(speak(FakeSpeaker(), unknown_fields="strict")) as http:
        for path, form in ((SPEECH, "pcm"), (CAPTIONS, "srt")):
            fields = BODY | {"response_format": form, "volume": 11}
            assert assert_envelope(http.post(path, json=fields), 400)["param"] == "volume"
        assert "instructions" in spoken(http, instructions="Whisper.").headers["x-loquent-ignored"]


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
        "tts-1", TEXT, "buzz", 1.5, "en-GB", {"pitch": 3.0, "gain": 0.5}
    )


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
    assert error["message"].startswith(f"{name}: ")
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
    assert len(received.getvalue()) == WORD_S * RATE_HZ * 2
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


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["hum", "buzz"]),
        ({"language": "en"}, ["hum", "buzz"]),
        ({"language": "EN-gb"}, ["buzz"]),
        ({"language": "fr"}, []),
        ({"language": ""}, []),
        ({"model": "fake/hummer"}, ["hum", "buzz"]),
        ({"model": "tts-1", "language": "en-US"}, ["hum"]),
        ({"model": "whisper-1"}, []),
    ],
)
@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
def test_voices_are_listed_by_model_and_language(
    http: httpx2.Client, prefix: str, query: dict[str, str], found: list[str]
) -> None:
    listed = http.get(f"{prefix}/audio/voices", params=query).json()
    assert [voice["id"] for voice in listed["voices"]] == found
    assert listed["aliases"] == {"alloy": "hum"}


def test_a_voice_says_whose_it_is_and_how_it_sounds(http: httpx2.Client) -> None:
    listed = http.get("/v1/audio/voices", params={"language": "en-GB"}).json()
    assert listed["voices"] == [
        {
            "id": "buzz",
            "name": "buzz (en-GB, fake/hummer)",
            "model": "fake/hummer",
            "language": "en-GB",
            "gender": "male",
            "sample_text": "Good morning, how can I help you today?",
        }
    ]


LISTS = [f"{prefix}/audio/{name}" for prefix in ("/v1", "/v0", "") for name in ("voices", "models")]


@pytest.mark.parametrize("path", LISTS)
def test_the_lists_under_audio_are_open(server: LiveServer, path: str) -> None:
    with connection(server, key=None) as stranger:
        assert stranger.get(path).status_code == 200


def test_the_lists_under_audio_are_closed_where_the_operator_wants_it(speak: Speak) -> None:
    server = speak(FakeSpeaker(), open_lists=False)
    with connection(server, key=None) as stranger, connection(server) as friend:
        for path in LISTS:
            assert_envelope(stranger.get(path), 401)
            assert friend.get(path).status_code == 200
