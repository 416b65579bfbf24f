"""Cuts a transcript into subtitle cues that can be read; knows nothing of any subtitle format."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest

from loquent.domain.transcript import Segment, Transcript
from loquent.render.lines import (
    MAX_LINE_CELLS,
    MAX_LINES,
    n_cells,
    on_one_line,
    pause_strength,
    wrap,
)
from loquent.render.speakers import label

MAX_CUE_S = 7.0
"""Longest time a cue stays. Source: the upper limit in the timed text guides of broadcasters."""

_MAX_TIME_S = 1e9  # thirty years; keeps nonsense from an engine printable
_LONG_PAUSE_S = 1.0

_LONGEST_PREFIX_CELLS = MAX_LINE_CELLS // 2
"""A longer name makes lines longer; where room were made for it, cues would shrink to a word."""


@dataclass(frozen=True, slots=True)
class TimedText:
    """A word of a line, and when it begins.

    Attributes:
        gap: what stands before it on its line: a space, or nothing.
    """

    text: str
    gap: str
    start_ms: int


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines of text of one speaker and when they are shown.

    `end_ms` > `start_ms`, no line is empty.

    Attributes:
        timed_lines: the same lines word by word; empty where no times are wanted.
    """

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None = None
    timed_lines: tuple[tuple[TimedText, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of a segment's text with its times in seconds.

    Attributes:
        prefix: what is shown before the text.
    """

    start_s: float
    end_s: float
    text: str
    speaker: str | None = None
    prefix: str = ""

    @property
    def shown(self) -> str:
        return self.prefix + self.text


def clock(time_ms: int, separator: str) -> str:
    """Write `time_ms` as hours, minutes, seconds and milliseconds; hours may exceed 99."""
    rest_s, ms = divmod(time_ms, 1000)
    rest_min, s = divmod(rest_s, 60)
    hours, minutes = divmod(rest_min, 60)
    return f"{hours:02d}:{minutes:02d}:{s:02d}{separator}{ms:03d}"


def cues_of(transcript: Transcript, *, shows_names: bool = False) -> tuple[Cue, ...]:
    """Cut `transcript` into cues.

    Segments too long to read are split where their words have times; others are only wrapped. No
    cue goes beyond a segment, and so none has the words of two speakers.

    Args:
        shows_names: whether each cue begins with the name of who speaks, where that is known.

    Returns: cues in order of time, none empty, none overlapping the next.
    """
    spans = (
        span
        for segment in transcript.segments
        for span in _spans(segment, label(segment.speaker) if shows_names else "")
        if span.text
    )
    return tuple(_timed(sorted(spans, key=lambda span: _milliseconds(span.start_s))))


def _timed(spans: Sequence[_Span]) -> Iterator[Cue]:
    """Repair times: starts strictly rise, and a cue ends before the next begins."""
    starts_ms: list[int] = []
    for span in spans:
        floor_ms = starts_ms[-1] + 1 if starts_ms else 0
        starts_ms.append(max(_milliseconds(span.start_s), floor_ms))
    for span, start_ms, next_ms in zip_longest(spans, starts_ms, starts_ms[1:]):
        end_ms = max(start_ms + 1, _milliseconds(span.end_s))
        yield Cue(start_ms, min(end_ms, next_ms or end_ms), wrap(span.shown), span.speaker)


def _milliseconds(time_s: float) -> int:
    if math.isnan(time_s):
        return 0
    return round(1000 * min(max(time_s, 0.0), _MAX_TIME_S))


def _spans(segment: Segment, prefix: str) -> Iterator[_Span]:
    text = on_one_line(segment.text)
    whole = _Span(segment.start_s, segment.end_s, text, segment.speaker, prefix)
    if _is_readable([whole]):
        yield whole
        return
    for group in _split(_word_spans(segment, prefix) or [whole]):
        yield _joined(group)


def _word_spans(segment: Segment, prefix: str) -> list[_Span]:
    """Cut the segment's text at its words, so that spaces and marks between them survive.

    Returns: spans whose texts join to the segment's text, each but the first beginning with the
        space before it; nothing where words and text disagree.
    """
    words = [word for word in segment.words if word.text.strip()]
    if not words:
        return []
    bounds = [0]
    position = 0
    for word in words:
        at = segment.text.find(word.text, position)
        if at < 0:
            return []
        bounds.append(position + _mark_length(segment.text[position:at]))
        position = at + len(word.text)
    bounds[:2] = [0]  # what precedes the first word is said with it
    bounds.append(len(segment.text))
    return [
        _Span(word.start_s, word.end_s, segment.text[start:end], segment.speaker, prefix)
        for word, (start, end) in zip(words, pairwise(bounds), strict=True)
    ]


def _mark_length(gap: str) -> int:
    """Count the characters between two words, such as a comma, that belong to the first."""
    space = re.search(r"\s", gap)
    return space.start() if space else len(gap)


def _joined(group: Sequence[_Span]) -> _Span:
    text = on_one_line("".join(span.text for span in group))
    return replace(group[0], end_s=group[-1].end_s, text=text)


def _is_readable(group: Sequence[_Span]) -> bool:
    whole = _joined(group)
    if whole.end_s - whole.start_s > MAX_CUE_S:
        return False
    shown = whole.shown if n_cells(whole.prefix) <= _LONGEST_PREFIX_CELLS else whole.text
    return n_cells(shown) <= MAX_LINES * MAX_LINE_CELLS and all(
        n_cells(line) <= MAX_LINE_CELLS for line in wrap(shown)
    )


def _split(group: list[_Span]) -> Iterator[list[_Span]]:
    """Halve `group` until each part can be read, or is a single word."""
    if len(group) == 1 or _is_readable(group):
        yield group
        return
    at = _best_break(group)
    yield from _split(group[:at])
    yield from _split(group[at:])


def _best_break(group: Sequence[_Span]) -> int:
    """Choose where to halve: near the middle, after a clause, in a pause of the speaker.

    Only the middle half is considered, so that parts shrink fast and none flashes by.
    """
    n_spans = len(group)
    margin = n_spans // 4

    def cost(at: int) -> float:
        imbalance = abs(2 * at - n_spans) / n_spans
        pause_s = group[at].start_s - group[at - 1].end_s
        pause = min(max(pause_s / _LONG_PAUSE_S, 0.0), 1.0)
        return imbalance - pause_strength(group[at - 1].text) - pause

    return min(range(max(1, margin), n_spans - max(0, margin - 1)), key=cost)
