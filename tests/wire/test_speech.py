"""Speech over the wire: files that others can play, as they are made, and who speaks them."""

from __future__ import annotations

import io
import threading
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import av
import httpx2
import numpy as np
import pytest

from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from tests.fakes.fake_speaker import HUMMER, RATE_HZ, WORD_S, FakeSpeaker
from tests.fakes.fake_transcriber import Gate
from tests.wire.conftest import LiveServer
from tests.wire.speech import (
    BODY,
    CODEC_DELAY_S,
    LENGTH_S,
    MEDIA_TYPES,
    SPEECH,
    TEXT,
    Speak,
    body,
    connection,
    duration_s,
    spoken,
)


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
