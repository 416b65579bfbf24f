"""Answer who can speak here; knows nothing of how."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query

from loquent.api.dialects import DIALECTS
from loquent.api.openapi import error_answers
from loquent.api.sample_sentences import SAMPLE_SENTENCES
from loquent.api.schemas import SpeakingVoice, VoiceList
from loquent.domain.errors import AuthenticationError
from loquent.domain.model import Voice
from loquent.domain.status import ModelStatus
from loquent.ports import VoiceDirectory

VOICES_PATH = "/audio/voices"


def add_voice_routes(app: FastAPI, directory: VoiceDirectory) -> None:
    """Add the list of voices, under every prefix."""

    async def list_voices(
        model: Annotated[str | None, Query(description="id or alias of a model")] = None,
        language: Annotated[str | None, Query(description="as in en or en-US")] = None,
    ) -> VoiceList:
        """List every voice of every installed model."""
        return VoiceList(
            voices=[
                _voice(status, voice)
                for status, voice in directory.voices()
                if model in (None, status.card.id, *status.aliases)
                and (language is None or _is_of(voice, language))
            ],
            aliases=dict(directory.other_names()),
        )

    for prefix, dialect in DIALECTS.items():
        app.add_api_route(
            prefix + VOICES_PATH,
            list_voices,
            methods=["GET"],
            responses=error_answers((AuthenticationError,), dialect.error_style),
        )


def _is_of(voice: Voice, language: str) -> bool:
    return language.lower() in (voice.language.lower(), voice.language_code)


def _voice(status: ModelStatus, voice: Voice) -> SpeakingVoice:
    return SpeakingVoice(
        id=voice.id,
        name=f"{voice.id} ({voice.language}, {status.card.id})",
        model=status.card.id,
        language=voice.language,
        gender=voice.gender,
        sample_text=SAMPLE_SENTENCES.get(voice.language_code, ""),
    )
