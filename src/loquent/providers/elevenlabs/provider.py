"""What ElevenLabs offers, and how it is reached; what it is asked and answers is elsewhere."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint, ProviderAccess
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.model import Capability
from loquent.ports import LiveTranscriber, Speaker, Transcriber
from loquent.providers.elevenlabs.speaking import VOICE_SETTINGS, ElevenLabsSpeaker
from loquent.providers.elevenlabs.transcribing import ElevenLabsTranscriber
from loquent.providers.kind import Kind
from loquent.providers.limits import UpstreamLimits
from loquent.providers.upstream import UpstreamClient

LOGGING_QUIRK: Final = "logging"
"""Set to "off", nothing that is sent is kept; only accounts of enterprises may ask for that."""


class ElevenLabsProvider:
    """A `Provider` that speaks ElevenLabs' HTTP API."""

    def __init__(self, access: ProviderAccess, limits: UpstreamLimits | None = None) -> None:
        """Take how ElevenLabs is reached; calls nobody yet."""
        key = {"xi-api-key": access.api_key} if access.api_key else {}
        self._client = UpstreamClient(access, key, limits)
        is_kept = access.quirks.get(LOGGING_QUIRK) != "off"
        self._params = () if is_kept else (("enable_logging", "false"),)

    def transcriber(self, endpoint: Endpoint) -> Transcriber:
        """Return the path that transcribes recordings."""
        return ElevenLabsTranscriber(self._client, endpoint, self._params)

    def speaker(self, endpoint: Endpoint) -> Speaker:
        """Return the path that speaks texts."""
        return ElevenLabsSpeaker(self._client, endpoint, self._params)

    def live(self, endpoint: Endpoint) -> LiveTranscriber:
        """Raises: UnsupportedOptionError: there are no live streams here."""
        raise UnsupportedOptionError(
            f"{endpoint.id} transcribes no live streams; choose another model.", param="model"
        )

    async def close(self) -> None:
        """Let go of all connections."""
        await self._client.close()


KIND: Final = Kind(
    connect=ElevenLabsProvider,
    powers=MappingProxyType(
        {
            Capability.TRANSCRIPTION: frozenset(
                {
                    Detail.WORDS,
                    Detail.SPEAKERS,
                    Detail.SPEAKER_COUNT,
                    Detail.LANGUAGE,
                    Detail.HOTWORDS,
                    Detail.TEMPERATURE,
                }
            ),
            Capability.DIARIZATION: frozenset({Detail.SPEAKERS, Detail.SPEAKER_COUNT}),
            Capability.SPEECH: frozenset({Detail.SPEED, Detail.WORD_TIMES, Detail.LANGUAGE}),
        }
    ),
    extensions=MappingProxyType(
        {
            Capability.TRANSCRIPTION: frozenset({"diarization_threshold", "no_verbatim", "seed"}),
            Capability.SPEECH: frozenset(
                {*VOICE_SETTINGS, "apply_text_normalization", "next_text", "previous_text"}
            ),
        }
    ),
    base_url="https://api.elevenlabs.io",
)
