"""Read what Azure's fast transcription answers; asks nobody.

Source: Microsoft's guide to the fast transcription API, and the client library of its version
2025-10-15.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, letter
from loquent.domain.transcript import Segment, Transcript, Word, join_text
from loquent.pipeline.channels import refuse_single_channel
from loquent.pipeline.derivation import told_segment
from loquent.providers.answers import (
    asked_for,
    in_order,
    probability,
    rows,
    seconds,
    table,
    text,
)
from loquent.providers.azure.locales import language_of
from loquent.providers.failures import unreadable
from loquent.providers.upstream import Json

_MILLIS: Final = 1_000


def read_transcript(
    access: ProviderAccess, endpoint: Endpoint, request: TranscriptionRequest, answer: Json
) -> Transcript:
    """Return what an answer tells; each of its phrases is a segment.

    Raises: UpstreamError: if it cannot be read; InvalidRequestError: if channels are to be heard
        alone, and there is only one.
    """
    told = table(access, answer, "the answer")
    if told.keys().isdisjoint({"combinedPhrases", "phrases"}):
        raise unreadable(access, "phrases are missing")
    wholes = rows(access, told.get("combinedPhrases"), "combinedPhrases")
    phrases = rows(access, told.get("phrases"), "phrases")
    if asks_for_channels(request):
        refuse_single_channel(max(len(wholes), len({_channel(phrase) for phrase in phrases})))
    segments = _segments(access, phrases, request)
    whole = text(access, wholes[0].get("text"), "the text") if len(wholes) == 1 else ""
    duration_s = seconds(access, told.get("durationMilliseconds"), "the duration", _MILLIS)
    return Transcript(
        task=request.task,
        text=whole or join_text(segments),
        language=request.language or _language(access, phrases),
        duration_s=max([duration_s, *(segment.end_s for segment in segments)]),
        segments=asked_for(segments, request),
        model=endpoint.model,
        provider=endpoint.provider,
    )


def asks_for_channels(request: TranscriptionRequest) -> bool:
    """Tell whether each channel is to be heard alone."""
    return request.speakers is not None and request.speakers.channels is Channels.SEPARATE


def _segments(
    access: ProviderAccess, phrases: Sequence[Mapping[str, Json]], request: TranscriptionRequest
) -> tuple[Segment, ...]:
    """Return phrases by time; speakers are called by letters, who speaks first is "A"."""
    found = [
        _segment(access, phrase, _label(phrase, request))
        for phrase in phrases
        if text(access, phrase.get("text"), "a phrase")
    ]
    found.sort(key=lambda segment: segment.start_s)
    labels = dict.fromkeys(segment.speaker for segment in found if segment.speaker)
    names = {label: letter(number) for number, label in enumerate(labels)}
    return tuple(
        _numbered(segment, number, names.get(segment.speaker or ""))
        for number, segment in enumerate(found)
    )


def _segment(access: ProviderAccess, phrase: Mapping[str, Json], label: str | None) -> Segment:
    start_s, end_s = _span(access, phrase)
    confidence = probability(phrase.get("confidence"))
    words = [
        Word(written, *_span(access, word), confidence)
        for word in rows(access, phrase.get("words"), "words")
        if (written := text(access, word.get("text"), "a word"))
    ]
    spoken = text(access, phrase.get("text"), "a phrase")
    return told_segment(0, start_s, end_s, spoken, in_order(words), label)


def _span(access: ProviderAccess, told: Mapping[str, Json]) -> tuple[float, float]:
    start_s = seconds(access, told.get("offsetMilliseconds"), "an offset", _MILLIS)
    length_s = seconds(access, told.get("durationMilliseconds"), "a duration", _MILLIS)
    return start_s, round(start_s + length_s, 3)


def _numbered(segment: Segment, number: int, speaker: str | None) -> Segment:
    words = tuple(replace(word, speaker=speaker) for word in segment.words)
    return replace(segment, id=number, speaker=speaker, words=words)


def _label(phrase: Mapping[str, Json], request: TranscriptionRequest) -> str | None:
    """Return who says a phrase, by any name that is the same for all of this speaker."""
    if request.speakers is None:
        return None
    if asks_for_channels(request):
        return str(_channel(phrase))
    speaker = phrase.get("speaker")
    return str(speaker) if isinstance(speaker, int) else None


def _channel(phrase: Mapping[str, Json]) -> int:
    channel = phrase.get("channel")
    return channel if isinstance(channel, int) else 0


def _language(access: ProviderAccess, phrases: Sequence[Mapping[str, Json]]) -> str | None:
    """Return the language in which most characters are written."""
    written: Counter[str] = Counter()
    for phrase in phrases:
        language = language_of(text(access, phrase.get("locale"), "a locale"))
        if language is not None:
            written[language] += len(text(access, phrase.get("text"), "a phrase"))
    return max(written, key=written.__getitem__, default=None)
