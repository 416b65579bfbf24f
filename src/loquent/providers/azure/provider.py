"""What Azure Speech offers, and how it is reached; what it is asked and answers is elsewhere."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint, ProviderAccess
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.model import Capability
from loquent.ports import LiveTranscriber, Speaker, Transcriber
from loquent.providers.azure.speaking import SPEECH_URL_QUIRK, AzureSpeaker
from loquent.providers.azure.transcribing import EXTENSIONS, AzureTranscriber
from loquent.providers.kind import Kind
from loquent.providers.limits import UpstreamLimits
from loquent.providers.upstream import UpstreamClient


class AzureProvider:
    """A `Provider` that speaks the REST APIs of one resource of Azure Speech."""

    def __init__(self, access: ProviderAccess, limits: UpstreamLimits | None = None) -> None:
        """Take how the resource is reached; calls nobody yet."""
        key = {"ocp-apim-subscription-key": access.api_key} if access.api_key else {}
        self._listening = UpstreamClient(access, key, limits)
        speech_url = access.quirks.get(SPEECH_URL_QUIRK, "").rstrip("/")
        self._speaking = UpstreamClient(replace(access, base_url=speech_url), key, limits)

    def transcriber(self, endpoint: Endpoint) -> Transcriber:
        """Return the path that transcribes recordings."""
        return AzureTranscriber(self._listening, endpoint)

    def speaker(self, endpoint: Endpoint) -> Speaker:
        """Return the path that speaks texts."""
        return AzureSpeaker(self._speaking, endpoint)

    def live(self, endpoint: Endpoint) -> LiveTranscriber:
        """Raises: UnsupportedOptionError: there are no live streams here."""
        raise UnsupportedOptionError(
            f"{endpoint.id} transcribes no live streams; choose another model.", param="model"
        )

    async def close(self) -> None:
        """Let go of all connections."""
        await self._listening.close()
        await self._speaking.close()


KIND: Final = Kind(
    connect=AzureProvider,
    powers=MappingProxyType(
        {
            Capability.TRANSCRIPTION: frozenset(
                {
                    Detail.SEGMENTS,
                    Detail.WORDS,
                    Detail.SPEAKERS,
                    Detail.SPEAKER_COUNT,
                    Detail.LANGUAGE,
                    Detail.HOTWORDS,
                }
            ),
            Capability.DIARIZATION: frozenset({Detail.SPEAKERS, Detail.SPEAKER_COUNT}),
            Capability.SPEECH: frozenset({Detail.SPEED, Detail.LANGUAGE}),
        }
    ),
    extensions=MappingProxyType({Capability.TRANSCRIPTION: EXTENSIONS}),
)
