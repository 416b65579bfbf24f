"""Live transcription at Deepgram.

Source: Deepgram's API reference, live audio; its guides to endpointing and interim results, to
utterance end, to finalize, and to keeping a connection alive.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import UpstreamError
from loquent.domain.live import LiveRequest
from loquent.domain.transcript import Word
from loquent.ports import LiveSession
from loquent.providers.failures import cleaned
from loquent.providers.language_codes import our_code
from loquent.providers.limits import UpstreamLimits
from loquent.providers.live_dialect import (
    Began,
    Done,
    Guessed,
    Result,
    Stopped,
    Understood,
)
from loquent.providers.live_frames import Fields, parsed
from loquent.providers.live_session import Line, remote_session
from loquent.providers.socket import Address, Frame

SAMPLE_RATE_HZ: Final = 16_000

_LEAST_UTTERANCE_END_MS: Final = 1_000
"""Source: Deepgram's guide to utterance end."""

_SLACK_S: Final = 0.05
"""A result that begins so little before a commit belongs to what follows it."""

_MULTILINGUAL: Final = ("nova-2", "nova-3")
_KEYTERMS: Final = ("nova-3", "flux")


class DeepgramLive:
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
        address = Address(
            url=f"{self._access.base_url}/v1/listen",
            query=_query(self._endpoint.upstream_model, request),
            headers={"authorization": f"Token {self._access.api_key}"},
        )
        line = Line(self._access, self._endpoint, self._limits, address)
        dialect = DeepgramDialect(self._access, ends_by_silence=request.ends_by_silence)
        async with remote_session(line, request, dialect) as session:
            yield session


