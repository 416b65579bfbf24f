"""Live transcription at AssemblyAI.

Source: AssemblyAI's API reference, universal streaming (v3); its pages on the sequence of messages
and on errors and closures of sessions.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Final

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import (
    UnsupportedOptionError,
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamUnavailableError,
)
from loquent.domain.live import LiveRequest
from loquent.ports import LiveSession
from loquent.providers.failures import cleaned
from loquent.providers.language_codes import our_code
from loquent.providers.limits import UpstreamLimits
from loquent.providers.live_dialect import (
    Began,
    Done,
    Guessed,
    Ready,
    Result,
    Understood,
)
from loquent.providers.live_frames import MILLIS_PER_S, Fields, parsed
from loquent.providers.live_session import Line, remote_session
from loquent.providers.socket import Address, Frame

LIVE_URL: Final = "wss://streaming.assemblyai.com"
"""Where it listens unless the quirk `live_url` names another host, such as the European one."""

SAMPLE_RATE_HZ: Final = 16_000

LEAST_FRAME_S: Final = 0.05
"""A shorter frame of sound ends the session, as does one that is longer than a second."""

_ERRORS: Final[Mapping[int, type[UpstreamError]]] = MappingProxyType(
    {
        1008: UpstreamKeyError,
        3005: UpstreamUnavailableError,
        3006: UpstreamRejectedError,
        3007: UpstreamRejectedError,
        3008: UpstreamUnavailableError,
        3009: UpstreamThrottledError,
        4001: UpstreamKeyError,
        4002: UpstreamKeyError,
        4003: UpstreamKeyError,
        4029: UpstreamThrottledError,
        4102: UpstreamThrottledError,
    }
)
"""By the code of an `Error`, with which it also closes."""

_TOO_MANY: Final = "too many concurrent sessions"
"""What sets this apart from a key that is refused, which has the same code."""


class AssemblyAiLive:
    """A `LiveTranscriber` at one endpoint."""

    def __init__(self, access: ProviderAccess, endpoint: Endpoint, limits: UpstreamLimits) -> None:
        self._access = access
        self._endpoint = endpoint
        self._limits = limits

    @asynccontextmanager
    async def open(self, request: LiveRequest) -> AsyncIterator[LiveSession]:
        """Start a session; leaving the context closes the socket.

        Raises: UnsupportedOptionError, UpstreamError.
        """
        if not request.ends_by_silence:
            raise UnsupportedOptionError(
                f"{self._access.id} ends utterances by silence, always. "
                "Turn that on, or choose another provider.",
                param="turn_detection",
            )
        address = Address(
            url=f"{self._access.quirks.get('live_url', LIVE_URL).rstrip('/')}/v3/ws",
            query=_query(self._endpoint.upstream_model, request),
            headers={"authorization": self._access.api_key},
            close_codes=_ERRORS,
        )
        line = Line(self._access, self._endpoint, self._limits, address)
        async with remote_session(line, request, AssemblyAiDialect(self._access)) as session:
            yield session


class AssemblyAiDialect:
    """A `LiveDialect`: sound in binary frames, turns in JSON.

    A turn that ended is told once more, with its punctuation; that is its last word.
    """

    sample_rate_hz = SAMPLE_RATE_HZ
    least_frame_s = LEAST_FRAME_S
    keep_alive: Frame | None = None
    is_ready = False

    def __init__(self, access: ProviderAccess) -> None:
        self._access = access
        self._ended: Understood | None = None
        self._next_order = 0

    def greeting(self) -> Sequence[Frame]:
        """Return nothing: the address holds the terms."""
        return ()

    def sound(self, pcm: bytes) -> Frame:
        """Return the frame of the next sound."""
        return pcm

    def commit(self, _at_s: float, /) -> Sequence[Frame]:
        """Return what ends the turn."""
        return [json.dumps({"type": "ForceEndpoint"})]

    def clear(self, at_s: float, /) -> Sequence[Frame]:
        """Return what makes the next turn begin behind all that was sent."""
        return self.commit(at_s)

    def finish(self, _at_s: float, /) -> Sequence[Frame]:
        """Return what ends the stream; the last turns and `Termination` follow."""
        return [json.dumps({"type": "Terminate"})]

    def read(self, frame: Frame) -> Iterator[Result]:
        """Yield what a frame tells.

        Raises: UpstreamError.
        """
        message = parsed(self._access, frame)
        kind = message.text("type", "")
        if kind == "Begin":
            yield Ready()
        elif kind == "SpeechStarted":
            start_s = message.time_s("timestamp", per_s=MILLIS_PER_S)
            yield Began(str(self._next_order), start_s)
        elif kind == "Turn":
            yield from self._take_turn(message)
        elif kind == "Termination":
            yield from self.rest()
            yield Done()
        elif kind == "Error" or (not kind and message.text("error", "")):
            raise self._failure(message)

    def rest(self) -> Iterable[Result]:
        """Return the turn that ended and was not told again with its punctuation."""
        ended, self._ended = self._ended, None
        return () if ended is None else (ended,)

    def _take_turn(self, turn: Fields) -> Iterator[Result]:
        key = str(int(turn.number("turn_order")))
        said = turn.text("transcript", "").strip()
        words = tuple(
            word.word(word.text("text"), per_s=MILLIS_PER_S) for word in turn.list("words")
        )
        start_s, end_s = (words[0].start_s, words[-1].end_s) if words else (None, None)
        if self._ended is not None and self._ended.key != key:
            yield from self.rest()
        if not turn.flag("end_of_turn"):
            text = " ".join(word.text for word in words) or said
            yield Guessed(key, text, words, start_s, end_s)
            return
        self._next_order = int(turn.number("turn_order")) + 1
        language = our_code(turn.text("language_code", ""))
        final = Understood(key, said, words, start_s, end_s, language)
        if turn.flag("turn_is_formatted") or not said:
            self._ended = None
            yield final
            return
        self._ended = final
        yield Guessed(key, said, words, start_s, end_s)

    def _failure(self, message: Fields) -> UpstreamError:
        reason = cleaned(self._access, message.text("error", ""))
        kind = _ERRORS.get(int(message.number("error_code", 0)), UpstreamError)
        if _TOO_MANY in reason.lower():
            kind = UpstreamThrottledError
        if kind is UpstreamKeyError:
            return UpstreamKeyError(
                f"{self._access.id} refused the key of this server; its operator must see to it."
            )
        return kind(f"{self._access.id} failed: {reason}")


def _query(model: str, request: LiveRequest) -> tuple[tuple[str, str], ...]:
    query = [
        ("speech_model", model),
        ("sample_rate", str(SAMPLE_RATE_HZ)),
        ("encoding", "pcm_s16le"),
        ("format_turns", "true"),
        ("max_turn_silence", str(request.detection.silence_duration_ms)),
    ]
    if terms := [term.strip() for term in request.hotwords.split(",") if term.strip()]:
        query.append(("keyterms_prompt", json.dumps(terms)))
    return tuple(query)
