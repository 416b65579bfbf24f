"""Open WebUI's calls, as its server makes them with `requests` and aiohttp.

Source: its backend/open_webui/routers/audio.py, engines "openai" for both directions.
"""

from __future__ import annotations

import io
import json

import requests

from loquent.domain.errors import EngineError
from tests.fakes.fake_speaker import RATE_HZ
from tests.wire.conftest import KEY, LiveServer

LIMIT_S = 30
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
BROWSER = {"Content-Type": "application/json", **AUTHORIZATION, "X-OpenWebUI-User-Name": "Ann"}


def test_the_models_are_listed_without_a_key(server: LiveServer) -> None:
    response = requests.get(f"{server.url}/v1/audio/models", timeout=LIMIT_S)
    response.raise_for_status()
    assert {"id": "whisper-1"} in response.json().get("models", [])


def test_the_voices_are_listed_without_a_key(server: LiveServer) -> None:
    response = requests.get(f"{server.url}/v1/audio/voices", timeout=LIMIT_S)
    response.raise_for_status()
    voices = {voice["id"]: voice["name"] for voice in response.json().get("voices", [])}
    assert voices["hum"] == "hum (en-US, fake/hummer)"


def test_a_recording_is_sent_with_its_model_alone(server: LiveServer) -> None:
    response = requests.post(
        url=f"{server.url}/v1/audio/transcriptions",
        headers=AUTHORIZATION,
        files={"file": ("8c5e3a.wav", io.BytesIO(b"RIFF of a talk"))},
        data={"model": "whisper-1"},
        timeout=LIMIT_S,
    )
    response.raise_for_status()
    answer = response.json()
    assert answer["text"] == "Hello there. General speech."
    assert json.dumps({**answer, "filename": "8c5e3a.wav"})
    (call,) = server.transcriber.calls
    assert call.request.language is None


def test_a_message_is_read_aloud(server: LiveServer) -> None:
    payload = {"input": "three words here", "voice": "alloy", "model": "tts-1"}
    response = requests.post(
        f"{server.url}/v1/audio/speech", json=payload, headers=BROWSER, timeout=LIMIT_S
    )
    response.raise_for_status()
    assert response.headers["content-type"] == "audio/mpeg"
    assert len(response.content) > RATE_HZ // 100
    assert server.speaker.requests[0].voice == "alloy"


def test_an_error_is_found_where_it_looks_for_it(server: LiveServer) -> None:
    server.speaker.error = EngineError("The voice is hoarse.")
    payload = {"input": "hm", "voice": "alloy", "model": "tts-1"}
    response = requests.post(
        f"{server.url}/v1/audio/speech", json=payload, headers=BROWSER, timeout=LIMIT_S
    )
    assert response.status_code == 500
    assert response.json()["error"].get("message", "") == "The voice is hoarse."


def test_a_key_that_is_wrong_is_an_error_of_the_same_shape(server: LiveServer) -> None:
    response = requests.post(
        url=f"{server.url}/v1/audio/transcriptions",
        headers={"Authorization": "Bearer "},
        files={"file": ("8c5e3a.wav", io.BytesIO(b"RIFF of a talk"))},
        data={"model": "whisper-1"},
        timeout=LIMIT_S,
    )
    assert response.status_code == 401
    assert response.json()["error"]["message"]
