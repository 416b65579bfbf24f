"""The Wyoming service as the package's own client finds it, before a real server over fakes."""

from __future__ import annotations

import asyncio
import io
import wave
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loquent.domain.errors import EngineError, InvalidAudioError
from loquent.domain.model import Gender, Voice
from loquent.domain.status import ModelStatus
from tests.fakes.fake_speaker import HUMMER, RATE_HZ, WORD_S, FakeSpeaker, FakeVoices
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.wyoming.conftest import LONG_S, Home

pytest.importorskip("wyoming", reason="needs the extra: pip install 'loquent[wyoming]'")

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.info import Describe, Info, SelectProgram
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeVoice,
)

FORMAT = {"rate": 16_000, "width": 2, "channels": 1}
SOUND = np.arange(16_000, dtype="<i2").tobytes()


async def _send(client: AsyncClient, *events: Eventable) -> None:
    for event in events:
        await client.write_event(event.event())


async def _next(client: AsyncClient) -> Event:
    event = await client.read_event()
    assert event is not None, "the service hung up"
    return event


async def _say_to(client: AsyncClient, wish: Transcribe | None = None, **form: int) -> Event:
    """Send a sound in three pieces, cut anywhere, and return the answer."""
    form = {**FORMAT, **form}
    pieces = (SOUND[:3001], SOUND[3001:20_000], SOUND[20_000:])
    chunks = [AudioChunk(audio=piece, **form) for piece in pieces]
    await _send(client, *([wish] if wish else []), AudioStart(**form), *chunks, AudioStop())
    return await _next(client)


async def _heard(client: AsyncClient, end: str = "audio-stop") -> list[Event]:
    """Return all events up to one of a type, with it."""
    events = [await _next(client)]
    while events[-1].type != end:
        events.append(await _next(client))
    return events


def _sound_of(events: list[Event]) -> bytes:
    chunks = [AudioChunk.from_event(event) for event in events if event.type == "audio-chunk"]
    assert {(chunk.rate, chunk.width, chunk.channels) for chunk in chunks} == {(RATE_HZ, 2, 1)}
    return b"".join(chunk.audio for chunk in chunks)


async def test_it_says_which_models_listen_and_who_speaks(home: Home) -> None:
    async with home() as client:
        await _send(client, Describe())
        info = Info.from_event(await _next(client))
    (listening,), (speaking,) = info.asr, info.tts
    assert (listening.name, listening.installed) == ("Kitchen", True)
    assert [model.name for model in listening.models] == ["fake/big", "fake/tiny"]
    assert [model.languages for model in listening.models] == [["de", "en"], ["en"]]
    assert [(v.name, v.languages) for v in speaking.voices] == [
        ("hum", ["en-US"]),
        ("buzz", ["en-GB"]),
    ]
    assert speaking.supports_synthesize_streaming


async def test_the_default_model_is_named_first(home: Home) -> None:
    async with home(model="fake/tiny") as client:
        await _send(client, Describe())
        info = Info.from_event(await _next(client))
    assert [model.name for model in info.asr[0].models] == ["fake/tiny", "fake/big"]


