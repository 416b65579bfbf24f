"""Live transcription at OpenAI, and at whoever speaks its dialect, such as another Loquent.

Source: OpenAI's Realtime API reference, transcription sessions (GA), client and server events.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import (
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
)
from loquent.domain.live import LiveRequest
from loquent.ports import LiveSession
from loquent.providers.failures import cleaned, unreadable
from loquent.providers.limits import UpstreamLimits
from loquent.providers.live_dialect import (
    Began,
    Done,
    Guessed,
    Ready,
    Result,
    Stopped,
    Understood,
)
from loquent.providers.live_frames import MILLIS_PER_S, Fields, parsed
from loquent.providers.live_session import Line, remote_session
from loquent.providers.socket import Address, Frame

SAMPLE_RATE_HZ: Final = 24_000
"""The one rate of `audio/pcm`."""

MIN_COMMIT_S: Final = 0.1
"""Less sound than this makes no item."""

MAX_TEXT_CHARACTERS: Final = 1_000_000
"""Of one item."""

_EMPTY_COMMIT: Final = "input_audio_buffer_commit_empty"
_TRANSCRIPTION: Final = "conversation.item.input_audio_transcription"

_ERRORS: Final[Mapping[str, type[UpstreamError]]] = MappingProxyType(
    {
        "authentication_error": UpstreamKeyError,
        "invalid_api_key": UpstreamKeyError,
        "insufficient_quota": UpstreamKeyError,
        "invalid_request_error": UpstreamRejectedError,
        "model_not_found": UpstreamRejectedError,
        "rate_limit_error": UpstreamThrottledError,
        "rate_limit_exceeded": UpstreamThrottledError,
    }
)
"""By code or type of an `error` event; all others mean that the provider failed."""


class OpenAiLive:
    """A `LiveTranscriber` at one endpoint."""

    def __init__(self, access: ProviderAccess, endpoint: Endpoint, limits: UpstreamLimits) -> None:
        self._access = access
        self._endpoint = endpoint
        self._limits = limits

    @asynccontextmanager
    async def open(self, request: LiveRequest) -> AsyncIterator[LiveSession]:
        """Start a session; leaving the context closes the socket.

        Raises: UpstreamError.
        """
        key = self._access.api_key
        address = Address(
            url=f"{self._access.base_url}/realtime",
            query=(("intent", "transcription"),),
            headers={"authorization": f"Bearer {key}"} if key else {},
        )
        line = Line(self._access, self._endpoint, self._limits, address)
        dialect = OpenAiDialect(self._access, self._endpoint.upstream_model, request)
        async with remote_session(line, request, dialect) as session:
            yield session


class OpenAiDialect:
    """A `LiveDialect`: events in JSON both ways, each utterance an item of a conversation.

    It tells no times of words; those of utterances come from its detector of speech, or from where
    the caller ends them.
    """

    sample_rate_hz = SAMPLE_RATE_HZ
    least_frame_s = 0.0
    keep_alive: Frame | None = None
    is_ready = False

    def __init__(self, access: ProviderAccess, model: str, request: LiveRequest) -> None:
        self._access = access
        self._model = model
        self._request = request
        self._is_finishing = False
        self._commits_s: deque[float] = deque()
        self._stops_s: dict[str, float] = {}
        self._ends_s: dict[str, float] = {}
        self._owed: set[str] = set()
        self._texts: dict[str, str] = {}

    def greeting(self) -> Sequence[Frame]:
        """Return the terms."""
        return [_event("session.update", session=_session(self._model, self._request))]

    def sound(self, pcm: bytes) -> Frame:
        """Return the frame of the next sound."""
        return _event("input_audio_buffer.append", audio=b64encode(pcm).decode())

    def commit(self, at_s: float, /) -> Sequence[Frame]:
        """Return what makes an item of the buffer."""
        self._commits_s.append(at_s)
        return [_event("input_audio_buffer.commit")]

    def clear(self, _at_s: float, /) -> Sequence[Frame]:
        """Return what empties the buffer."""
        return [_event("input_audio_buffer.clear")]

    def finish(self, at_s: float, /) -> Sequence[Frame]:
        """Return what makes a last item of the rest; the answer tells that nothing else waits."""
        self._is_finishing = True
        self._commits_s.append(at_s)
        return [_event("input_audio_buffer.commit")]

    def read(self, frame: Frame) -> Iterator[Result]:
        """Yield what an event tells.

        Raises: UpstreamError.
        """
        event = parsed(self._access, frame)
        kind = event.text("type")
        if kind == "error":
            self._take_error(event)
        elif kind == "session.updated":
            yield Ready()
        elif kind.startswith("input_audio_buffer."):
            yield from self._take_buffer(kind.rpartition(".")[2], event)
        elif kind.startswith(_TRANSCRIPTION):
            yield from self._take_text(kind.rpartition(".")[2], event)
        if self._is_finishing and not self._commits_s and not self._owed:
            yield Done()

    def rest(self) -> Iterable[Result]:
        """Return nothing: every item has a last word of its own."""
        return ()

    def _take_buffer(self, kind: str, event: Fields) -> Iterator[Result]:
        if kind == "speech_started":
            start_s = event.time_s("audio_start_ms", per_s=MILLIS_PER_S)
            yield Began(event.text("item_id"), start_s)
        elif kind == "speech_stopped":
            key = event.text("item_id")
            self._owed.add(key)
            self._stops_s[key] = event.time_s("audio_end_ms", per_s=MILLIS_PER_S)
            yield Stopped(key, self._stops_s[key])
        elif kind == "committed":
            yield from self._take_committed(event.text("item_id"))

    def _take_committed(self, key: str) -> Iterator[Result]:
        """Tell where an item ends whose end was not told.

        An item that ends where we committed answers that, whoever ended it: nothing is left there.
        """
        self._owed.add(key)
        stop_s = self._stops_s.pop(key, None)
        if self._commits_s and (stop_s is None or stop_s >= self._commits_s[0] - MIN_COMMIT_S):
            at_s = self._commits_s.popleft()
            self._ends_s[key] = at_s if stop_s is None else stop_s
            is_rest = self._is_finishing and not self._commits_s
            # The rest of a stream may be silence, which is no utterance.
            if not is_rest:
                yield Stopped(key, self._ends_s[key])

    def _take_text(self, kind: str, event: Fields) -> Iterator[Result]:
        key = event.text("item_id")
        if kind == "delta":
            text = self._texts.get(key, "") + event.text("delta", "")
            if len(text) > MAX_TEXT_CHARACTERS:
                raise unreadable(self._access, "the text of an item does not end")
            self._texts[key] = text
            yield Guessed(key, text, settled=text)
        elif kind == "completed":
            self._forget(key)
            yield Understood(key, event.text("transcript"), end_s=self._ends_s.pop(key, None))
        elif kind == "failed":
            error = self._failure(event.inner("error"))
            yield Understood(key, self._forget(key), error=error)

    def _forget(self, key: str) -> str:
        """Return the deltas of an item whose last word is told."""
        self._owed.discard(key)
        return self._texts.pop(key, "")

    def _take_error(self, event: Fields) -> None:
        """Raises: UpstreamError: unless there was only nothing to commit."""
        error = event.inner("error")
        if error.text("code", "") != _EMPTY_COMMIT:
            raise self._failure(error)
        if self._commits_s:
            self._commits_s.popleft()

    def _failure(self, error: Fields) -> UpstreamError:
        kind = _ERRORS.get(error.text("code", "")) or _ERRORS.get(error.text("type", ""))
        if kind is UpstreamKeyError:
            return UpstreamKeyError(
                f"{self._access.id} refused the key of this server; its operator must see to it."
            )
        reason = cleaned(self._access, error.text("message", ""))
        return (kind or UpstreamError)(f"{self._access.id} failed: {reason}")


def _event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def _session(model: str, request: LiveRequest) -> dict[str, Any]:
    words = [word.strip() for word in request.hotwords.split(",") if word.strip()]
    prompt = ". ".join(text for text in (request.prompt, ", ".join(words)) if text)
    transcription = {"model": model}
    if request.language:
        transcription["language"] = request.language
    if prompt:
        transcription["prompt"] = prompt
    return {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": SAMPLE_RATE_HZ},
                "transcription": transcription,
                "turn_detection": _turns(request),
            }
        },
    }


def _turns(request: LiveRequest) -> dict[str, Any] | None:
    if not request.ends_by_silence:
        return None
    detection = request.detection
    return {
        "type": "server_vad",
        "threshold": detection.threshold,
        "prefix_padding_ms": detection.prefix_padding_ms,
        "silence_duration_ms": detection.silence_duration_ms,
    }
