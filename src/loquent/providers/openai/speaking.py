"""Has texts spoken by an OpenAI-compatible server; casts no voice but the endpoint's first.

Source: OpenAI's API reference, createSpeech.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from loquent.providers.openai.sounds import bare_stream, regrouped
from loquent.providers.pcm import chunks_of_pcm, planned
from loquent.providers.upstream import Call, Json, UpstreamClient

_DEFAULT_VOICE: Final = "alloy"
_LEAST_CHUNK_S: Final = 0.1
_LONGEST_CHUNK_S: Final = 0.5
_SAMPLE_BYTES: Final = 2


class OpenAiSpeaker:
    """A `Speaker` for one endpoint."""

    def __init__(self, client: UpstreamClient, endpoint: Endpoint) -> None:
        self._client = client
        self._endpoint = endpoint

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        """Yield the plan once the first sound is here, then the sound.

        Raises: UpstreamError.
        """
        access = self._client.access
        call = Call(path="/audio/speech", json=self._body(request))
        async with aclosing(self._client.sound(call)) as pieces:
            stream = await bare_stream(access, pieces)
            n_least, n_most = (
                round(length_s * stream.sample_rate_hz) * _SAMPLE_BYTES
                for length_s in (_LEAST_CHUNK_S, _LONGEST_CHUNK_S)
            )
            chunks = chunks_of_pcm(regrouped(stream.pieces, n_least, n_most))
            plan = self._plan(request, stream.sample_rate_hz)
            async with aclosing(planned(access, plan, chunks)) as updates:
                async for update in updates:
                    yield update

    def _voice(self, request: SpeechRequest) -> str:
        if request.voice:
            return request.voice
        return self._endpoint.voices[0].id if self._endpoint.voices else _DEFAULT_VOICE

    def _plan(self, request: SpeechRequest, sample_rate_hz: int) -> SpeechPlan:
        return SpeechPlan(
            casting=Casting(
                model=self._endpoint.model,
                voices=((self._voice(request), 1.0),),
                language=request.language or "",
            ),
            sample_rate_hz=sample_rate_hz,
            n_characters=len(request.text),
            n_pieces=0,
        )

    def _body(self, request: SpeechRequest) -> Json:
        body: Json = {
            "model": self._endpoint.upstream_model,
            "input": request.text,
            "voice": self._voice(request),
            "response_format": self._client.access.quirks.get("speech_format", "pcm"),
        }
        if request.speed != 1.0 and Detail.SPEED in self._endpoint.details:
            body["speed"] = request.speed
        if request.instructions:
            body["instructions"] = request.instructions
        known = self._endpoint.extensions - body.keys()
        return body | {name: text for name, text in request.extras.items() if name in known}
