"""Scores live sessions: lags, flicker, losses, word errors; talks to no server.

Times of reference are those of `bench.live_values.Passage`. Only passages that were sent whole
count.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import jiwer
import numpy as np

from bench.live_values import Frame, Passage, Session, Stream, TimedWord
from bench.scoring import ErrorRate, normalised, word_errors

TOLERANCE_S = 0.3
"""How far the middle of a shown word may lie from that of the word it is taken for."""

_ROUNDING_S = 0.1
_NO_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class WordLags:
    """How long after their ends words were shown; some never were."""

    lags_s: tuple[float, ...] = ()
    n_words: int = 0

    @property
    def unseen_percent(self) -> float:
        return 100 * (1 - len(self.lags_s) / self.n_words) if self.n_words else 0.0

    def __add__(self, other: WordLags) -> WordLags:
        return WordLags(self.lags_s + other.lags_s, self.n_words + other.n_words)


@dataclass(frozen=True, slots=True)
class Flicker:
    """Words that were shown, and those of them that were changed later."""

    n_shown: int = 0
    n_changed: int = 0

    @property
    def percent(self) -> float:
        return 100 * self.n_changed / self.n_shown if self.n_shown else 0.0

    def __add__(self, other: Flicker) -> Flicker:
        return Flicker(self.n_shown + other.n_shown, self.n_changed + other.n_changed)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of the speech got into finals.

    Attributes:
        n_silent: passages without any final.
        n_outside: words outside the spans of all finals.
        lost_s: how long those words are.
    """

    n_passages: int = 0
    n_silent: int = 0
    n_words: int = 0
    n_outside: int = 0
    lost_s: float = 0.0

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(
            self.n_passages + other.n_passages,
            self.n_silent + other.n_silent,
            self.n_words + other.n_words,
            self.n_outside + other.n_outside,
            self.lost_s + other.lost_s,
        )


