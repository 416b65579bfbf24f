"""Let Deepgram's Aura speak a text; knows nothing of files of sound."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.errors import InvalidRequestError
from loquent.domain.model import Voice
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from loquent.pipeline.script.pieces import Piece, PieceLimits, cut_into_pieces
from loquent.providers.pcm import chunks_of_pcm, planned
from loquent.providers.upstream import Call, UpstreamClient

SAMPLE_RATE_HZ: Final = 24_000

_MAX_CHARACTERS: Final = 2_000
"""Aura refuses more in one request."""

_LIMITS: Final = PieceLimits(_MAX_CHARACTERS, _MAX_CHARACTERS, _MAX_CHARACTERS, growth=1.0)


@dataclass(frozen=True, slots=True)
class _AuraVoice:
    """Attributes: id: as callers name it. model: what Deepgram calls it."""

    id: str
    language: str
    model: str


class DeepgramSpeaker:
    """Speaks texts with the voices of one model of Deepgram's."""

    def __init__(self, client: UpstreamClient, endpoint: Endpoint) -> None:
        """Take the connections to Deepgram and the model."""
        self._client = client
        self._endpoint = endpoint

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        """Yield a plan once the first sound is here, then the sound as it comes.

        Raises: UpstreamError; InvalidRequestError: if there is nothing to speak, or nobody to.
        """
        script = cut_into_pieces(request.text, _LIMITS)
        if not script.pieces:
            raise InvalidRequestError(
                "There is nothing in the input that can be spoken.", param="input"
            )
        voice = _voice(self._endpoint, request)
        plan = SpeechPlan(
            casting=Casting(self._endpoint.model, ((voice.id, 1.0),), voice.language),
            sample_rate_hz=SAMPLE_RATE_HZ,
            n_characters=len(request.text),
            n_skipped=script.n_dropped,
            n_pieces=0,
        )
        params = _parameters(self._endpoint, request, voice)
        async with (
            aclosing(self._sound(script.pieces, params)) as chunks,
            aclosing(planned(self._client.access, plan, chunks)) as updates,
        ):
            async for update in updates:
                yield update

    async def _sound(
        self, pieces: Sequence[Piece], params: tuple[tuple[str, str], ...]
    ) -> AsyncGenerator[SpeechChunk]:
        for piece in pieces:
            call = Call("/v1/speak", params=params, json={"text": piece.text})
            async with (
                aclosing(self._client.sound(call)) as sound,
                aclosing(chunks_of_pcm(sound)) as chunks,
            ):
                async for chunk in chunks:
                    yield chunk


def _parameters(
    endpoint: Endpoint, request: SpeechRequest, voice: _AuraVoice
) -> tuple[tuple[str, str], ...]:
    """Return the query of `/v1/speak`. Source: Deepgram's API reference, text to speech."""
    is_paced = request.speed != 1.0 and Detail.SPEED in endpoint.details
    return (
        ("model", voice.model),
        ("encoding", "linear16"),
        ("sample_rate", str(SAMPLE_RATE_HZ)),
        ("container", "none"),
        ("mip_opt_out", "true"),
        *([("speed", f"{request.speed:g}")] if is_paced else []),
    )


def _voice(endpoint: Endpoint, request: SpeechRequest) -> _AuraVoice:
    """Find out who speaks: at Deepgram each voice is a model, "aura-2-thalia-en".

    Raises: InvalidRequestError: if no voice is named, and none is known.
    """
    family = f"{endpoint.upstream_model}-"
    known = _known(endpoint.voices, request, family)
    name = known.id if known else request.voice
    if not name:
        raise InvalidRequestError(
            f"{endpoint.id} needs a voice: name one of those that /v1/audio/voices lists.",
            param="voice",
        )
    if name.startswith(family):
        return _AuraVoice(name, name.rpartition("-")[2], name)
    language = known.language_code if known else (request.language or "en").partition("-")[0]
    return _AuraVoice(name, language, f"{family}{name}-{language}")


def _known(voices: Sequence[Voice], request: SpeechRequest, family: str) -> Voice | None:
    """Return the voice of that name, or of several the one of the language; the best for none.

    A voice that the catalog has by Deepgram's name for it goes by its bare name too.
    """
    named = [
        voice
        for voice in voices
        if request.voice in ("", voice.id) or voice.id.startswith(f"{family}{request.voice}-")
    ]
    code = (request.language or "").partition("-")[0]
    return next((voice for voice in named if voice.language_code == code), None) or next(
        iter(named), None
    )