class DeepgramDialect:
    """A `LiveDialect`: sound in binary frames, results in JSON.

    A result speaks of the sound from `start` on, for `duration`; once it is final the next one
    begins behind it. An utterance is a run of final results.
    """

    sample_rate_hz = SAMPLE_RATE_HZ
    least_frame_s = 0.0
    keep_alive: Frame | None = json.dumps({"type": "KeepAlive"})
    is_ready = True

    def __init__(self, access: ProviderAccess, *, ends_by_silence: bool) -> None:
        self._access = access
        self._ends_by_silence = ends_by_silence
        self._n_utterances = 0
        self._text = ""
        self._words: tuple[Word, ...] = ()
        self._language: str | None = None
        self._span_s: tuple[float, float] | None = None
        self._cuts_s: list[float] = []

    def greeting(self) -> Sequence[Frame]:
        """Return nothing: the address holds the terms."""
        return ()

    def sound(self, pcm: bytes) -> Frame:
        """Return the frame of the next sound."""
        return pcm

    def commit(self, at_s: float, /) -> Sequence[Frame]:
        """Return what makes final all that was sent."""
        self._cuts_s.append(at_s)
        return [json.dumps({"type": "Finalize"})]

    def clear(self, at_s: float, /) -> Sequence[Frame]:
        """Return what makes the next result begin behind all that was sent."""
        return self.commit(at_s)

    def finish(self, _at_s: float, /) -> Sequence[Frame]:
        """Return what ends the stream; the last results and `Metadata` follow."""
        return [json.dumps({"type": "CloseStream"})]

    def read(self, frame: Frame) -> Iterator[Result]:
        """Yield what a frame tells.

        Raises: UpstreamError.
        """
        message = parsed(self._access, frame)
        kind = message.text("type", "")
        if kind == "Results":
            yield from self._take_results(message)
        elif kind == "SpeechStarted" and self._ends_by_silence:
            yield Began(self._key, message.time_s("timestamp", default_s=0.0))
        elif kind == "UtteranceEnd" and self._ends_by_silence:
            yield from self._ended()
        elif kind == "Metadata":
            yield from self._ended()
            yield Done()
        elif kind == "Error":
            told = message.text("description", "") or message.text("message", "")
            reason = cleaned(self._access, told)
            raise UpstreamError(f"{self._access.id} failed: {reason}")

    def rest(self) -> Iterable[Result]:
        """Return the utterance that was not said to be over."""
        return self._ended()

    @property
    def _key(self) -> str:
        return str(self._n_utterances)

    def _take_results(self, message: Fields) -> Iterator[Result]:
        start_s = message.time_s("start")
        span_s = (start_s, start_s + message.time_s("duration"))
        best = next(iter(message.inner("channel").list("alternatives")), None)
        said = best.text("transcript", "").strip() if best is not None else ""
        if best is not None and said:
            words = tuple(_word(word) for word in best.list("words"))
            yield from self._cut_before(_start_s(words, span_s))
            if message.flag("is_final"):
                self._language = self._language or our_code(best.first_text("languages"))
            yield self._guess(said, words, span_s, is_final=message.flag("is_final"))
        if message.flag("from_finalize") and self._cuts_s:
            self._cuts_s.pop(0)
            yield from self._ended()
        elif message.flag("speech_final") and self._ends_by_silence:
            yield from self._ended(span_s[1])

    def _cut_before(self, start_s: float) -> Iterator[Result]:
        """End the utterance if what follows begins behind a commit, which may go unanswered."""
        while self._cuts_s and start_s >= self._cuts_s[0] - _SLACK_S:
            self._cuts_s.pop(0)
            yield from self._ended()

    def _guess(
        self, said: str, words: tuple[Word, ...], span_s: tuple[float, float], *, is_final: bool
    ) -> Guessed:
        """Return what the utterance seems to say with one result more, which may be kept."""
        text, whole = f"{self._text} {said}".strip(), self._words + words
        start_s = self._span_s[0] if self._span_s else _start_s(words, span_s)
        end_s = words[-1].end_s if words else span_s[1]
        if is_final:
            self._text, self._words, self._span_s = text, whole, (start_s, end_s)
        return Guessed(self._key, text, whole, start_s, end_s, settled=self._text)

    def _ended(self, heard_to_s: float | None = None) -> Iterator[Result]:
        """Tell what the utterance says whose results are all final, and begin the next one.

        Args:
            heard_to_s: up to where the sound has been understood, where that was told.
        """
        if not self._text:
            return
        if heard_to_s is not None:
            yield Stopped(self._key, heard_to_s)
        start_s, end_s = self._span_s or (0.0, 0.0)
        yield Understood(self._key, self._text, self._words, start_s, end_s, self._language)
        self._n_utterances += 1
        self._text, self._words, self._span_s, self._language = "", (), None, None


def _word(word: Fields) -> Word:
    return word.word(word.text("punctuated_word", "") or word.text("word"))


def _start_s(words: Sequence[Word], span_s: tuple[float, float]) -> float:
    return words[0].start_s if words else span_s[0]


def _query(model: str, request: LiveRequest) -> tuple[tuple[str, str], ...]:
    silence_ms = request.detection.silence_duration_ms
    query = [
        ("model", model),
        ("encoding", "linear16"),
        ("sample_rate", str(SAMPLE_RATE_HZ)),
        ("channels", "1"),
        ("interim_results", "true"),
        ("punctuate", "true"),
        ("smart_format", "true"),
        ("mip_opt_out", "true"),
    ]
    if request.ends_by_silence:
        query += [
            ("endpointing", str(silence_ms)),
            ("vad_events", "true"),
            ("utterance_end_ms", str(max(silence_ms, _LEAST_UTTERANCE_END_MS))),
        ]
    else:
        query.append(("endpointing", "false"))
    if language := request.language or ("multi" if model.startswith(_MULTILINGUAL) else ""):
        query.append(("language", language))
    field = "keyterm" if model.startswith(_KEYTERMS) else "keywords"
    terms = (term.strip() for term in request.hotwords.split(","))
    return (*query, *((field, term) for term in terms if term))
