"""Ask Deepgram what is said in a recording; does not read the answer itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import Final

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.providers.answers import asks_for_channels, terms
from loquent.providers.deepgram.reading import read_transcript
from loquent.providers.upstream import Call, UpstreamClient

EXTENSIONS: Final = frozenset(
    {"dictation", "filler_words", "measurements", "numerals", "profanity_filter", "redact", "tag"}
)
"""Query parameters that are handed on. Source: Deepgram's API reference, pre-recorded audio."""

_REPEATED: Final = frozenset({"redact", "tag"})
_MAX_TERMS: Final = 100
_KEYTERM_MODELS: Final = ("nova-3", "flux")


class DeepgramTranscriber:
    """Transcribes recordings with one model of Deepgram's."""

    def __init__(self, client: UpstreamClient, endpoint: Endpoint) -> None:
        """Take the connections to Deepgram and the model."""
        self._client = client
        self._endpoint = endpoint

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        """Yield all segments once the whole recording was heard, then the transcript.

        Raises: UpstreamError; InvalidRequestError: if channels are to be heard alone, and there is
            only one.
        """
        params = parameters(self._endpoint, request)
        answer = await self._client.answer(Call("/v1/listen", params=params, file=source))
        transcript = read_transcript(self._client.access, self._endpoint, request, answer)
        for segment in transcript.segments:
            yield segment
        yield transcript


def parameters(endpoint: Endpoint, request: TranscriptionRequest) -> tuple[tuple[str, str], ...]:
    """Return the query of `/v1/listen`.

    `mip_opt_out` keeps the recording out of Deepgram's training.
    """
    return (
        ("model", endpoint.upstream_model),
        _language(endpoint, request),
        ("smart_format", "true"),
        ("punctuate", "true"),
        ("mip_opt_out", "true"),
        *_speakers(endpoint, request),
        *_expected(endpoint, request),
        *_extras(endpoint, request),
    )


def _language(endpoint: Endpoint, request: TranscriptionRequest) -> tuple[str, str]:
    """Models of one language cannot detect another, and refuse to be asked for it."""
    if request.language:
        return "language", request.language
    if len(endpoint.languages) == 1:
        return "language", endpoint.languages[0]
    return "detect_language", "true"


def _speakers(endpoint: Endpoint, request: TranscriptionRequest) -> Iterator[tuple[str, str]]:
    if request.speakers is None or Detail.SPEAKERS not in endpoint.details:
        return
    yield ("multichannel" if asks_for_channels(request) else "diarize"), "true"


def _expected(endpoint: Endpoint, request: TranscriptionRequest) -> Iterator[tuple[str, str]]:
    """Name what to expect: in phrases to newer models, in single words to older ones.

    Source: Deepgram's guides, keyterm prompting and keywords.
    """
    if Detail.HOTWORDS not in endpoint.details:
        return
    expected = terms(request.hotwords)
    name = "keyterm"
    if not endpoint.upstream_model.startswith(_KEYTERM_MODELS):
        # What follows a colon would be read as a weight.
        words = (word for term in expected for word in term.replace(":", " ").split())
        expected, name = list(dict.fromkeys(words)), "keywords"
    for term in expected[:_MAX_TERMS]:
        yield name, term


def _extras(endpoint: Endpoint, request: TranscriptionRequest) -> Iterator[tuple[str, str]]:
    for name in sorted(endpoint.extensions & request.extras.keys()):
        value = request.extras[name]
        for part in value.split(",") if name in _REPEATED else [value]:
            yield name, part.strip()
