"""Speech that a stand-in can understand: each word is sound of one loudness, which tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from starlette.applications import Starlette
from starlette.websockets import WebSocket

from loquent.domain.audio import Samples

LEXICON = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
WORD_S = 0.2
GAP_S = 0.1
PAUSE_S = 0.7
"""Between utterances, which are set apart by "|"."""

_STEP = 0.1
_FRAME_S = 0.01
_LEAST_FRAMES = 5


def speech(text: str, sample_rate_hz: int = 16_000) -> Samples:
    """Return the sound of `text`, such as "alpha bravo | charlie", with silence all around."""
    pieces = [_silence(PAUSE_S, sample_rate_hz)]
    for word in text.split():
        if word == "|":
            pieces.append(_silence(PAUSE_S, sample_rate_hz))
            continue
        loudness = (LEXICON.index(word) + 1) * _STEP
        n_samples = round(WORD_S * sample_rate_hz)
        pieces.append(np.full(n_samples, loudness, dtype=np.float32))
        pieces.append(_silence(GAP_S, sample_rate_hz))
    return np.concatenate([*pieces, _silence(PAUSE_S, sample_rate_hz)])


def pcm16(samples: Samples) -> bytes:
    """Return samples in 16 bits."""
    return (samples * 32767).astype("<i2").tobytes()


def _silence(duration_s: float, sample_rate_hz: int) -> Samples:
    return np.zeros(round(duration_s * sample_rate_hz), dtype=np.float32)


@dataclass
class SaidWord:
    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Heard:
    """What happened: speech began, a word more was understood, or a silence ended it."""

    kind: Literal["began", "grew", "ended"]
    words: Sequence[SaidWord]
    at_s: float


@dataclass
class Hearing:
    """Understands speech as it comes in; utterances end by `silence_s`, or by `end`."""

    sample_rate_hz: int
    silence_s: float
    words: list[SaidWord] = field(default_factory=list)
    _rest: bytes = b""
    _n_frames: int = 0
    _level: int = 0
    _n_same: int = 0

    @property
    def now_s(self) -> float:
        return self._n_frames * _FRAME_S

    def push(self, pcm: bytes) -> list[Heard]:
        """Take 16-bit samples, return what happened."""
        n_bytes = round(self.sample_rate_hz * _FRAME_S) * 2
        sound = self._rest + pcm
        n_whole = len(sound) // n_bytes * n_bytes
        self._rest = sound[n_whole:]
        frames = np.frombuffer(sound[:n_whole], dtype="<i2").reshape(-1, n_bytes // 2)
        return [heard for frame in frames for heard in self._push_frame(frame)]

    def end(self) -> list[SaidWord]:
        """End the utterance, return its words."""
        words, self.words = self.words, []
        return words

    def _push_frame(self, frame: Any) -> list[Heard]:
        level = round(float(np.mean(frame)) / 32768 / _STEP)
        self._n_same = self._n_same + 1 if level == self._level else 1
        self._level = level
        self._n_frames += 1
        if level == 0:
            return self._be_silent()
        if self._n_same < _LEAST_FRAMES:
            return []
        if self._n_same > _LEAST_FRAMES:
            if self.words:
                self.words[-1].end_s = self.now_s
            return []
        start_s = self.now_s - _LEAST_FRAMES * _FRAME_S
        began = [] if self.words else [Heard("began", (), start_s)]
        self.words.append(SaidWord(LEXICON[level - 1], start_s, self.now_s))
        return [*began, Heard("grew", tuple(self.words), self.now_s)]

    def _be_silent(self) -> list[Heard]:
        if not self.words or self.now_s - self.words[-1].end_s < self.silence_s:
            return []
        return [Heard("ended", self.end(), self.now_s)]


@dataclass
class Death:
    """How a stand-in ends a session after so much sound: as told, or with a close code."""

    after_s: float
    how: Literal["abruptly", "silently"] | int = "abruptly"


@dataclass
class LiveLog:
    """One session as the stand-in saw it."""

    query: dict[str, list[str]]
    headers: dict[str, str]
    sound: bytearray = field(default_factory=bytearray)
    messages: list[dict[str, Any]] = field(default_factory=list)
    has_obeyed: asyncio.Event = field(default_factory=asyncio.Event)
    has_left: asyncio.Event = field(default_factory=asyncio.Event)
    is_silent: bool = False

    @classmethod
    def of(cls, websocket: WebSocket) -> LiveLog:
        """Begin a log with what opens the socket."""
        params = websocket.query_params
        query = {name: params.getlist(name) for name in params}
        return cls(query, dict(websocket.headers))


class GoneError(Exception):
    """The session is over; the socket is left as it is."""


@dataclass
class LiveVendor:
    """What the stand-ins share.

    Attributes:
        deaths: of the sessions, in order; those beyond live.
        frames: sent, as they are, once speech is heard first.
    """

    deaths: list[Death | None] = field(default_factory=list)
    frames: list[str | bytes] = field(default_factory=list)
    sessions: list[LiveLog] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        raise NotImplementedError

    def enter(self, websocket: WebSocket) -> tuple[LiveLog, Death | None]:
        """Begin a session."""
        number = len(self.sessions)
        self.sessions.append(LiveLog.of(websocket))
        return self.sessions[-1], self.deaths[number] if number < len(self.deaths) else None

    async def tell_odd(self, websocket: WebSocket) -> None:
        """Send the odd frames that a test wants sent."""
        for frame in self.frames:
            if isinstance(frame, str):
                await websocket.send_text(frame)
            else:
                await websocket.send_bytes(frame)
        self.frames = []


async def die_if_due(
    websocket: WebSocket, log: LiveLog, death: Death | None, sample_rate_hz: int
) -> None:
    """Raises: GoneError: if the session ends here."""
    if death is None or len(log.sound) / 2 / sample_rate_hz < death.after_s:
        return
    if death.how == "silently":
        log.is_silent = True
    elif death.how == "abruptly":
        raise GoneError
    else:
        await websocket.close(death.how, "scripted end")
        raise GoneError
