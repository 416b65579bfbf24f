"""Read what providers tell in JSON of any shape; knows the wire of none of them.

What is missing is tolerated where a transcript can be had without it; what is there and makes no
sense is an `UpstreamError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from loquent.domain.endpoints import ProviderAccess
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels, letter
from loquent.domain.transcript import Segment, Word
from loquent.pipeline.derivation import segments_of
from loquent.providers.failures import unreadable
from loquent.providers.language_codes import our_code
from loquent.providers.upstream import Json

LONGEST_S: Final = 1e7
"""No recording is that long; a time beyond it is a mistake."""

_BETWEEN_TERMS: Final = re.compile(r"[,;\n]")


def table(access: ProviderAccess, value: Json, name: str) -> Mapping[str, Json]:
    """Return an object of an answer.

    Raises: UpstreamError: if it is something else.
    """
    if not isinstance(value, dict):
        raise unreadable(access, f"{name} is no object")
    return value


def rows(access: ProviderAccess, value: Json, name: str) -> Sequence[Mapping[str, Json]]:
    """Return the objects of a list, none where there is no list.

    Raises: UpstreamError: if it is something else, or holds something else.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise unreadable(access, f"{name} is no list")
    return [table(access, item, f"an item of {name}") for item in value]


def text(access: ProviderAccess, value: Json, name: str) -> str:
    """Return a text without white space around it, "" where there is none.

    Raises: UpstreamError: if it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise unreadable(access, f"{name} is no text")
    # JSON can hold halves of characters, which no answer of ours could be written with.
    return value.encode(errors="replace").decode().strip()


def seconds(access: ProviderAccess, value: Json, name: str, per_s: float = 1.0) -> float:
    """Return a time, 0 where there is none or where it is negative.

    Args:
        per_s: how many of its unit make a second.

    Raises: UpstreamError: if it is no number, or none that a recording could have.
    """
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise unreadable(access, f"{name} is no number")
    if not abs(value) < LONGEST_S * per_s:
        raise unreadable(access, f"{name} is no time")
    return max(0.0, value / per_s)


def probability(value: Json) -> float:
    """Return a confidence within 0..1, 1 where none is told: then nothing speaks against it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 1.0
    if isinstance(value, float) and math.isnan(value):
        return 1.0
    return float(min(max(value, 0), 1))


def language(value: Json) -> str | None:
    """Return our code of the language in a tag such as "de-CH" or "en_us", None for no tag."""
    return our_code(value) if isinstance(value, str) else None


def terms(hotwords: str) -> list[str]:
    """Return what a caller expects to hear, each name or term once."""
    found = (" ".join(term.split()) for term in _BETWEEN_TERMS.split(hotwords))
    return list(dict.fromkeys(term for term in found if term))


def in_order(words: Sequence[Word]) -> list[Word]:
    """Return words sorted by time, none of which ends before it starts."""
    ordered = sorted(words, key=lambda word: word.start_s)
    return [replace(word, end_s=max(word.start_s, word.end_s)) for word in ordered]


def lettered(words: Sequence[Word]) -> list[Word]:
    """Call speakers by letters, in the order in which they are first heard."""
    labels = dict.fromkeys(word.speaker for word in words if word.speaker is not None)
    letters = {label: letter(number) for number, label in enumerate(labels)}
    return [
        word if word.speaker is None else replace(word, speaker=letters[word.speaker])
        for word in words
    ]


def by_channel(words: Sequence[Word]) -> tuple[Segment, ...]:
    """Cut the words of each speaker alone, and put the segments together by time.

    For recordings with one speaker on each channel: where two speak at once, their sentences
    stay whole.
    """
    spoken: dict[str | None, list[Word]] = {}
    for word in words:
        spoken.setdefault(word.speaker, []).append(word)
    segments = [segment for own in spoken.values() for segment in segments_of(own)]
    segments.sort(key=lambda segment: segment.start_s)
    return tuple(replace(segment, id=number) for number, segment in enumerate(segments))


def asks_for_channels(request: TranscriptionRequest) -> bool:
    """Tell whether each channel is to be heard alone."""
    return request.speakers is not None and request.speakers.channels is Channels.SEPARATE


def asked_for(segments: Sequence[Segment], request: TranscriptionRequest) -> tuple[Segment, ...]:
    """Return segments with words only where the request wants them."""
    if request.word_timestamps:
        return tuple(segments)
    return tuple(replace(segment, words=()) for segment in segments)
