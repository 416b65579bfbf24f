"""Have a voice of Azure speak a text; how the text is marked up is elsewhere.

Source: Microsoft's reference of the text to speech REST API.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.errors import UnsupportedOptionError, UpstreamRejectedError
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from loquent.providers.azure.locales import LOCALES, language_of
from loquent.providers.azure.ssml import ssml
from loquent.providers.pcm import chunks_of_pcm, planned
from loquent.providers.upstream import Call, UpstreamClient

SAMPLE_RATE_HZ: Final = 24_000
MAX_SPEECH_S: Final = 600
"""What is longer is cut off without a word of it."""

MIN_SPEED, MAX_SPEED = 0.5, 2.0

SPEECH_URL_QUIRK: Final = "speech_url"
"""Where texts are spoken: another host than the one that transcribes, in the same region."""

_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content-type": "application/ssml+xml",
        "x-microsoft-outputformat": "raw-24khz-16bit-mono-pcm",
        "user-agent": "loquent",
    }
)
_VOICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_-]{0,199}")
_LOCALE: Final = re.compile(r"([a-z]{2,3}-[A-Z]{2})-")
_LONGEST_ECHO: Final = 40


class AzureSpeaker:
    """A `Speaker` that hands texts to Azure's voices."""

    def __init__(self, client: UpstreamClient, endpoint: Endpoint) -> None:
        """Take the connections to the place that speaks, and the model."""
        self._client = client
        self._endpoint = endpoint

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        """Yield the plan once there is sound, then the sound.

        Raises: UpstreamError: also after ten minutes of sound, where the rest would be missing;
            UnsupportedOptionError: naming what would do.
        """
        if not self._client.access.base_url:
            raise UpstreamRejectedError(
                f"{self._client.access.id} has no address for speech; its operator must set the"
                f" quirk '{SPEECH_URL_QUIRK}'."
            )
        casting = _casting(self._endpoint, request)
        plan = SpeechPlan(casting, SAMPLE_RATE_HZ, len(request.text), n_pieces=0)
        call = Call(
            "/cognitiveservices/v1",
            headers=_HEADERS,
            content=_document(self._endpoint, request, casting),
        )
        async with (
            aclosing(self._client.sound(call)) as pieces,
            aclosing(chunks_of_pcm(pieces)) as chunks,
            aclosing(self._whole(chunks)) as whole,
            aclosing(planned(self._client.access, plan, whole)) as updates,
        ):
            async for update in updates:
                yield update

    async def _whole(self, chunks: AsyncIterator[SpeechChunk]) -> AsyncGenerator[SpeechChunk]:
        """Yield all sound, and fail where it ends because it is too long."""
        n_samples = 0
        async for chunk in chunks:
            n_samples += len(chunk.samples)
            yield chunk
        if n_samples >= MAX_SPEECH_S * SAMPLE_RATE_HZ:
            raise UpstreamRejectedError(
                f"{self._client.access.id} speaks for {MAX_SPEECH_S // 60} minutes at most and"
                " left out the rest; send the text in parts.",
                param="input",
            )


def _casting(endpoint: Endpoint, request: SpeechRequest) -> Casting:
    voice = _voice(endpoint, request.voice)
    return Casting(
        model=endpoint.model,
        voices=((voice, 1.0),),
        language=_language(endpoint, voice, request.language),
        ignored=tuple(sorted(request.settings)),
    )


def _voice(endpoint: Endpoint, wish: str) -> str:
    """Return the name of the voice that is meant; Azure has more than are listed here."""
    wanted = wish.strip()
    if not wanted and endpoint.voices:
        return endpoint.voices[0].id
    for known in endpoint.voices:
        if known.id.lower() == wanted.lower():
            return known.id
    if _VOICE.fullmatch(wanted) is None:
        raise UnsupportedOptionError(
            f"'{wanted[:_LONGEST_ECHO]}' is not the name of a voice of {endpoint.id}, as in"
            " 'en-US-AvaMultilingualNeural'.",
            param="voice",
        )
    return wanted


def _own_language(endpoint: Endpoint, voice: str) -> str:
    """Return the locale of a voice, which most have in their names."""
    named = _LOCALE.match(voice)
    known = {voice.id: voice.language for voice in endpoint.voices}
    return named[1] if named else known.get(voice, LOCALES["en"])


def _language(endpoint: Endpoint, voice: str, wish: str | None) -> str:
    """Return the locale in which a voice speaks: as asked for, or else its own."""
    own = _own_language(endpoint, voice)
    if not wish or Detail.LANGUAGE not in endpoint.details or wish == language_of(own):
        return own
    return LOCALES.get(wish, wish)


def _document(endpoint: Endpoint, request: SpeechRequest, casting: Casting) -> bytes:
    ((voice, _),) = casting.voices
    is_foreign = casting.language != _own_language(endpoint, voice)
    speed = request.speed if Detail.SPEED in endpoint.details else 1.0
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise UnsupportedOptionError(
            f"speed: {endpoint.id} speaks {MIN_SPEED:g} to {MAX_SPEED:g} times as fast as usual,"
            f" not {speed:g} times.",
            param="speed",
        )
    return ssml(request.text, voice, casting.language, is_foreign=is_foreign, speed=speed)
