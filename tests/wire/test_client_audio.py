"""The Python client against a served application: translations, speech and captions."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from loquent import AiBrary, AsyncAiBrary, AsyncLoquent, Loquent
from loquent.client import Receipt, Transcript, VerboseTranscript
from loquent.domain.endpoints import Preference, RoutingLimits
from loquent.domain.transcript import Task
from tests.fakes.fake_speaker import RATE_HZ, WORD_S
from tests.wire.conftest import KEY, LiveServer

AUDIO = ("speech.wav", b"RIFF" + bytes(2000), "audio/wav")
TEXT = "Hello there. General speech."
ROUTING: Any = {
    "preference": "cost",
    "allowed_providers": ["local", "groq"],
    "eu_native": False,
    "allow_quantization": False,
}
LIMITS = RoutingLimits(Preference.COST, frozenset({"local", "groq"}), allow_quantization=False)


@pytest.fixture
def client(server: LiveServer) -> Iterator[Loquent]:
    with Loquent(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_the_extras_of_translations_arrive(client: Loquent, server: LiveServer) -> None:
    answer = client.audio.translations.create(
        model="whisper-1",
        file=AUDIO,
        prompt="Star Wars.",
        keywords=["Kenobi", "Jedi"],
        chunking_strategy={"type": "server_vad", "silence_duration_ms": 700},
        diarise=True,
        max_speakers=3,
        beam_size=2,
        **ROUTING,
    )
    request = server.transcriber.calls[-1].request
    assert (request.task, request.prompt) == (Task.TRANSLATE, "Star Wars. Kenobi, Jedi.")
    assert (request.limits, request.search.beam_size) == (LIMITS, 2)
    assert request.detection.silence_duration_ms == 700
    assert request.speakers is not None
    assert request.speakers.max_speakers == 3
    assert isinstance(answer, Transcript)
    assert [segment.speaker for segment in answer.segments] == ["A", "B"]
    assert (answer.receipt.model, answer.receipt.ignored) == ("fake/tiny", ())


def test_the_form_of_a_translation_decides_its_type(client: Loquent) -> None:
    create = client.audio.translations.create
    assert create(model="m", file=AUDIO, response_format="text").strip() == TEXT
    cues = create(model="m", file=AUDIO, response_format="vtt", max_line_width=8, max_line_count=1)
    assert cues.count("-->") == 4
    verbose = create(model="m", file=AUDIO, response_format="verbose_json")
    assert isinstance(verbose, VerboseTranscript)
    assert (verbose.text, verbose.receipt.model) == (TEXT, "fake/tiny")


def test_a_translation_may_be_had_unread(client: Loquent) -> None:
    raw = client.audio.translations.with_raw_response.create(model="m", file=AUDIO)
    assert Receipt.of(raw.headers).model == "fake/tiny"
    assert raw.parse().text == TEXT


def test_what_is_misspelt_is_no_argument(client: Loquent) -> None:
    wrong: Any = {"diarisation": True}
    for create in (client.audio.translations.create, client.audio.transcriptions.create):
        with pytest.raises(TypeError, match="diarisation"):
            create(model="m", file=AUDIO, **wrong)


def test_speech_is_told_all_that_openai_has_no_field_for(
    client: Loquent, server: LiveServer
) -> None:
    spoken = client.audio.speech.create(
        model="tts-1",
        input="three words here",
        response_format="wav",
        sample_rate=16_000,
        language="en-GB",
        model_extensions={"noise_scale": 0.4},
        **ROUTING,
    )
    request = server.speaker.requests[-1]
    assert (request.voice, request.language, request.limits) == ("", "en-GB", LIMITS)
    assert request.settings == {"noise_scale": 0.4}
    with wave.open(io.BytesIO(spoken.content)) as sound:
        assert sound.getframerate() == 16_000
    assert Receipt.of(spoken.response.headers).model == "fake/hummer"


def test_speech_is_read_while_it_is_made(client: Loquent, server: LiveServer) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", input="one two", voice="buzz", response_format="pcm", preference="speed"
    ) as answer:
        n_bytes = sum(map(len, answer.iter_bytes()))
    assert n_bytes == 2 * round(2 * WORD_S * RATE_HZ)
    request = server.speaker.requests[-1]
    assert (request.voice, request.limits.preference) == ("buzz", Preference.SPEED)


def test_events_of_speech_tell_words(client: Loquent) -> None:
    spoken = client.audio.speech.create(
        model="tts-1", input="one two", stream_format="sse", timestamps="word"
    )
    assert '"words":[{"word":"one"' in spoken.text.replace(" ", "")


def test_captions_are_cut_as_wished(client: Loquent) -> None:
    text = "one two three four"
    cues = client.audio.speech.captions(
        model="tts-1", input=text, voice="hum", max_line_width=9, max_line_count=1
    )
    assert cues.startswith("WEBVTT")
    lines = [line for line in cues.splitlines() if line and "-->" not in line]
    assert lines == ["WEBVTT", "one two", "three", "four"]
    assert "00:00:00,000" in client.audio.speech.captions(
        model="tts-1", input=text, response_format="srt", timeout=5
    )
    with pytest.raises(openai.BadRequestError, match="Idempotency-Key needs the ledger"):
        client.audio.speech.captions(model="tts-1", input=text, idempotency_key="talk-42")


async def test_asynchronously_too(server: LiveServer) -> None:
    async with AsyncLoquent(base_url=f"{server.url}/v1", api_key=KEY) as client:
        answer = await client.audio.translations.create(model="m", file=AUDIO, **ROUTING)
        assert (answer.text, server.transcriber.calls[-1].request.limits) == (TEXT, LIMITS)
        raw = await client.audio.translations.with_raw_response.create(model="m", file=AUDIO)
        assert raw.parse().text == TEXT
        speech = client.audio.speech
        spoken = await speech.create(model="tts-1", input="one", response_format="mulaw", **ROUTING)
        assert spoken.content.startswith(b"RIFF")
        assert server.speaker.requests[-1].limits == LIMITS
        async with speech.with_streaming_response.create(
            model="tts-1", input="one", language="en-GB"
        ) as streamed:
            assert [part async for part in streamed.iter_bytes()]
        assert server.speaker.requests[-1].language == "en-GB"
        assert (await speech.captions(model="tts-1", input="one")).count("-->") == 1


async def test_the_dialect_of_aibrary_has_the_same(server: LiveServer) -> None:
    with AiBrary(base_url=f"{server.url}/v0", api_key=KEY) as client:
        answer = client.audio.translations.create(model="m", file=AUDIO, preference="cost")
        assert (answer.text, answer.language) == (TEXT, "english")
        assert client.audio.speech.create(model="tts-1", input="one", eu_native=False).content
    async with AsyncAiBrary(base_url=f"{server.url}/v0", api_key=KEY) as other:
        spoken = await other.audio.translations.create(model="m", file=AUDIO, diarise=True)
        assert [segment.speaker for segment in spoken.segments] == ["A", "B"]
