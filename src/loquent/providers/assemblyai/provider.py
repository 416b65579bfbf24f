"""AssemblyAI as a provider: what it can do, and who does it; speaks no wire itself."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint, ProviderAccess
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.model import Capability
from loquent.ports import LiveTranscriber, Speaker, Transcriber
from loquent.providers.assemblyai.asking import EXTENSIONS
from loquent.providers.assemblyai.jobs import Jobs, Pause
from loquent.providers.assemblyai.live import AssemblyAiLive
from loquent.providers.assemblyai.transcribing import AssemblyAiTranscriber
from loquent.providers.kind import Kind
from loquent.providers.limits import UpstreamLimits
from loquent.providers.upstream import UpstreamClient


class AssemblyAiProvider:
    """AssemblyAI, reached with one key."""

    def __init__(
        self, access: ProviderAccess, limits: UpstreamLimits, pause: Pause = asyncio.sleep
    ) -> None:
        """Take how it is reached, the caps on what it sends, and how to wait between polls."""
        self._access = access
        self._limits = limits
        authorization = {"authorization": access.api_key} if access.api_key else {}
        self._client = UpstreamClient(access, authorization, limits)
        self._jobs = Jobs(self._client, pause)

    def transcriber(self, endpoint: Endpoint) -> Transcriber:
        """Return the path that transcribes recordings."""
        return AssemblyAiTranscriber(self._access, endpoint, self._jobs)

    def speaker(self, endpoint: Endpoint) -> Speaker:
        """Refuse: AssemblyAI does not speak.

        Raises: UnsupportedOptionError.
        """
        raise UnsupportedOptionError(f"{endpoint.id} does not speak texts.", param="model")

    def live(self, endpoint: Endpoint) -> LiveTranscriber:
        """Return the path that follows live streams."""
        return AssemblyAiLive(self._access, endpoint, self._limits)

    async def close(self) -> None:
        """Remove what is still to be removed there, then let go of all connections."""
        await self._jobs.close()
        await self._client.close()


KIND: Final = Kind(
    connect=AssemblyAiProvider,
    powers=MappingProxyType(
        {
            Capability.TRANSCRIPTION: frozenset(
                {
                    Detail.SEGMENTS,
                    Detail.WORDS,
                    Detail.SPEAKERS,
                    Detail.SPEAKER_COUNT,
                    Detail.LANGUAGE,
                    Detail.PROMPT,
                    Detail.HOTWORDS,
                }
            ),
            Capability.REALTIME: frozenset({Detail.WORDS, Detail.HOTWORDS}),
        }
    ),
    extensions=MappingProxyType({Capability.TRANSCRIPTION: EXTENSIONS}),
    base_url="https://api.assemblyai.com",
)
