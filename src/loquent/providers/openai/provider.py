"""Reaches servers that speak the OpenAI wire; chooses none of them and no endpoint.

Quirks, by which an operator says how a server deviates from OpenAI:

- `granularities`: "one" for servers that take one granularity of times at a time (Mistral). Where
  words are wanted, they alone are asked for, and segments are made of them.
- `lists`: "plain" for servers that want lists without brackets in the names of their form fields,
  as in `timestamp_granularities` (Mistral).
- `diarise`: where the answer that tells speakers is the one that tells times, not `diarized_json`;
  "form" asks for it by `diarise=true` (another Loquent), "diarize" by `diarize=true` (Mistral,
  Together, Fireworks).
- `speech_format`: "wav" for servers that send no bare samples (Groq). Wav files are read wherever
  they come, so this only changes what is asked for.

All other deviations that are known are read without being told of; see `reading` and `events`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint, ProviderAccess
from loquent.domain.model import Capability
from loquent.ports import LiveTranscriber, Speaker, Transcriber
from loquent.providers.kind import Kind
from loquent.providers.limits import UpstreamLimits
from loquent.providers.openai.live import OpenAiLive
from loquent.providers.openai.speaking import OpenAiSpeaker
from loquent.providers.openai.transcribing import OpenAiTranscriber
from loquent.providers.upstream import UpstreamClient


class OpenAiProvider:
    """A `Provider` behind one address; its connections are shared by all its endpoints."""

    def __init__(self, access: ProviderAccess, limits: UpstreamLimits | None = None) -> None:
        self._access = access
        self._limits = limits or UpstreamLimits()
        authorization = {"authorization": f"Bearer {access.api_key}"} if access.api_key else {}
        self._client = UpstreamClient(access, authorization, self._limits)

    def transcriber(self, endpoint: Endpoint) -> Transcriber:
        """Return the path that transcribes and translates recordings."""
        return OpenAiTranscriber(self._client, endpoint)

    def speaker(self, endpoint: Endpoint) -> Speaker:
        """Return the path that speaks texts."""
        return OpenAiSpeaker(self._client, endpoint)

    def live(self, endpoint: Endpoint) -> LiveTranscriber:
        """Return the path that follows live streams."""
        return OpenAiLive(self._access, endpoint, self._limits)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.close()


KIND: Final = Kind(
    connect=OpenAiProvider,
    powers=MappingProxyType(
        {
            Capability.TRANSCRIPTION: frozenset(
                {
                    Detail.SEGMENTS,
                    Detail.WORDS,
                    Detail.SPEAKERS,
                    Detail.KNOWN_SPEAKERS,
                    Detail.LOGPROBS,
                    Detail.STREAM,
                    Detail.LANGUAGE,
                    Detail.PROMPT,
                    Detail.HOTWORDS,
                    Detail.TEMPERATURE,
                }
            ),
            Capability.TRANSLATION: frozenset({Detail.SEGMENTS, Detail.PROMPT, Detail.TEMPERATURE}),
            Capability.SPEECH: frozenset({Detail.SPEED, Detail.INSTRUCTIONS}),
            Capability.REALTIME: frozenset({Detail.LANGUAGE, Detail.PROMPT, Detail.COMMIT}),
        }
    ),
)