async def test_sound_becomes_a_transcript(home: Home, transcriber: FakeTranscriber) -> None:
    async with home() as client:
        answer = Transcript.from_event(await _say_to(client))
    assert answer.text == "Hello there. General speech."
    (call,) = transcriber.calls
    assert (call.request.model, call.request.language) == ("whisper-1", None)
    with wave.open(io.BytesIO(call.content)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (16_000, 2, 1)
        assert file.readframes(file.getnframes()) == SOUND


@pytest.mark.parametrize(
    ("language", "asked"), [("de", "de"), ("de-CH", "de"), ("pt_BR", "pt"), ("auto", None)]
)
async def test_the_wishes_of_a_client_are_honoured_once(
    home: Home, transcriber: FakeTranscriber, language: str, asked: str | None
) -> None:
    wish = Transcribe(name="fake/tiny", language=language, transcript_names=["Loquent"])
    async with home() as client:
        await _say_to(client, wish)
        await _say_to(client)
    first, second = (call.request for call in transcriber.calls)
    assert (first.model, first.language) == ("fake/tiny", asked)
    assert "Loquent" in first.prompt
    assert (second.model, second.language, second.prompt) == ("whisper-1", None, "")


async def test_sound_of_any_format_is_taken(home: Home, transcriber: FakeTranscriber) -> None:
    async with home() as client:
        await _say_to(client, rate=44_100, channels=2)
    with wave.open(io.BytesIO(transcriber.calls[0].content)) as file:
        assert (file.getframerate(), file.getnchannels()) == (44_100, 2)


async def test_a_text_becomes_sound(home: Home, speaker: FakeSpeaker) -> None:
    async with home() as client:
        await _send(client, Synthesize("three words here"))
        events = await _heard(client)
    assert events[0].type == "audio-start"
    assert AudioStart.from_event(events[0]).rate == RATE_HZ
    assert len(_sound_of(events)) == round(3 * WORD_S * RATE_HZ) * 2
    (request,) = speaker.requests
    assert (request.text, request.model, request.voice) == ("three words here", "tts-1", "")


@pytest.mark.parametrize(
    ("wanted", "voice", "model"),
    [
        (SynthesizeVoice(name="buzz"), "buzz", "fake/hummer"),
        (SynthesizeVoice(language="en-GB"), "buzz", "fake/hummer"),
        (SynthesizeVoice(language="en"), "hum", "fake/hummer"),
        (SynthesizeVoice(language="en_AU"), "hum", "fake/hummer"),
        (SynthesizeVoice(name="alloy"), "alloy", "tts-1"),
    ],
)
async def test_a_voice_is_found_by_name_or_language(
    home: Home, speaker: FakeSpeaker, wanted: SynthesizeVoice, voice: str, model: str
) -> None:
    async with home() as client:
        await _send(client, Synthesize("hm", voice=wanted))
        await _heard(client)
    assert (speaker.requests[0].voice, speaker.requests[0].model) == (voice, model)


async def test_voices_that_sound_like_machines_are_the_last_resort(
    home: Home, speaker: FakeSpeaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = ModelStatus(replace(HUMMER, id="espeak", voices=(Voice("en", "en", Gender.NEUTRAL),)))
    people = FakeVoices().voices()
    voices = [(machine, machine.card.voices[0]), *people]
    monkeypatch.setattr(FakeVoices, "voices", lambda _: voices)
    async with home() as client:
        await _send(client, Describe())
        info = Info.from_event(await _next(client))
        await _send(client, Synthesize("hm", voice=SynthesizeVoice(language="en")))
        await _heard(client)
    assert [voice.name for voice in info.tts[0].voices] == ["hum", "buzz", "en"]
    assert speaker.requests[0].voice == "hum"


async def test_the_operator_chooses_who_speaks_to_those_who_do_not_say(
    home: Home, speaker: FakeSpeaker
) -> None:
    async with home(voice="buzz") as client:
        await _send(client, Synthesize("hm"))
        await _heard(client)
    assert (speaker.requests[0].voice, speaker.requests[0].model) == ("buzz", "fake/hummer")


async def test_a_text_is_spoken_while_it_is_written(home: Home, speaker: FakeSpeaker) -> None:
    async with home() as client:
        await _send(
            client,
            SynthesizeStart(voice=SynthesizeVoice(name="buzz")),
            SynthesizeChunk("The first sentence. And th"),
        )
        first = await _heard(client)  # before the rest is written
        await _send(
            client,
            SynthesizeChunk("en Dr. No says more"),
            Synthesize("The first sentence. And then Dr. No says more"),
            SynthesizeStop(),
        )
        rest = await _heard(client, "synthesize-stopped")
    assert [request.text for request in speaker.requests] == [
        "The first sentence.",
        "And then Dr. No says more",
    ]
    assert {request.voice for request in speaker.requests} == {"buzz"}
    n_bytes = round(WORD_S * RATE_HZ) * 2
    assert (len(_sound_of(first)), len(_sound_of(rest))) == (3 * n_bytes, 6 * n_bytes)
    assert [event.type for event in rest].count("audio-stop") == 1


async def test_what_is_spoken_in_pieces_may_be_nothing(home: Home, speaker: FakeSpeaker) -> None:
    async with home() as client:
        await _send(client, SynthesizeStart(), SynthesizeChunk(" "), SynthesizeStop())
        assert (await _next(client)).type == "synthesize-stopped"
    assert speaker.requests == []


async def test_an_error_of_the_server_is_told_and_the_connection_stays(
    home: Home, transcriber: FakeTranscriber
) -> None:
    transcriber.script = [InvalidAudioError("That is no audio.")]
    async with home() as client:
        error = Error.from_event(await _say_to(client))
        assert (error.text, error.code) == ("That is no audio.", "invalid_audio")
        transcriber.script = []
        assert (await _say_to(client)).type == "transcript"


async def test_an_error_of_a_speaker_is_told_and_the_connection_stays(
    home: Home, speaker: FakeSpeaker
) -> None:
    speaker.error = EngineError("The voice is hoarse.")
    async with home() as client:
        await _send(client, Synthesize("hm"))
        assert Error.from_event(await _next(client)).code == "engine_error"
        speaker.error = None
        await _send(client, Synthesize("hm"))
        assert (await _heard(client))[0].type == "audio-start"


async def test_a_failure_in_the_middle_of_a_sound_is_told(home: Home, speaker: FakeSpeaker) -> None:
    speaker._broken = EngineError("The voice broke.")
    async with home() as client:
        await _send(client, Synthesize("one two three"))
        events = await _heard(client, "error")
        assert events[0].type == "audio-start"
        await _send(client, Ping(text="still here?"))
        assert Pong.from_event(await _next(client)).text == "still here?"


async def test_an_error_in_a_text_that_is_written_is_told_once(
    home: Home, speaker: FakeSpeaker
) -> None:
    speaker.error = EngineError("The voice is hoarse.")
    async with home() as client:
        await _send(
            client,
            SynthesizeStart(),
            SynthesizeChunk("One. Two. "),
            SynthesizeChunk("Three. Four"),
            SynthesizeStop(),
        )
        events = await _heard(client, "synthesize-stopped")
    assert [event.type for event in events] == ["error", "synthesize-stopped"]


async def test_an_error_at_the_end_of_a_text_comes_before_its_end(
    home: Home, speaker: FakeSpeaker
) -> None:
    speaker.error = EngineError("The voice is hoarse.")
    async with home() as client:
        await _send(client, SynthesizeStart(), SynthesizeChunk("One"), SynthesizeStop())
        events = await _heard(client, "synthesize-stopped")
    assert [event.type for event in events] == ["error", "synthesize-stopped"]


async def test_who_only_waits_after_an_error_is_hung_up_on(
    home: Home, speaker: FakeSpeaker
) -> None:
    speaker.error = EngineError("The voice is hoarse.")
    async with home(grace_s=0.1) as client:
        await _send(client, Synthesize("hm"))
        assert (await _next(client)).type == "error"
        assert await client.read_event() is None


async def test_a_server_that_is_not_there_is_told(home: Home) -> None:
    async with home(address="http://127.0.0.1:9") as client:
        for event in (Describe(), Synthesize("hm")):
            await _send(client, event)
            error = Error.from_event(await _next(client))
            assert error.code == "upstream_unavailable"
            assert "--server" in error.text


async def test_a_key_that_is_wrong_is_told(home: Home) -> None:
    async with home(key="wrong") as client:
        assert Error.from_event(await _say_to(client)).code == "invalid_api_key"


@pytest.mark.parametrize(
    ("event", "named"),
    [
        (Event("audio-start", {"rate": "fast", "width": 2, "channels": 1}), "rate"),
        (Event("audio-start", {}), "rate"),
        (Event("audio-start", {"rate": 16_000, "width": 9, "channels": 1}), "width"),
        (Event("transcribe", {"language": 7}), "language"),
        (Event("synthesize", {}), "text"),
        (Event("synthesize", {"text": "hm", "voice": "hum"}), "voice"),
        (Event("synthesize", {"text": "hm", "voice": {"language": "xx"}}), "xx"),
        (Event("synthesize", {"text": "<speak/>", "text_format": "ssml"}), "plain text"),
        (Event("audio-stop"), "audio-stop"),
    ],
    ids=str,
)
async def test_a_wish_that_makes_no_sense_is_told(home: Home, event: Event, named: str) -> None:
    async with home() as client:
        await client.write_event(event)
        assert named in Error.from_event(await _next(client)).text
        await _send(client, Ping())
        assert (await _next(client)).type == "pong"


async def test_what_means_nothing_here_is_left_alone(home: Home) -> None:
    async with home() as client:
        await _send(client, SelectProgram("Kitchen"), AudioChunk(audio=SOUND, **FORMAT), Ping())
        assert (await _next(client)).type == "pong"


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\n",
        b"[]\n",
        b'{"type": 7}\n',
        b'{"type": "ping", "payload_length": 1000000000000}\n',
        b'{"type": "ping", "data_length": -1}\n',
        b'{"type": "ping", "data_length": 2}\n[]',
        b"x" * 100_000,
    ],
    ids=range(7),
)
async def test_what_is_no_event_ends_the_connection(home: Home, line: bytes) -> None:
    async with home() as client:
        writer: Any = client._writer
        writer.write(line)
        error = Error.from_event(await _next(client))
        assert "event" in error.text
        assert await client.read_event() is None


async def test_a_sound_without_end_is_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch, transcriber: FakeTranscriber
) -> None:
    monkeypatch.setattr("loquent.wyoming.conversation.MAX_SOUND_BYTES", 20_000)
    async with home() as client:
        assert Error.from_event(await _say_to(client)).code == "payload_too_large"
    assert transcriber.calls == []


async def test_who_hangs_up_stops_the_work(home: Home, speaker: FakeSpeaker) -> None:
    async with home() as client:
        await _send(client, Synthesize("word " * 800))
        await _next(client)
        await client.disconnect()
        assert await asyncio.to_thread(speaker.was_closed.wait, LONG_S)


async def test_several_are_served_at_once(home: Home) -> None:
    async with home() as client, AsyncClient.from_uri(_address(client)) as other:
        await _send(other, AudioStart(**FORMAT))
        assert (await _say_to(client)).type == "transcript"
        await _send(other, AudioChunk(audio=SOUND, **FORMAT), AudioStop())
        assert (await _next(other)).type == "transcript"


def _address(client: Any) -> str:
    return f"tcp://127.0.0.1:{client.port}"
