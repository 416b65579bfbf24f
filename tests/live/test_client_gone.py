"""A caller who hangs up in the middle of a long recording: nobody goes on working for them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests

from tests.assets import SAMPLE_TEXT, sample
from tests.live.server import RunningServer, wait_for

STOPPED_WITHIN_S = 4.0
"""A tenth of a second on an idle machine; five minutes of speech take far longer on any."""
LAST_BATCH_S = 6.0
"""A batch that runs is not interrupted: a stretch of 29 s takes so long on one core of a busy
machine."""

WATCHED_S = 1.0
IDLE_SHARE = 0.25
"""Of one core; a decoding child that replaces another one begins with some work."""

BUSY_S = 0.5
"""Processor time after which recognition is certainly under way."""


def test_work_stops_when_the_caller_hangs_up(
    loquent: RunningServer, five_minutes: Path, uploads: Path
) -> None:
    before_s = _cpu_s(loquent)
    with _uploaded(loquent, five_minutes):
        wait_for(lambda: loquent.n_in_flight() == 1, limit_s=5)
        wait_for(lambda: _cpu_s(loquent) - before_s > BUSY_S, limit_s=20)
    _check_stops(loquent, uploads)


def test_work_stops_when_the_reader_of_a_stream_hangs_up(
    loquent: RunningServer, five_minutes: Path, uploads: Path
) -> None:
    with _uploaded(loquent, five_minutes, stream="true") as line:
        seen = b""
        while b"transcript.text.delta" not in seen:
            seen += line.recv(4096)
        assert seen.startswith(b"HTTP/1.1 200")
        assert b"best of times" in seen
        assert loquent.n_in_flight() == 1
    _check_stops(loquent, uploads)


def test_a_caller_who_hangs_up_while_uploading_leaves_nothing(
    loquent: RunningServer, five_minutes: Path, uploads: Path
) -> None:
    head, body = _request(loquent, five_minutes)
    with _connected(loquent) as line:
        line.sendall(head + body[: len(body) // 2])
        wait_for(lambda: bool(_kept(uploads)), limit_s=5)
    wait_for(lambda: not _kept(uploads), STOPPED_WITHIN_S)


def _check_stops(server: RunningServer, uploads: Path) -> None:
    wait_for(lambda: server.n_in_flight() == 0, STOPPED_WITHIN_S)
    wait_for(lambda: _n_waiting(server) == 0, STOPPED_WITHIN_S)
    wait_for(lambda: _is_idle(server), LAST_BATCH_S + WATCHED_S)
    assert not _kept(uploads)
    assert server.post(sample()).json()["text"] == SAMPLE_TEXT


def _n_waiting(server: RunningServer) -> int:
    models = server.get("/v1/status").json()["models"]
    return sum(n for model in models for n in model["n_waiting"].values())


def _is_idle(server: RunningServer) -> bool:
    before_s = _cpu_s(server)
    time.sleep(WATCHED_S)
    return _cpu_s(server) - before_s < IDLE_SHARE * WATCHED_S


def _cpu_s(server: RunningServer) -> float:
    """Return the processor time of the server and of the children that live, so far."""
    total_s = 0.0
    for process in (psutil.Process(server.process.pid), *server.children()):
        times = process.cpu_times()
        total_s += times.user + times.system
    return total_s


def _kept(uploads: Path) -> list[Path]:
    return list(uploads.glob("loquent-upload-*"))


@contextmanager
def _uploaded(server: RunningServer, recording: Path, **fields: str) -> Iterator[socket.socket]:
    """Send a whole request; leaving the block hangs up."""
    head, body = _request(server, recording, **fields)
    with _connected(server) as line:
        line.sendall(head + body)
        yield line


def _connected(server: RunningServer) -> socket.socket:
    address = urlsplit(server.url)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout=20)


def _request(server: RunningServer, recording: Path, **fields: str) -> tuple[bytes, bytes]:
    """Write a request as the head and the body that go over the line."""
    prepared = requests.Request(
        "POST",
        f"{server.url}/v1/audio/transcriptions",
        headers=server.headers,
        files={"file": (recording.name, recording.read_bytes())},
        data={"model": "whisper-1", "language": "en", **fields},
    ).prepare()
    assert isinstance(prepared.body, bytes)
    lines = [f"POST {prepared.path_url} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in prepared.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode(), prepared.body