@dataclass(frozen=True, slots=True)
class Ending:
    """What came after the end was announced.

    Attributes:
        final_s: from the announcement to the last final, None if none came.
        closed_s: to the end of the connection; infinite if it did not end.
        n_deleted: words of the last clip that the offline text has and the finals have not.
        n_tail: those of them behind which nothing else of the clip was heard.
    """

    final_s: float | None
    closed_s: float
    n_deleted: int
    n_tail: int


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which `percent` of all lie, between neighbours by proportion."""
    return float(np.percentile(values, percent)) if values else math.nan


def sent_passages(stream: Stream, session: Session) -> list[Passage]:
    """Return the passages whose speech was sent to its end."""
    return [p for p in stream.passages if p.end_s <= session.sent_s + _ROUNDING_S]


def paired(shown: Sequence[float], wanted: Sequence[float], tolerance_s: float) -> list[int]:
    """Pair two rising rows of times in order, and return the indices in `wanted` that got one.

    A time has at most one partner, less than `tolerance_s` away, and no two pairs cross; of all
    such pairings this is the one whose partners are closest, summed up as tolerance - distance.
    """
    best = [[0.0] * (len(wanted) + 1) for _ in range(len(shown) + 1)]
    for i, have in enumerate(shown):
        for j, want in enumerate(wanted):
            closeness = max(0.0, tolerance_s - abs(have - want))
            best[i + 1][j + 1] = max(best[i][j + 1], best[i + 1][j], best[i][j] + closeness)
    found: list[int] = []
    i, j = len(shown), len(wanted)
    while i and j:
        if best[i][j] == best[i - 1][j]:
            i -= 1
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            found.append(j)
    return found[::-1]


def word_lags(stream: Stream, session: Session) -> WordLags:
    """Return when each word of the offline pass was first shown, less its end.

    A word is shown by a frame, partial or final, some word of which is paired with it by time
    (`paired`, `TOLERANCE_S` between middles), whatever its text. The last word of a passage ends
    where speech truly ends.
    """
    passages = sent_passages(stream, session)
    words = sorted((word for p in passages for word in p.words), key=lambda word: word.mid_s)
    true_ends = {p.words[-1]: p.end_s for p in passages}
    middles = [word.mid_s for word in words]
    first_s: list[float | None] = [None] * len(words)
    for frame in session.frames:
        shown = sorted(word.mid_s for word in frame.words)
        if not shown:
            continue
        begin = bisect_left(middles, shown[0] - TOLERANCE_S)
        end = bisect_right(middles, shown[-1] + TOLERANCE_S)
        if None not in first_s[begin:end]:
            continue
        for index in paired(shown, middles[begin:end], TOLERANCE_S):
            if first_s[begin + index] is None:
                first_s[begin + index] = frame.at_s
    lags_s = tuple(
        at_s - true_ends.get(word, word.end_s)
        for word, at_s in zip(words, first_s, strict=True)
        if at_s is not None
    )
    return WordLags(lags_s, len(words))


def first_text_lags(stream: Stream, session: Session) -> list[float]:
    """Return for each passage that was shown when its first text came, less its true start.

    A frame shows a passage if the middle of one of its words, or its span where it has no words,
    lies within `TOLERANCE_S` of the passage's speech.
    """
    lags_s: list[float] = []
    for passage in sent_passages(stream, session):
        shown = (f.at_s for f in session.frames if f.text.strip() and _shows(f, passage))
        first_s = next(shown, None)
        if first_s is not None:
            lags_s.append(first_s - passage.start_s)
    return lags_s


def _shows(frame: Frame, passage: Passage) -> bool:
    begin_s, end_s = passage.start_s - TOLERANCE_S, passage.end_s + TOLERANCE_S
    if frame.words:
        return any(begin_s <= word.mid_s <= end_s for word in frame.words)
    return frame.start_s < end_s and frame.end_s > begin_s


def final_lags(stream: Stream, session: Session) -> list[tuple[float, float]]:
    """Return for each passage where its speech truly ends, and how long after that its final came.

    The final of a passage is that whose span holds the middle of its last word or is nearest to
    it, at most `TOLERANCE_S` away; passages without one are left out, `coverage` counts them.
    """
    lags: list[tuple[float, float]] = []
    for passage in sent_passages(stream, session):
        last = passage.words[-1].mid_s
        near = [f for f in session.finals if _distance_s(f, last) <= TOLERANCE_S]
        if near:
            final = min(near, key=lambda frame: _distance_s(frame, last))
            lags.append((passage.end_s, final.at_s - passage.end_s))
    return lags


def _distance_s(frame: Frame, at_s: float) -> float:
    return max(0.0, frame.start_s - at_s, at_s - frame.end_s)


def coverage(stream: Stream, session: Session) -> Coverage:
    """Look for speech that no final with text spans, `TOLERANCE_S` allowed."""
    total = Coverage()
    for passage in sent_passages(stream, session):
        outside = [word for word in passage.words if not _is_spanned(word, session.finals)]
        lost_s = sum(word.end_s - word.start_s for word in outside)
        n_words = len(passage.words)
        total += Coverage(1, len(outside) == n_words, n_words, len(outside), lost_s)
    return total


def _is_spanned(word: TimedWord, finals: Sequence[Frame]) -> bool:
    return any(_distance_s(final, word.mid_s) <= TOLERANCE_S for final in finals)


def flicker(session: Session) -> Flicker:
    """Count words shown, and those that the next frame of their utterance changed.

    The words of two frames that follow each other are laid along one another as well as they go:
    those of the first without a partner were changed, those of the second were newly shown. Case
    and punctuation do not count. A final ends the utterance.
    """
    n_shown = n_changed = 0
    before: list[str] = []
    for frame in session.frames:
        words = [w for t in frame.text.split() if (w := _NO_LETTERS.sub("", t.casefold()))]
        matcher = SequenceMatcher(None, before, words, autojunk=False)
        n_kept = sum(block.size for block in matcher.get_matching_blocks())
        n_shown += len(words) - n_kept
        n_changed += len(before) - n_kept
        before = [] if frame.is_final else words
    return Flicker(n_shown, n_changed)


def error_rates(stream: Stream, session: Session) -> tuple[ErrorRate, ErrorRate]:
    """Return the word errors of all finals, joined, and of the offline texts, joined."""
    passages = sent_passages(stream, session)
    said = " ".join(passage.text for passage in passages)
    offline = " ".join(passage.offline for passage in passages)
    return word_errors(said, final_text(session), "en"), word_errors(said, offline, "en")


def final_text(session: Session) -> str:
    """Join the finals."""
    return " ".join(final.text.strip() for final in session.finals)


def ending(stream: Stream, session: Session) -> Ending:
    """Return what came after the end, and which words of the last clip did not."""
    done_s = math.inf if session.done_s is None else session.done_s
    finals = [frame.at_s for frame in session.frames if frame.is_final and frame.at_s >= done_s]
    closed_s = math.inf if session.closed_s is None else session.closed_s - done_s
    n_deleted, n_tail = _missing(stream, session)
    return Ending(finals[-1] - done_s if finals else None, closed_s, n_deleted, n_tail)


def _missing(stream: Stream, session: Session) -> tuple[int, int]:
    """Count deletions in the last passage, all and those at its very end, by best alignment."""
    passages = sent_passages(stream, session)
    words = [normalised(passage.offline, "en").split() for passage in passages]
    if not words or not words[-1]:
        return 0, 0
    joined = [word for row in words for word in row]
    heard = normalised(final_text(session), "en")
    if not heard:
        return len(words[-1]), len(words[-1])
    chunks = jiwer.process_words(" ".join(joined), heard).alignments[0]
    first = len(joined) - len(words[-1])
    gone = [
        index
        for chunk in chunks
        if chunk.type == "delete"
        for index in range(max(first, chunk.ref_start_idx), chunk.ref_end_idx)
    ]
    n_tail = 0
    while n_tail < len(gone) and gone[-1 - n_tail] == len(joined) - 1 - n_tail:
        n_tail += 1
    return len(gone), n_tail
