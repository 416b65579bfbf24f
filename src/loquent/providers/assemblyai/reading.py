"""Read AssemblyAI's answers about uploads and jobs; knows no connection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import UpstreamError, UpstreamRejectedError
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
from loquent.providers.failures import cleaned, unreadable
from loquent.providers.upstream import Json

_JOB: Final = re.compile(r"[\w-]+", re.ASCII)
_MILLIS: Final = 1_000.0
_OWN_DOMAIN: Final = ".assemblyai.com"
_SILENCE: Final = "no spoken audio"
_THEIR_FAULT: Final = re.compile(r"\b(?:server|internal|download)\b.*\berror\b|\b(?:down|up)load\b")
_BAD_AUDIO: Final = re.compile(r"audio|file type|format|transcod|decod|codec|duration|language")


def read_upload(access: ProviderAccess, answer: Json) -> str:
    """Return the address under which AssemblyAI keeps a recording.

    Raises: UpstreamError: if it is not one of AssemblyAI's own.
    """
    address = table(access, answer, "the answer").get("upload_url")
    if not isinstance(address, str) or not _is_own(access, address):
        raise unreadable(access, "upload_url is no address of its own")
    return address


def read_job(access: ProviderAccess, answer: Json) -> str:
    """Return the id of a job that was accepted, fit to be put into a path.

    Raises: UpstreamError.
    """
    job = table(access, answer, "the answer").get("id")
    if not isinstance(job, str) or not _JOB.fullmatch(job):
        raise unreadable(access, "id is no id")
    return job


def is_finished(access: ProviderAccess, answer: Json) -> bool:
    """Tell whether a job has ended well.

    A recording in which nobody speaks fails where its language is to be detected; it is as good
    as finished. Source: AssemblyAI's guides, transcript status and common errors.

    Raises: UpstreamRejectedError: if the recording is at fault; UpstreamError: if anything else is.
    """
    told = table(access, answer, "the answer")
    match told.get("status"):
        case "completed":
            return True
        case "queued" | "processing":
            return False
        case "error":
            if _SILENCE in _reason(access, told).lower():
                return True
            raise _failure(access, told)
        case _:
            raise unreadable(access, "status is none of those it documents")


def read_transcript(
    access: ProviderAccess, endpoint: Endpoint, request: TranscriptionRequest, answer: Json
) -> Transcript:
    """Return what a finished job tells.

    Source: AssemblyAI's API reference, get transcript.

    Raises: UpstreamError: if it cannot be read; InvalidRequestError: if channels are to be heard
        alone, and there is only one.
    """
    told = table(access, answer, "the answer")
    is_separate = asks_for_channels(request)
    if is_separate and isinstance(told.get("audio_channels"), int):
        refuse_single_channel(told["audio_channels"])
    words = lettered(
        in_order(
            [
                word
                for row in rows(access, told.get("words"), "words")
                if (word := _word(access, row, request)).text
            ]
        )
    )
    segments = by_channel(words) if is_separate else segments_of(words)
    spoken = join_text(segments) or text(access, told.get("text"), "text")
    detected = language(told.get("language_code")) if spoken else None
    # It counts whole seconds, and the last one begun may be missing.
    told_s = seconds(access, told.get("audio_duration"), "audio_duration")
    return Transcript(
        task=Task.TRANSCRIBE,
        text=spoken,
        language=request.language or detected,
        duration_s=max([told_s, *(segment.end_s for segment in segments)]),
        segments=asked_for(segments, request),
        model=endpoint.model,
        provider=endpoint.provider,
    )


def _word(access: ProviderAccess, told: Mapping[str, Json], request: TranscriptionRequest) -> Word:
    return Word(
        text=text(access, told.get("text"), "a word"),
        start_s=seconds(access, told.get("start"), "the start of a word", _MILLIS),
        end_s=seconds(access, told.get("end"), "the end of a word", _MILLIS),
        probability=probability(told.get("confidence")),
        speaker=_label(told, request),
    )


def _label(told: Mapping[str, Json], request: TranscriptionRequest) -> str | None:
    """Return who says a word, by any name that is the same for all words of this speaker."""
    if request.speakers is None:
        return None
    label = told.get("channel" if asks_for_channels(request) else "speaker")
    return str(label) if isinstance(label, str | int) else None


def _failure(access: ProviderAccess, told: Mapping[str, Json]) -> UpstreamError:
    reason = _reason(access, told)
    plain = reason.lower()
    if _BAD_AUDIO.search(plain) and not _THEIR_FAULT.search(plain):
        return UpstreamRejectedError(f"{access.id} cannot transcribe this recording: {reason}")
    return UpstreamError(f"{access.id} failed to transcribe the recording: {reason}")


def _reason(access: ProviderAccess, told: Mapping[str, Json]) -> str:
    reason = told.get("error")
    return cleaned(access, reason) if isinstance(reason, str) else "it does not say why."


def _is_own(access: ProviderAccess, address: str) -> bool:
    """Tell whether `address` is on the host we speak to, or on AssemblyAI's store of uploads."""
    try:
        told, ours = urlsplit(address), urlsplit(access.base_url)
        host = told.hostname or ""
    except ValueError:
        return False
    is_ours = (told.scheme, host) == (ours.scheme, ours.hostname)
    return is_ours or (told.scheme == "https" and host.endswith(_OWN_DOMAIN))
