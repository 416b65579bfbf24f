"""Speech from real voices, by the official clients and as a document prints it."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import openai
import pytest
import requests

from tests.cli.process import environment
from tests.live.conftest import HERE, KEY
from tests.live.node_client import run_node
from tests.live.server import RunningServer, wait_for

EXAMPLES = HERE / "examples"
A15T = "https://api.platform.a15t.com"
PANGRAM = "The quick brown fox jumps over the lazy dog."
STORY = (
    "The old lighthouse stood at the end of the road. Every evening, when the sun went down, the "
    "keeper climbed the stairs to light the lamp. Nobody in the village could remember a night "
    "without its light, and nobody wanted to."
)
BYTES_PER_SECOND = 2 * 24_000

_IN_FLIGHT = re.compile(r"^loquent_speeches_in_flight (\S+)$", re.MULTILINE)
LIMIT_S = 60.0


@pytest.fixture(scope="session")
def client(loquent: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{loquent.url}/v1", api_key=KEY, max_retries=0)


def _speak(server: RunningServer, text: str, **fields: object) -> requests.Response:
    body = {"model": "kokoro", "input": text, "response_format": "wav", **fields}
    return requests.post(
        f"{server.url}/v1/audio/speech", json=body, headers=server.headers, timeout=LIMIT_S
    )


def _read(sound: bytes) -> tuple[wave._wave_params, np.ndarray]:
    with wave.open(io.BytesIO(sound)) as file:
        return file.getparams(), np.frombuffer(file.readframes(file.getnframes()), "<i2")


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


# As a document prints it


def _printed(name: str, server: RunningServer) -> str:
    text, n_hosts = re.subn(re.escape(A15T), server.url, (EXAMPLES / name).read_text())
    assert n_hosts == 1
    return text.replace("sk-...", KEY)


@pytest.mark.parametrize(
    ("name", "sample_rate_hz"),
    [
        ("2-a15t-speech.python", 22_050),
        ("2-a15t-speech.curl", 22_050),
        ("2-a15t-speech-extensions.curl", 16_000),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_printed_examples_speak_korean(
    loquent: RunningServer, tmp_path: Path, name: str, sample_rate_hz: int
) -> None:
    is_curl = name.endswith(".curl")
    if is_curl and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    program = tmp_path / name
    program.write_text(_printed(name, loquent))
    subprocess.run(
        ["sh" if is_curl else sys.executable, program],
        cwd=tmp_path,
        env=environment(API_KEY=KEY),
        check=True,
        timeout=LIMIT_S,
    )
    parameters, samples = _read((tmp_path / "out.wav").read_bytes())
    assert parameters.framerate == sample_rate_hz
    assert 0.5 < parameters.nframes / parameters.framerate < 5
    assert np.abs(samples).max() > 3_000


def test_who_stands_in_for_a_voice_that_cannot_read_the_text_is_told(
    loquent: RunningServer,
) -> None:
    answer = _speak(loquent, "안녕하세요!", model="skt/axtts-2-6", voice="aria")
    assert answer.headers["x-loquent-model"] == "espeak"
    assert answer.headers["x-loquent-language"] == "ko"
    assert "Korean" in answer.headers["x-loquent-stand-in"]


# What is heard


@pytest.mark.parametrize("model", ["kokoro", "piper-en-us-joe"])
def test_what_is_spoken_is_understood(loquent: RunningServer, tmp_path: Path, model: str) -> None:
    recording = tmp_path / "spoken.wav"
    recording.write_bytes(_speak(loquent, PANGRAM, model=model).content)
    heard = loquent.post(recording, language="en").json()["text"]
    assert len(set(_words(PANGRAM)) & set(_words(heard))) >= 7, heard


@pytest.mark.parametrize("model", ["kokoro", "piper-en-us-joe", "espeak"])
@pytest.mark.parametrize("speed", [0.25, 2.0, 4.0])
def test_speed_is_honoured_by_every_engine(
    loquent: RunningServer, model: str, speed: float
) -> None:
    usual, changed = (
        len(_read(_speak(loquent, PANGRAM, model=model, speed=pace, language="en").content)[1])
        for pace in (1.0, speed)
    )
    assert usual / changed == pytest.approx(speed, rel=0.25)


@pytest.mark.slow
def test_a_mix_sounds_like_none_of_its_voices(loquent: RunningServer) -> None:
    voices = ("af_heart", "am_michael", "af_heart(1)+am_michael(1)")
    sounds = [_speak(loquent, PANGRAM, voice=voice) for voice in voices]
    assert len({answer.content for answer in sounds}) == len(voices)
    assert sounds[-1].headers["x-loquent-voice"] == "af_heart(0.5)+am_michael(0.5)"


def test_words_have_times_that_follow_each_other(loquent: RunningServer) -> None:
    answer = _speak(loquent, STORY, stream_format="sse", timestamps="word", response_format="pcm")
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    *deltas, done = [json.loads(line.removeprefix("data: ")) for line in lines]
    words = [word for delta in deltas for word in delta.get("words", ())]
    assert [word["word"] for word in words] == STORY.split()
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert times[-1] <= done["usage"]["seconds"]
    assert done["usage"]["input_tokens"] == len(STORY)


def test_captions_show_what_is_spoken(loquent: RunningServer) -> None:
    answer = requests.post(
        f"{loquent.url}/v1/audio/speech/captions",
        json={"model": "piper-en-us-joe", "input": STORY, "response_format": "srt"},
        headers=loquent.headers,
        timeout=LIMIT_S,
    )
    assert answer.text.startswith("1\n00:00:00,")
    shown = re.sub(r"\d+\n[\d:, >-]+\n", "", answer.text)
    assert _words(shown) == _words(STORY)


# The official clients


def test_sound_comes_while_the_rest_is_being_made(client: openai.OpenAI) -> None:
    speech = client.audio.speech.with_streaming_response
    with speech.create(
        model="kokoro", voice="af_heart", input=STORY, response_format="pcm"
    ) as answer:
        chunks = list(answer.iter_bytes())
    assert len(chunks) >= 3
    assert len(chunks[0]) < 4 * BYTES_PER_SECOND
    assert 8 < sum(map(len, chunks)) / BYTES_PER_SECOND < 30


def test_the_node_client_reads_speech_whole_and_in_chunks(loquent: RunningServer) -> None:
    told = json.loads(run_node(HERE / "node" / "speak.mjs", loquent.url, KEY, STORY))
    assert told["nBytes"] == told["total"] > 8 * BYTES_PER_SECOND
    assert told["nChunks"] >= 3
    assert told["type"] == "audio/pcm"


# Callers who leave


def test_speaking_stops_when_the_caller_hangs_up(loquent: RunningServer) -> None:
    body = {"model": "kokoro", "input": STORY * 10, "response_format": "pcm"}
    url, headers = f"{loquent.url}/v1/audio/speech", loquent.headers
    with requests.post(url, json=body, headers=headers, stream=True, timeout=LIMIT_S) as answer:
        assert answer.status_code == 200, answer.text
        chunks = answer.iter_content(1024)
        next(chunks)
        assert _n_speaking(loquent) == 1
    wait_for(lambda: _n_speaking(loquent) == 0, limit_s=4)
    wait_for(lambda: _n_running(loquent) == 0, limit_s=20)


def _n_speaking(server: RunningServer) -> int:
    found = _IN_FLIGHT.search(server.get("/metrics").text)
    assert found
    return int(float(found[1]))


def _n_running(server: RunningServer) -> int:
    models = server.get("/v1/status").json()["models"]
    return sum(model["n_running"] for model in models if model["model"] == "kokoro")
