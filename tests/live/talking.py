"""Speaks into live sockets of both dialects, on real servers."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from loquent.codec.decoder import decode_windows
from loquent.codec.sniff import sniff
from tests.assets import sample
from tests.live.server import RunningServer

RATE_HZ: Final = 24_000
"""The one that both dialects take."""

CHUNK_BYTES: Final = 9_600
CLOSED_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Ending:
    """What a session was told before it was closed, and how it was."""

    text: str
    code: int
    reason: str


@dataclass
class Session:
    """A caller on an open socket."""

    dialect: Dialect
    connection: ClientConnection
    finals: list[str] = field(default_factory=list)

    def say(self, sound: bytes) -> None:
        """Send sound; no word says that there is no more."""
        for begin in range(0, len(sound), CHUNK_BYTES):
            self.connection.send(self.dialect.framed(sound[begin : begin + CHUNK_BYTES]))

    def ending(self) -> Ending:
        """Return what still comes, once the socket is closed."""
        try:
            while True:
                frame = json.loads(self.connection.recv(timeout=CLOSED_WITHIN_S))
                if frame.get(self.dialect.kind_in) == self.dialect.kind_of_final:
                    self.finals.append(frame[self.dialect.text_in])
        except ConnectionClosed as closed:
            given = closed.rcvd
            code, reason = (given.code, given.reason) if given else (1006, "")
        return Ending(" ".join(text for text in self.finals if text), code, reason)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to speak on one kind of socket.

    Attributes:
        kind_in: where a frame says what it is.
        text_in: where a final has its text.
    """

    name: str
    path: str
    first: dict[str, Any]
    kind_in: str
    kind_of_final: str
    text_in: str
    is_json: bool

    @contextmanager
    def session(self, url: str) -> Iterator[Session]:
        """Connect to a server, or what stands before it, and say what the sound will be like."""
        address = url.replace("http", "ws", 1) + self.path
        with connect(address, proxy=None) as connection:
            connection.send(json.dumps(self.first))
            yield Session(self, connection)

    def framed(self, sound: bytes) -> str | bytes:
        if not self.is_json:
            return sound
        return json.dumps({"type": "input_audio_buffer.append", "audio": b64encode(sound).decode()})


DIALECTS: Final = (
    Dialect(
        "a15t",
        "/v1/audio/transcriptions-realtime?model=whisper-tiny.en",
        {"sample_rate": RATE_HZ, "language": "en"},
        "message_type",
        "FinalTranscript",
        "text",
        is_json=False,
    ),
    Dialect(
        "openai",
        "/v1/realtime?intent=transcription&model=whisper-tiny.en",
        {"type": "session.update", "session": {"type": "transcription"}},
        "type",
        "conversation.item.input_audio_transcription.completed",
        "transcript",
        is_json=True,
    ),
)


@cache
def speech() -> bytes:
    """Return the sample as both dialects take it: 16 bits, mono."""
    with sample().open("rb") as file:
        heard = np.concatenate([*decode_windows(file, sniff(file), max_audio_s=0)])
    n_samples = len(heard) * RATE_HZ // 16_000
    times = np.arange(n_samples) * 16_000 / RATE_HZ
    samples = np.interp(times, np.arange(len(heard)), heard)
    return bytes((samples * 32_767).astype("<i2").tobytes())


def n_heard(server: RunningServer, n_bytes: int) -> int:
    """Return how many sessions have heard so much sound."""
    sessions = server.get("/v1/status").json()["live_sessions"]
    return sum(each["heard_s"] >= n_bytes / (2 * RATE_HZ) - 0.2 for each in sessions)


def plain(text: str) -> str:
    """Return the words alone."""
    return re.sub(r"\W+", " ", text).lower().strip()
