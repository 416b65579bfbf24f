"""Deepgram as a provider: what it can do, and who does it; speaks no wire itself."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint, ProviderAccess
from loquent.domain.model import Capability
from loquent.ports import LiveTranscriber, Speaker, Transcriber
from loquent.providers.deepgram.live import DeepgramLive
from loquent.providers.deepgram.speaking import DeepgramSpeaker
from loquent.providers.deepgram.transcribing import EXTENSIONS, DeepgramTranscriber
from loquent.providers.kind import Kind
from loquent.providers.limits import UpstreamLimits
from loquent.providers.upstream import UpstreamClient


class DeepgramProvider:
    """Deepgram, reached with one key."""

    def __init__(self, access: ProviderAccess, limits: UpstreamLimits) -> None:
        """Take how it is reached, and the caps on what it sends."""
        self._access = access
        self._limits = limits
        authorization = {"authorization": f"Token {access.api_key}"} if access.api_key else {}
        self._client = UpstreamClient(access, authorization, limits)

    def transcriber(self, endpoint: Endpoint) -> Transcriber:
        """Return the path that transcribes recordings."""
        return DeepgramTranscriber(self._client, endpoint)

    def speaker(self, endpoint: Endpoint) -> Speaker:
        """Return the path that speaks texts."""
        return DeepgramSpeaker(self._client, endpoint)

    def live(self, endpoint: Endpoint) -> LiveTranscriber:
        """Return the path that follows live streams."""
        return DeepgramLive(self._access, endpoint, self._limits)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.close()


KIND: Final = Kind(
    connect=DeepgramProvider,
    powers=MappingProxyType(
        {
            Capability.TRANSCRIPTION: frozenset(
                {
                    Detail.SEGMENTS,
                    Detail.WORDS,
                    Detail.SPEAKERS,
                    Detail.LANGUAGE,
                    Detail.HOTWORDS,
                }
            ),
            Capability.SPEECH: frozenset({Detail.LANGUAGE, Detail.SPEED}),
            Capability.REALTIME: frozenset(
                {Detail.WORDS, Detail.LANGUAGE, Detail.HOTWORDS, Detail.COMMIT}
            ),
        }
    ),
    extensions=MappingProxyType({Capability.TRANSCRIPTION: EXTENSIONS}),
    base_url="https://api.deepgram.com",
)
