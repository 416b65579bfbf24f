"""Decides what to ask of an OpenAI-compatible server for a request; sends nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import KnownSpeaker
from loquent.domain.transcript import Task
from loquent.providers.files import file_kind

_TIMES = frozenset({Detail.SEGMENTS, Detail.WORDS})
_NO_WORDS = frozenset({Detail.WORDS})
_FORM_SWITCHES: Mapping[str, str] = {"form": "diarise", "diarize": "diarize"}
"""Quirk `diarise` to the form field that asks for speakers beside times."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What one request asks of a server.

    Attributes:
        granularities: of the times in a verbose answer, as spelled on the wire.
        speaker_switch: form field that asks for speakers, where no answer format does.
        tells_speakers: the answer says who speaks.
        is_chunked: the server is to cut long recordings, which it wants to be told.
    """

    path: str
    response_format: str
    granularities: tuple[str, ...] = ()
    speaker_switch: str = ""
    tells_speakers: bool = False
    tells_scores: bool = False
    is_chunked: bool = False
    streams: bool = False

    @property
    def has_other_labels(self) -> bool:
        """Whether speakers are called otherwise than by letters and known names."""
        return self.speaker_switch == "diarize"

    @property
    def words_alone(self) -> bool:
        """Whether words are asked for, but no spans of text."""
        return self.granularities == ("word",)


def asking_for(
    endpoint: Endpoint, request: TranscriptionRequest, quirks: Mapping[str, str]
) -> Asking:
    """Choose the kind of answer that tells most of what `request` wants."""
    if request.task is Task.TRANSLATE:
        verbose = Detail.SEGMENTS in endpoint.details
        return Asking("/audio/translations", "verbose_json" if verbose else "json")
    path = "/audio/transcriptions"
    switch = _FORM_SWITCHES.get(quirks.get("diarise", ""), "")
    speakers = request.speakers is not None and Detail.SPEAKERS in endpoint.details
    if not switch and (speakers or _is_diarizer(endpoint)):
        streams = _may_stream(endpoint, request, _NO_WORDS if speakers else _TIMES)
        response_format = "json" if streams and not speakers else "diarized_json"
        return Asking(
            path, response_format, tells_speakers=speakers, is_chunked=True, streams=streams
        )
    if not speakers:
        switch = ""
    streams = _may_stream(endpoint, request, _TIMES)
    if _is_verbose(endpoint, request) and not streams:
        granularities = _granularities(endpoint, request, quirks, switch)
        return Asking(path, "verbose_json", granularities, switch, tells_speakers=speakers)
    return Asking(
        path,
        "json",
        speaker_switch=switch,
        tells_speakers=speakers,
        tells_scores=request.token_scores and Detail.LOGPROBS in endpoint.details,
        streams=streams,
    )


def form_fields(
    asking: Asking,
    endpoint: Endpoint,
    request: TranscriptionRequest,
    quirks: Mapping[str, str],
) -> tuple[tuple[str, str], ...]:
    """Return the text fields of the form, each at most once but lists."""
    mark = "" if quirks.get("lists") == "plain" else "[]"
    fields = [
        ("model", endpoint.upstream_model),
        *_heeded(endpoint, request),
        ("response_format", asking.response_format),
        *((f"timestamp_granularities{mark}", each) for each in asking.granularities),
        *_speaker_fields(asking, endpoint, request, mark),
    ]
    if asking.tells_scores:
        fields.append((f"include{mark}", "logprobs"))
    if asking.streams:
        fields.append(("stream", "true"))
    return (*fields, *_extras(endpoint, request, {name for name, _ in fields}))


def _may_stream(
    endpoint: Endpoint, request: TranscriptionRequest, untold: frozenset[Detail]
) -> bool:
    """Tell whether to stream; `untold` is what events do not tell."""
    return (
        Detail.STREAM in request.needs & endpoint.details
        and not request.needs & untold
        and not request.word_timestamps
    )


def _is_diarizer(endpoint: Endpoint) -> bool:
    """Tell whether it is a model like gpt-4o-transcribe-diarize, which knows no verbose_json."""
    return Detail.SPEAKERS in endpoint.details and Detail.WORDS not in endpoint.details


def _is_verbose(endpoint: Endpoint, request: TranscriptionRequest) -> bool:
    """Tell whether times matter more than scores of tokens, as no answer holds both."""
    wants_times = request.word_timestamps or bool(request.needs & _TIMES)
    wants_scores = request.token_scores and Detail.LOGPROBS in endpoint.details
    return bool(endpoint.details & _TIMES) and (wants_times or not wants_scores)


def _granularities(
    endpoint: Endpoint, request: TranscriptionRequest, quirks: Mapping[str, str], switch: str
) -> tuple[str, ...]:
    if Detail.SEGMENTS not in endpoint.details:
        return ("word",)
    is_one = quirks.get("granularities") == "one"
    words = request.word_timestamps or (switch == "diarize" and not is_one)
    if not words or Detail.WORDS not in endpoint.details:
        return ("segment",)
    return ("word",) if is_one else ("segment", "word")


def _heeded(endpoint: Endpoint, request: TranscriptionRequest) -> Iterator[tuple[str, str]]:
    details = endpoint.details
    if request.language and Detail.LANGUAGE in details and request.task is Task.TRANSCRIBE:
        yield "language", request.language
    if request.prompt and Detail.PROMPT in details:
        yield "prompt", request.prompt
    if request.hotwords and Detail.HOTWORDS in details:
        yield "hotwords", request.hotwords
    if request.temperature > 0 and Detail.TEMPERATURE in details:
        yield "temperature", f"{request.temperature:g}"


def _speaker_fields(
    asking: Asking, endpoint: Endpoint, request: TranscriptionRequest, mark: str
) -> Iterator[tuple[str, str]]:
    if asking.is_chunked:
        yield "chunking_strategy", "auto"
    if not asking.tells_speakers or request.speakers is None:
        return
    if asking.speaker_switch:
        yield asking.speaker_switch, "true"
    if Detail.KNOWN_SPEAKERS in endpoint.details:
        known = request.speakers.known
        yield from ((f"known_speaker_names{mark}", each.name) for each in known)
        yield from ((f"known_speaker_references{mark}", _data_url(each)) for each in known)


def _data_url(known: KnownSpeaker) -> str:
    encoded = b64encode(known.reference.path.read_bytes()).decode()
    return f"data:{file_kind(known.reference).media_type};base64,{encoded}"


def _extras(
    endpoint: Endpoint, request: TranscriptionRequest, sent: set[str]
) -> Iterator[tuple[str, str]]:
    for name, value in request.extras.items():
        if name in endpoint.extensions and name not in sent:
            yield name, value
