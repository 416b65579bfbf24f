"""Have a voice of ElevenLabs speak a text; how its lines are read is elsewhere.

Source: ElevenLabs' API reference, "Stream speech" and "Stream speech with timing".
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest, SpokenWord
from loquent.providers.elevenlabs.reading import SpokenWords, read_span
from loquent.providers.failures import unreadable
from loquent.providers.pcm import chunks_of_pcm, planned
from loquent.providers.upstream import Call, UpstreamClient

SAMPLE_RATE_HZ: Final = 24_000
SAMPLE_BYTES: Final = 2
MIN_SPEED, MAX_SPEED = 0.7, 1.2
VOICE_SETTINGS: Final = frozenset({"stability", "similarity_boost", "style"})

_VOICE: Final = re.compile(r"[A-Za-z0-9]{1,100}")
_LONGEST_ECHO: Final = 40


class ElevenLabsSpeaker:
    """A `Speaker` that hands texts to one model of ElevenLabs."""

    def __init__(
        self, client: UpstreamClient, endpoint: Endpoint, params: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Take the connection, the model there, and what each address ends in."""
        self._client = client
        self._endpoint = endpoint
        self._params = params

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        """Yield the plan once there is sound, then the sound.

        Raises: UpstreamError; UnsupportedOptionError: naming what would do.
        """
        plan = self._plan(request)
        timed = request.word_times and Detail.WORD_TIMES in self._endpoint.details
        call = self._call(request, plan.casting, timed=timed)
        async with (
            aclosing(self._client.sound(call)) as pieces,
            aclosing(self._timed(pieces) if timed else chunks_of_pcm(pieces)) as chunks,
            aclosing(planned(self._client.access, plan, chunks)) as updates,
        ):
            async for update in updates:
                yield update

    def _plan(self, request: SpeechRequest) -> SpeechPlan:
        voice = _voice(self._endpoint, request.voice)
        spoken = {known.id: known.language for known in self._endpoint.voices}
        settings = {
            name: value
            for name, value in request.settings.items()
            if name in VOICE_SETTINGS & self._endpoint.extensions
        }
        casting = Casting(
            model=self._endpoint.model,
            voices=((voice, 1.0),),
            language=request.language or spoken.get(voice, "und"),
            settings=settings,
            ignored=tuple(sorted(request.settings.keys() - settings.keys())),
        )
        return SpeechPlan(casting, SAMPLE_RATE_HZ, len(request.text), n_pieces=0)

    def _call(self, request: SpeechRequest, casting: Casting, *, timed: bool) -> Call:
        ((voice, _),) = casting.voices
        return Call(
            f"/v1/text-to-speech/{voice}/stream{'/with-timestamps' if timed else ''}",
            params=(("output_format", f"pcm_{SAMPLE_RATE_HZ}"), *self._params),
            json=_body(self._endpoint, request, casting),
        )

    async def _timed(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[SpeechChunk]:
        """Yield sound with the words that end in it; the last word ends with the last sound."""
        words = SpokenWords()
        ended: list[SpokenWord] = []
        held: SpeechChunk | None = None
        async with (
            aclosing(self._sound(pieces, words, ended)) as sound,
            aclosing(chunks_of_pcm(sound)) as chunks,
        ):
            async for chunk in chunks:
                if held is not None:
                    yield held
                held = replace(chunk, words=tuple(ended))
                ended.clear()
        if held is not None:
            yield replace(held, words=(*held.words, *ended, *words.rest()))

    async def _sound(
        self, pieces: AsyncIterator[bytes], words: SpokenWords, ended: list[SpokenWord]
    ) -> AsyncGenerator[bytes]:
        """Yield the sound in each line; add to `ended` the words that end there."""
        n_bytes = 0
        async for line in self._lines(pieces):
            span = read_span(self._client.access, line)
            ended += words.heard(span, n_bytes / SAMPLE_BYTES / SAMPLE_RATE_HZ)
            n_bytes += len(span.sound)
            yield span.sound

    async def _lines(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        rest = b""
        async for piece in pieces:
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > self._client.limits.max_event_bytes:
                raise unreadable(self._client.access, "a line does not end")
            for line in lines:
                if line.strip():
                    yield line
        if rest.strip():
            yield rest


def _voice(endpoint: Endpoint, wish: str) -> str:
    """Return the id of the voice that is meant; an account has more than are listed here."""
    wanted = wish.strip()
    if not wanted and endpoint.voices:
        return endpoint.voices[0].id
    for known in endpoint.voices:
        if known.id.lower() == wanted.lower():
            return known.id
    if _VOICE.fullmatch(wanted) is None:
        raise UnsupportedOptionError(
            f"'{wanted[:_LONGEST_ECHO]}' is not the id of a voice of {endpoint.id}: letters and"
            " digits, as in '21m00Tcm4TlvDq8ikWAM'.",
            param="voice",
        )
    return wanted


def _body(endpoint: Endpoint, request: SpeechRequest, casting: Casting) -> dict[str, Any]:
    body: dict[str, Any] = {
        "text": request.text.encode(errors="replace").decode(),
        "model_id": endpoint.upstream_model,
    }
    settings = {**casting.settings, **_pace(endpoint, request.speed)}
    if settings:
        body["voice_settings"] = settings
    if request.language and Detail.LANGUAGE in endpoint.details:
        body["language_code"] = request.language.partition("-")[0]
    handed_on = (endpoint.extensions - VOICE_SETTINGS) & request.extras.keys()
    return body | {name: request.extras[name] for name in sorted(handed_on)}


def _pace(endpoint: Endpoint, speed: float) -> dict[str, float]:
    if speed == 1.0 or Detail.SPEED not in endpoint.details:
        return {}
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise UnsupportedOptionError(
            f"speed: {endpoint.id} speaks {MIN_SPEED} to {MAX_SPEED} times as fast as usual,"
            f" not {speed:g} times.",
            param="speed",
        )
    return {"speed": speed}
