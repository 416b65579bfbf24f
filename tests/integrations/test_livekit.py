"""LiveKit agents listen and speak by way of their plugin for OpenAI."""

from __future__ import annotations

import pytest

from loquent.domain.errors import EngineError, InvalidAudioError
from tests.fakes.fake_speaker import RATE_HZ, WORD_S
from tests.wire.conftest import KEY, LiveServer

NEEDED = "needs `pip install livekit-agents livekit-plugins-openai`"

rtc = pytest.importorskip("livekit.rtc", reason=NEEDED)
agents = pytest.importorskip("livekit.agents", reason=NEEDED)
openai = pytest.importorskip("livekit.plugins.openai", reason=NEEDED)

pytestmark = pytest.mark.filterwarnings("ignore")  # they are not ours

ONCE = {"max_retry": 0, "timeout": 20.0}


def _sound() -> object:
    return rtc.AudioFrame(bytes(32_000), 16_000, 1, 16_000)


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-mini-transcribe"])
async def test_an_agent_hears(server: LiveServer, model: str) -> None:
    ear = openai.STT(base_url=f"{server.url}/v1", api_key=KEY, model=model, language="en")
    options = agents.APIConnectOptions(**ONCE)
    event = await ear.recognize(_sound(), conn_options=options)
    await ear.aclose()
    assert event.alternatives[0].text == "Hello there. General speech."
    (call,) = server.transcriber.calls
    assert (call.request.model, call.request.language) == (model, "en")


@pytest.mark.parametrize("model", ["tts-1", "gpt-4o-mini-tts"])
@pytest.mark.parametrize("form", ["pcm", "mp3", "wav"])
async def test_an_agent_speaks(server: LiveServer, model: str, form: str) -> None:
    mouth = openai.TTS(
        base_url=f"{server.url}/v1", api_key=KEY, model=model, voice="alloy", response_format=form
    )
    options = agents.APIConnectOptions(**ONCE)
    stream = mouth.synthesize("three words here", conn_options=options)
    frames = [heard.frame async for heard in stream]
    await stream.aclose()
    await mouth.aclose()
    n_samples = sum(frame.samples_per_channel for frame in frames)
    assert {frame.sample_rate for frame in frames} == {RATE_HZ}
    assert n_samples == pytest.approx(3 * WORD_S * RATE_HZ, abs=0.1 * RATE_HZ)
    assert server.speaker.requests[0].voice == "alloy"


async def test_errors_are_theirs(server: LiveServer) -> None:
    server.transcriber.script = [InvalidAudioError("That is no audio.")]
    ear = openai.STT(base_url=f"{server.url}/v1", api_key=KEY, model="whisper-1")
    with pytest.raises(agents.APIStatusError) as refused:
        await ear.recognize(_sound(), conn_options=agents.APIConnectOptions(**ONCE))
    await ear.aclose()
    assert (refused.value.status_code, refused.value.retryable) == (400, False)


async def test_a_voice_that_fails_is_told(server: LiveServer) -> None:
    server.speaker.error = EngineError("The voice is hoarse.")
    mouth = openai.TTS(base_url=f"{server.url}/v1", api_key=KEY, model="tts-1", voice="alloy")
    stream = mouth.synthesize("hm", conn_options=agents.APIConnectOptions(**ONCE))
    with pytest.raises(agents.APIStatusError) as failed:
        [heard async for heard in stream]
    await stream.aclose()
    await mouth.aclose()
    assert failed.value.status_code == 500
