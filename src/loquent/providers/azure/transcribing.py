"""Ask Azure's fast transcription what is said in a recording; does not read the answer itself.

Source: Microsoft's guide to the fast transcription API, and the client library of its version
2025-10-15.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.languages import name_of
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import SpeakerSearch
from loquent.domain.transcript import Segment, Task, Transcript
from loquent.providers.answers import terms
from loquent.providers.azure.locales import LOCALES
from loquent.providers.azure.reading import asks_for_channels, read_transcript
from loquent.providers.upstream import Call, UpstreamClient

API_VERSION: Final = "2025-10-15"
LOCALE_EXTENSION: Final = "locale"
"""A locale of Azure's, such as "de-AT", in the place of the language."""

EXTENSIONS: Final = frozenset({LOCALE_EXTENSION})
LEAST_MAX_SPEAKERS: Final = 2
MOST_MAX_SPEAKERS: Final = 35

_FIRST_TWO_CHANNELS: Final = (0, 1)
"""No more can be heard alone; of a recording with one, that one is heard."""


class AzureTranscriber:
    """A `Transcriber` that hands recordings to fast transcription."""

    def __init__(self, client: UpstreamClient, endpoint: Endpoint) -> None:
        """Take the connections to one resource, and the model."""
        self._client = client
        self._endpoint = endpoint

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        """Yield all segments once the whole recording was heard, then the transcript.

        Raises: UpstreamError; InvalidRequestError: it is to translate, knows no such language, or
            is to hear channels alone where there is only one.
        """
        if request.task is not Task.TRANSCRIBE:
            raise UnsupportedOptionError(
                f"{self._endpoint.id} transcribes, but does not translate.", param="model"
            )
        call = Call(
            "/speechtotext/transcriptions:transcribe",
            params=(("api-version", API_VERSION),),
            form=(("definition", json.dumps(definition(self._endpoint, request))),),
            file=source,
            file_field="audio",
        )
        answer = await self._client.answer(call)
        transcript = read_transcript(self._client.access, self._endpoint, request, answer)
        for segment in transcript.segments:
            yield segment
        yield transcript


def definition(endpoint: Endpoint, request: TranscriptionRequest) -> Mapping[str, Any]:
    """Return what is sent beside the recording; nothing that the endpoint does not know.

    Raises: UnsupportedOptionError: if Azure has no locale for the language.
    """
    told: dict[str, Any] = {
        "locales": _locales(endpoint, request),
        "profanityFilterMode": "None",
    }
    if request.speakers is not None and Detail.SPEAKERS in endpoint.details:
        # Speakers are told apart by channel or by voice: one rules out the other.
        if asks_for_channels(request):
            told["channels"] = _FIRST_TWO_CHANNELS
        else:
            told["diarization"] = _diarization(endpoint, request.speakers)
    expected = terms(request.hotwords) if Detail.HOTWORDS in endpoint.details else []
    if expected:
        told["phraseList"] = {"phrases": expected}
    return told


def _locales(endpoint: Endpoint, request: TranscriptionRequest) -> list[str]:
    """Return the one locale that is meant, or none, so that the language is detected."""
    if LOCALE_EXTENSION in endpoint.extensions and LOCALE_EXTENSION in request.extras:
        return [request.extras[LOCALE_EXTENSION].strip()]
    if request.language is None or Detail.LANGUAGE not in endpoint.details:
        return []
    if request.language not in LOCALES:
        raise UnsupportedOptionError(
            f"{endpoint.id} does not understand {name_of(request.language).capitalize()}.",
            param="language",
        )
    return [LOCALES[request.language]]


def _diarization(endpoint: Endpoint, search: SpeakerSearch) -> Mapping[str, Any]:
    most = search.n_speakers or search.max_speakers
    if not most or Detail.SPEAKER_COUNT not in endpoint.details:
        return {"enabled": True}
    n_most = min(max(most, LEAST_MAX_SPEAKERS), MOST_MAX_SPEAKERS)
    return {"enabled": True, "maxSpeakers": n_most}
