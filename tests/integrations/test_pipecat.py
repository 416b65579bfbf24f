"""Pipecat listens and speaks by way of its services for OpenAI."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from typing import Any

import pytest

from loquent.domain.client_names import DEFAULT_ALIASES
from loquent.domain.errors import InputTooLongError
from tests.fakes.fake_speaker import RATE_HZ, WORD_S
from tests.wire.conftest import KEY, LiveServer

NEEDED = "needs `pip install 'pipecat-ai[openai]'`"

frames = pytest.importorskip("pipecat.frames.frames", reason=NEEDED)
listening = pytest.importorskip("pipecat.services.openai.stt", reason=NEEDED)
speaking = pytest.importorskip("pipecat.services.openai.tts", reason=NEEDED)

pytestmark = pytest.mark.filterwarnings("ignore")  # they are not ours


def _recording() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(bytes(32_000))
    return file.getvalue()


async def _all(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe"])
async def test_a_pipeline_hears(server: LiveServer, model: str) -> None:
    service = listening.OpenAISTTService
    ear = service(api_key=KEY, base_url=f"{server.url}/v1", settings=service.Settings(model=model))
    (heard,) = await _all(ear.run_stt(_recording()))
    await ear._client.close()
    assert isinstance(heard, frames.TranscriptionFrame)
    assert heard.text == "Hello there. General speech."
    (call,) = server.transcriber.calls
    assert (call.request.model, call.request.language) == (model, "en")


async def test_the_model_that_it_asks_for_by_itself_has_a_name_here(server: LiveServer) -> None:
    ear = listening.OpenAISTTService(api_key=KEY, base_url=f"{server.url}/v1")
    assert len(await _all(ear.run_stt(_recording()))) == 1
    await ear._client.close()
    (call,) = server.transcriber.calls
    assert call.request.model in DEFAULT_ALIASES


async def test_a_pipeline_speaks(server: LiveServer) -> None:
    service = speaking.OpenAITTSService
    mouth = service(
        api_key=KEY,
        base_url=f"{server.url}/v1",
        sample_rate=RATE_HZ,
        settings=service.Settings(model="tts-1", voice="alloy", speed=1.25),
    )
    mouth._sample_rate = RATE_HZ  # as the start of a pipeline sets it
    spoken = await _all(mouth.run_tts("three words here", "turn-1"))
    await mouth._client.close()
    sound = b"".join(f.audio for f in spoken if isinstance(f, frames.TTSAudioRawFrame))
    assert len(sound) == round(3 * WORD_S * RATE_HZ) * 2
    (request,) = server.speaker.requests
    assert (request.voice, request.speed) == ("alloy", 1.25)


async def test_an_error_becomes_a_frame(server: LiveServer) -> None:
    server.speaker.error = InputTooLongError("That is too long.")
    service = speaking.OpenAITTSService
    settings = service.Settings(model="tts-1", voice="alloy")
    mouth = service(api_key=KEY, base_url=f"{server.url}/v1", settings=settings)
    (error,) = await _all(mouth.run_tts("hm", "turn-1"))
    await mouth._client.close()
    assert isinstance(error, frames.ErrorFrame)
    assert "That is too long." in error.error
