"""Read Deepgram's answer about a recording; knows no connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.request import TranscriptionRequest
from loquent.domain.transcript import Task, Transcript, Word, join_text
from loquent.pipeline.channels import refuse_single_channel
from loquent.pipeline.derivation import segments_of
from loquent.providers.answers import (
    asked_for,
    asks_for_channels,
    by_channel,
    in_order,
    language,
    lettered,
    probability,
    rows,
    seconds,
    table,
    text,
)
from loquent.providers.failures import unreadable
from loquent.providers.upstream import Json


def read_transcript(
    access: ProviderAccess, endpoint: Endpoint, request: TranscriptionRequest, answer: Json
) -> Transcript:
    """Return what an answer of `/v1/listen` tells.

    Source: Deepgram's API reference, pre-recorded audio.

    Raises: UpstreamError: if it cannot be read; InvalidRequestError: if channels are to be heard
        alone, and there is only one.
    """
    told = table(access, answer, "the answer")
    results = table(access, told.get("results"), "results")
    channels = rows(access, results.get("channels"), "channels")
    if not channels:
        raise unreadable(access, "channels are missing")
    is_separate = asks_for_channels(request)
    if is_separate:
        refuse_single_channel(len(channels))
    heard = channels if is_separate else channels[:1]
    alternatives = [_alternative(access, channel) for channel in heard]
    words = lettered(in_order(_words(access, alternatives, request)))
    segments = by_channel(words) if is_separate else segments_of(words)
    # Without words there are no times, but there may be a text.
    spoken = join_text(segments) or text(access, alternatives[0].get("transcript"), "transcript")
    metadata = table(access, told.get("metadata") or {}, "metadata")
    return Transcript(
        task=Task.TRANSCRIBE,
        text=spoken,
        language=request.language or (_detected(channels[0]) if spoken else None),
        duration_s=seconds(access, metadata.get("duration"), "duration"),
        segments=asked_for(segments, request),
        model=endpoint.model,
        provider=endpoint.provider,
    )


def _alternative(access: ProviderAccess, channel: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return the best hypothesis; a channel on which nobody speaks may have none."""
    alternatives = rows(access, channel.get("alternatives"), "alternatives")
    return alternatives[0] if alternatives else {}


def _words(
    access: ProviderAccess,
    alternatives: Sequence[Mapping[str, Json]],
    request: TranscriptionRequest,
) -> list[Word]:
    return [
        word
        for number, alternative in enumerate(alternatives)
        for told in rows(access, alternative.get("words"), "words")
        if (word := _word(access, told, _label(told, number, request))).text
    ]


def _label(told: Mapping[str, Json], channel: int, request: TranscriptionRequest) -> str | None:
    """Return who says a word, by any name that is the same for all words of this speaker."""
    if request.speakers is None:
        return None
    speaker = channel if asks_for_channels(request) else told.get("speaker")
    return str(speaker) if isinstance(speaker, int) else None


def _word(access: ProviderAccess, told: Mapping[str, Json], label: str | None) -> Word:
    written = told.get("punctuated_word")
    return Word(
        text=text(access, told.get("word") if written is None else written, "a word"),
        start_s=seconds(access, told.get("start"), "the start of a word"),
        end_s=seconds(access, told.get("end"), "the end of a word"),
        probability=probability(told.get("confidence")),
        speaker=label,
    )


def _detected(channel: Mapping[str, Json]) -> str | None:
    return language(channel.get("detected_language"))
