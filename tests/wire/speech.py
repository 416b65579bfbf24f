"""What the tests of speech ask for, and how they read the answers."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Callable
from typing import Any

import av
import httpx2

from tests.fakes.fake_speaker import RATE_HZ, WORD_S
from tests.wire.conftest import KEY, LiveServer

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
