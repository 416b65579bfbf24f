"""One server on real weights for all tests that only ask it something."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import openai
import pytest

from tests.assets import clip, sample
from tests.live.server import RunningServer, serving

KEY = "lq_live_key"

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run everything in this folder in one worker, so that one server is enough."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("live"))
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder where the server keeps recordings while it works on them."""
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="session")
def loquent(uploads: Path) -> Iterator[RunningServer]:
    """Serve with a key, as a server that others may call does."""
    with serving(LOQUENT_API_KEY=KEY, TMPDIR=uploads) as server:
        yield server


@pytest.fixture(scope="session")
def client(loquent: RunningServer) -> Iterator[openai.OpenAI]:
    """Return the official client, which tries nothing twice."""
    with openai.OpenAI(base_url=f"{loquent.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the sample into a folder under the names that the API documents print."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, codec in (("audio.mp3", "mp3"), ("speech.m4a", "aac")):
        _encode(sample(), folder / name, codec)
    for name in ("speech.mp3", "tts-output.mp3"):
        (folder / name).write_bytes((folder / "audio.mp3").read_bytes())
    return folder


@pytest.fixture(scope="session")
def five_minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a clip seven times in a row: minutes of work."""
    with wave.open(str(clip("two-cities"))) as file:
        every, n_channels = file.getframerate() // 16_000, file.getnchannels()
        frames = file.readframes(file.getnframes())
    samples: npt.NDArray[np.int16] = np.frombuffer(frames, np.int16)[:: every * n_channels]
    target = tmp_path_factory.mktemp("long") / "long.wav"
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.tile(samples, 7).tobytes())
    return target


def _encode(source: Path, target: Path, codec: str) -> None:
    with av.open(source) as read, av.open(target, "w") as written:
        stream = written.add_stream(codec, rate=24_000)
        assert isinstance(stream, av.AudioStream)
        for frame in read.decode(audio=0):
            written.mux(stream.encode(frame))
        written.mux(stream.encode(None))
