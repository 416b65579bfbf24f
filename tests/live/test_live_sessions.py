"""Live transcription on real weights: clients that vanish, engines that die, servers that end."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from loquent.codec.decoder import decode_windows
from loquent.codec.sniff import sniff
from tests.assets import SAMPLE_TEXT, sample
from tests.live.server import RunningServer, serving, wait_for

pytestmark = pytest.mark.engine

PATH = "/v1/audio/transcriptions-realtime?model=whisper-1"
TIMEOUT_S = 60.0
CHUNK_BYTES = 3_201
"""Odd, so that samples are cut in two."""


@pytest.fixture(scope="module")
def speech() -> bytes:
    with sample().open("rb") as file:
        samples = np.concatenate([*decode_windows(file, sniff(file), max_audio_s=0)])
    return (samples * 32_767).astype("<i2").tobytes()


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving() as server:
        yield server


@contextmanager
def session(server: RunningServer) -> Iterator[ClientConnection]:
    url = server.url.replace("http", "ws", 1) + PATH
    with connect(url, additional_headers=server.headers, proxy=None) as connection:
        connection.send(json.dumps({"sample_rate": 16_000, "language": "en"}))
        yield connection


def send(connection: ClientConnection, speech: bytes) -> None:
    for begin in range(0, len(speech), CHUNK_BYTES):
        connection.send(speech[begin : begin + CHUNK_BYTES])


def frames(connection: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Return everything that still comes, and the code of the close."""
    found: list[dict[str, Any]] = []
    with suppress(ConnectionClosed):
        found.extend(json.loads(frame) for frame in connection)
    assert connection.close_code is not None
    return found, connection.close_code


def finals(found: list[dict[str, Any]]) -> str:
    return " ".join(f["text"] for f in found if f["message_type"] == "FinalTranscript")


def n_sessions(server: RunningServer) -> int:
    gauge = re.search(r"^loquent_live_sessions (\S+)$", server.get("/metrics").text, re.MULTILINE)
    assert gauge
    return int(float(gauge[1]))


def heard_s(server: RunningServer) -> float:
    """Return how much the only session has heard."""
    sessions = server.get("/v1/status").json()["live_sessions"]
    return float(sessions[0]["heard_s"]) if sessions else 0.0


def plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).lower().strip()


def test_speech_that_comes_at_once_is_understood_whole(
    server: RunningServer, speech: bytes
) -> None:
    with session(server) as connection:
        send(connection, speech)
        connection.send('{"done": true}')
        found, code = frames(connection)
    assert code == 1000
    assert plain(finals(found)) == plain(SAMPLE_TEXT)


def test_a_client_that_vanishes_leaves_nothing_behind(server: RunningServer, speech: bytes) -> None:
    for _ in range(5):
        with session(server) as connection:
            send(connection, speech[:48_000])
            connection.socket.close()
    wait_for(lambda: n_sessions(server) == 0, TIMEOUT_S)
    status = server.get("/v1/status").json()
    assert status["live_sessions"] == []
    assert all(n == 0 for model in status["models"] for n in model["n_waiting"].values())


def test_a_model_that_dies_costs_no_words(server: RunningServer, speech: bytes) -> None:
    with session(server) as connection:
        send(connection, speech)
        engine = next(c for c in server.children() if "loquent.engines.host.child" in c.cmdline())
        engine.kill()
        psutil.wait_procs([engine], timeout=TIMEOUT_S)
        connection.send('{"done": true}')
        found, code = frames(connection)
    assert code == 1000
    assert plain(finals(found)) == plain(SAMPLE_TEXT)


def test_a_server_that_ends_hands_over_what_it_has_heard(speech: bytes) -> None:
    with serving() as ending, session(ending) as connection:
        send(connection, speech)
        wait_for(lambda: heard_s(ending) >= len(speech) / 32_000 - 0.1, TIMEOUT_S)
        ending.process.send_signal(signal.SIGTERM)
        found, code = frames(connection)
    assert code == 1012
    assert plain(finals(found)) == plain(SAMPLE_TEXT)
