"""Split decoded tokens at Whisper's timestamp tokens; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SECONDS_PER_TIMESTAMP = 0.02
"""Source: openai/whisper, two mel frames of 10 ms per encoder position."""


@dataclass(frozen=True, slots=True)
class TextSpan:
    """Tokens of one segment; times in seconds from the start of the decoded window."""

    start_s: float
    end_s: float
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SplitText:
    """The segments of a window, and how far into it the recognised text reaches."""

    spans: tuple[TextSpan, ...]
    heard_s: float


def split_at_timestamps(
    tokens: Sequence[int], *, first_timestamp: int, window_s: float
) -> SplitText:
    """Cut a hypothesis into segments.

    Whisper writes `<start> text <end>` per segment. Two timestamps in a row separate segments;
    a single one at the end says that nothing follows. Text after the last pair is unfinished:
    it is left out and `heard_s` ends before it, so that the caller decodes it again.

    Args:
        tokens: text and timestamp tokens, without the prompt.
        first_timestamp: id of `<|0.00|>`.
        window_s: length of the decoded audio.
    Source: openai/whisper, `transcribe.py`.
    """
    is_time = [token >= first_timestamp for token in tokens]
    cuts = [i + 1 for i, (left, right) in enumerate(pairwise(is_time)) if left and right]
    ends_alone = is_time[-2:] == [False, True]
    if not cuts:
        return SplitText((_whole(tokens, first_timestamp, window_s),), window_s)
    if ends_alone:
        cuts.append(len(tokens))
    spans = [
        _span(tokens[begin:end], first_timestamp, window_s) for begin, end in pairwise([0, *cuts])
    ]
    return SplitText(tuple(spans), window_s if ends_alone else spans[-1].end_s)


def _span(tokens: Sequence[int], first_timestamp: int, window_s: float) -> TextSpan:
    """Read the times at both ends of `<start> text <end>`."""
    start_s = _seconds(tokens[0], first_timestamp, window_s)
    end_s = _seconds(tokens[-1], first_timestamp, window_s)
    return TextSpan(start_s, max(start_s, end_s), tuple(tokens))


def _whole(tokens: Sequence[int], first_timestamp: int, window_s: float) -> TextSpan:
    """Take everything as one segment that ends at the last timestamp, if one says more than 0."""
    times = [t for t in tokens if t > first_timestamp]
    end_s = _seconds(times[-1], first_timestamp, window_s) if times else window_s
    return TextSpan(0.0, end_s, tuple(tokens))


def _seconds(token: int, first_timestamp: int, window_s: float) -> float:
    steps = max(0, token - first_timestamp)
    return min(window_s, round(steps * SECONDS_PER_TIMESTAMP, 3))
