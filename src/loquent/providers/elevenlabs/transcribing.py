"""Ask Scribe what is said in a recording; how its answers are read is elsewhere.

Source: ElevenLabs' API reference, "Create transcript".
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import SpeakerSearch
from loquent.domain.transcript import Segment, Task, Transcript
from loquent.providers.answers import terms
from loquent.providers.elevenlabs.reading import asks_for_channels, read_transcript
from loquent.providers.language_codes import iso_code
from loquent.providers.upstream import Call, UpstreamClient

MAX_SPEAKERS: Final = 32
MAX_KEYTERMS: Final = 1_000
MAX_KEYTERM_CHARACTERS: Final = 50
MAX_KEYTERM_WORDS: Final = 5

_UNFIT_FOR_KEYTERMS: Final = re.compile(r"[<>{}\[\]\\]")


class ElevenLabsTranscriber:
    """A `Transcriber` that hands recordings to one model of Scribe."""

    def __init__(
        self, client: UpstreamClient, endpoint: Endpoint, params: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Take the connection, the model there, and what each address ends in."""
        self._client = client
        self._endpoint = endpoint
        self._params = params

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        """Yield each segment, then the transcript; all of it comes at the end.

        Raises: UpstreamError; InvalidRequestError: it is to translate, or to hear channels alone
            where there is only one.
        """
        if request.task is not Task.TRANSCRIBE:
            raise UnsupportedOptionError(
                f"{self._endpoint.id} transcribes, but does not translate.", param="model"
            )
        answer = await self._client.answer(self._call(request, source))
        transcript = read_transcript(self._client.access, self._endpoint, request, answer)
        for segment in transcript.segments:
            yield segment
        yield transcript

    def _call(self, request: TranscriptionRequest, source: AudioSource) -> Call:
        return Call(
            "/v1/speech-to-text",
            params=self._params,
            form=tuple(_fields(self._endpoint, request)),
            file=source,
        )


def key_terms(hotwords: str) -> tuple[str, ...]:
    """Return what a caller expects to hear, without terms that are too long for Scribe."""
    found = (" ".join(_UNFIT_FOR_KEYTERMS.sub(" ", term).split()) for term in terms(hotwords))
    fit = dict.fromkeys(
        term
        for term in found
        if 0 < len(term) <= MAX_KEYTERM_CHARACTERS and len(term.split()) <= MAX_KEYTERM_WORDS
    )
    return tuple(fit)[:MAX_KEYTERMS]


def _fields(endpoint: Endpoint, request: TranscriptionRequest) -> Iterator[tuple[str, str]]:
    """Yield the fields of the form; nothing that the endpoint does not know is sent."""
    details = endpoint.details
    yield "model_id", endpoint.upstream_model
    yield "tag_audio_events", "false"
    yield "timestamps_granularity", "word" if Detail.WORDS in details else "none"
    if request.language and Detail.LANGUAGE in details:
        yield "language_code", iso_code(request.language)
    if request.speakers is not None and Detail.SPEAKERS in details:
        # Speakers are told apart by channel or by voice: one rules out the other.
        if asks_for_channels(request):
            yield "use_multi_channel", "true"
        else:
            yield from _speaker_fields(endpoint, request.speakers)
    if request.temperature and Detail.TEMPERATURE in details:
        yield "temperature", f"{request.temperature:g}"
    if Detail.HOTWORDS in details:
        for term in key_terms(request.hotwords):
            yield "keyterms", term
    for name in sorted(endpoint.extensions & request.extras.keys()):
        yield name, request.extras[name]


def _speaker_fields(endpoint: Endpoint, search: SpeakerSearch) -> Iterator[tuple[str, str]]:
    yield "diarize", "true"
    most = search.n_speakers or search.max_speakers
    if most and Detail.SPEAKER_COUNT in endpoint.details:
        yield "num_speakers", str(min(most, MAX_SPEAKERS))
