"""Read what ElevenLabs answers: transcripts, and times of spoken characters; asks nobody."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from loquent.domain.endpoints import Detail, Endpoint, ProviderAccess
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels
from loquent.domain.speech import SpokenWord
from loquent.domain.transcript import Segment, Transcript, Word, join_text
from loquent.pipeline.channels import refuse_single_channel
from loquent.pipeline.derivation import segments_of
from loquent.providers.answers import (
    asked_for,
    by_channel,
    in_order,
    lettered,
    rows,
    seconds,
    table,
    text,
)
from loquent.providers.failures import unreadable
from loquent.providers.language_codes import our_code
from loquent.providers.upstream import Json

_STEP_BACK_S: Final = 0.05
"""Characters that begin so much before the last one ended are timed from their own sound."""


@dataclass(frozen=True, slots=True)
class SpokenSpan:
    """A part of spoken sound, and when each of its characters is heard.

    Attributes:
        sound: 16-bit samples, perhaps cut amid one.
        characters: each with its start and end in seconds.
    """

    sound: bytes
    characters: tuple[tuple[str, float, float], ...]


def read_transcript(
    access: ProviderAccess, endpoint: Endpoint, request: TranscriptionRequest, answer: Json
) -> Transcript:
    """Return what an answer of speech-to-text tells, of all channels at once or of each.

    Source: ElevenLabs' API reference, "Create transcript".

    Raises: UpstreamError: if it cannot be read; InvalidRequestError: if channels are to be heard
        alone, and there is only one.
    """
    told = table(access, answer, "the answer")
    if told.keys().isdisjoint({"text", "words", "transcripts"}):
        raise unreadable(access, "the text is missing")
    is_separate = asks_for_channels(request)
    parts = rows(access, told.get("transcripts"), "transcripts") or [told]
    if is_separate:
        refuse_single_channel(len(parts))
    words = lettered(in_order(_words(access, parts, request)))
    last_s = max((word.end_s for word in words), default=0.0)
    if Detail.WORDS not in endpoint.details:
        words = []
    whole = text(access, parts[0].get("text"), "the text") if len(parts) == 1 else ""
    segments = by_channel(words) if is_separate else _as_written(segments_of(words), whole)
    return Transcript(
        task=request.task,
        text=whole or join_text(segments),
        language=request.language or _language(access, parts[0]),
        duration_s=max(last_s, *(_duration_s(access, part) for part in (told, *parts))),
        segments=asked_for(segments, request),
        model=endpoint.model,
        provider=endpoint.provider,
    )


def asks_for_channels(request: TranscriptionRequest) -> bool:
    """Tell whether each channel is to be heard alone."""
    return request.speakers is not None and request.speakers.channels is Channels.SEPARATE


def read_span(access: ProviderAccess, line: bytes) -> SpokenSpan:
    """Read one line of sound with times.

    Source: ElevenLabs' API reference, "Stream speech with timing".

    Raises: UpstreamError.
    """
    try:
        told = table(access, json.loads(line), "a line of sound")
        coded = text(access, told.get("audio_base64"), "the sound")
        sound = base64.b64decode(coded, validate=True)
    except (ValueError, RecursionError) as error:
        raise unreadable(access, "a line of sound is damaged") from error
    times = table(access, told.get("alignment") or {}, "alignment")
    signs = _list(access, times, "characters")
    starts = _list(access, times, "character_start_times_seconds")
    ends = _list(access, times, "character_end_times_seconds")
    if not len(signs) == len(starts) == len(ends):
        raise unreadable(access, "characters and their times do not match")
    characters = tuple(
        (
            sign if isinstance(sign, str) else "",
            seconds(access, start, "the start of a character"),
            seconds(access, end, "the end of a character"),
        )
        for sign, start, end in zip(signs, starts, ends, strict=True)
    )
    return SpokenSpan(sound, characters)


class SpokenWords:
    """Puts words together from characters that come in spans, cut anywhere."""

    def __init__(self) -> None:
        """Start where nothing was heard yet."""
        self._open: SpokenWord | None = None
        self._last_s = 0.0

    def heard(self, span: SpokenSpan, sound_start_s: float) -> tuple[SpokenWord, ...]:
        """Return the words that ended in `span`.

        Args:
            sound_start_s: when its sound begins. Times that jump back count from there.
        """
        done: list[SpokenWord] = []
        goes_back = bool(span.characters) and span.characters[0][1] < self._last_s - _STEP_BACK_S
        offset_s = sound_start_s if goes_back else 0.0
        for sign, start_s, end_s in span.characters:
            from_s = max(self._last_s, start_s + offset_s)
            self._last_s = max(from_s, end_s + offset_s)
            if sign.isspace():
                done += self.rest()
            elif sign:
                word = self._open or SpokenWord("", from_s, from_s)
                self._open = replace(word, text=word.text + sign, end_s=self._last_s)
        return tuple(done)

    def rest(self) -> tuple[SpokenWord, ...]:
        """Return the word that is still open, if there is one, and close it."""
        word, self._open = self._open, None
        return () if word is None else (word,)


def _words(
    access: ProviderAccess, parts: Sequence[Mapping[str, Json]], request: TranscriptionRequest
) -> list[Word]:
    return [
        _word(access, told, _label(told, number, request))
        for number, part in enumerate(parts)
        for told in rows(access, part.get("words"), "words")
        if _is_word(told)
    ]


def _is_word(told: Mapping[str, Json]) -> bool:
    """Tell words from the space between them, from noises, and from what has no time."""
    spoken = told.get("text")
    return (
        told.get("type", "word") == "word"
        and (not isinstance(spoken, str) or bool(spoken.strip()))
        and told.get("start") is not None
        and told.get("end") is not None
    )


def _word(access: ProviderAccess, told: Mapping[str, Json], label: str | None) -> Word:
    return Word(
        text=text(access, told.get("text"), "a word"),
        start_s=seconds(access, told.get("start"), "the start of a word"),
        end_s=seconds(access, told.get("end"), "the end of a word"),
        probability=_probability(told.get("logprob")),
        speaker=label,
    )


def _label(told: Mapping[str, Json], channel: int, request: TranscriptionRequest) -> str | None:
    """Return who says a word, by any name that is the same for all words of this speaker."""
    if request.speakers is None:
        return None
    speaker = str(channel) if asks_for_channels(request) else told.get("speaker_id")
    return speaker if isinstance(speaker, str) else None


def _probability(logprob: Json) -> float:
    """Return a probability, 1 where none is told: then nothing speaks against the word."""
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or math.isnan(logprob):
        return 1.0
    return math.exp(min(logprob, 0.0))


def _as_written(segments: tuple[Segment, ...], whole: str) -> tuple[Segment, ...]:
    """Give each segment its part of the text, which knows where no space parts two words."""
    cuts: list[int] = []
    cursor = 0
    for segment in segments:
        for index, word in enumerate(segment.words):
            found = whole.find(word.text, cursor)
            if found < 0:
                return segments
            if index == 0:
                cuts.append(found)
            cursor = found + len(word.text)
    return tuple(
        replace(segment, text=f" {whole[start:end].strip()}")
        for segment, (start, end) in zip(segments, pairwise([*cuts, len(whole)]), strict=True)
    )


def _language(access: ProviderAccess, part: Mapping[str, Json]) -> str | None:
    return our_code(text(access, part.get("language_code"), "the language"))


def _duration_s(access: ProviderAccess, told: Mapping[str, Json]) -> float:
    return seconds(access, told.get("audio_duration_secs"), "the duration")


def _list(access: ProviderAccess, told: Mapping[str, Json], name: str) -> list[Json]:
    found = told.get(name) or []
    if not isinstance(found, list):
        raise unreadable(access, f"{name} is no list")
    return found
