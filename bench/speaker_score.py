"""Scores who speaks when: by pyannote.metrics, and the count of people; hears nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.extras import library
from loquent.domain.speakers import SpeakerTurn

NO_COLLAR = 0.0
COLLAR_S = 0.5
"""A quarter of a second on both sides of each border of the reference is not scored."""

WIDE_COLLAR_S = 1.0
"""Half a second on both sides, for borders that are those of clips."""

CAPTION = (
    "DER by pyannote.metrics over all of each recording (UEM from 0 to its end), collar 0, "
    "overlap scored; beside it with +-250 ms around each border unscored, and the Jaccard error"
)


@dataclass(frozen=True, slots=True)
class DiarizationErrors:
    """Errors in seconds, and the seconds of speech that they are counted against."""

    speech_s: float = 0.0
    missed_s: float = 0.0
    false_alarm_s: float = 0.0
    confused_s: float = 0.0

    @property
    def percent(self) -> float:
        return self.share(self.missed_s + self.false_alarm_s + self.confused_s)

    def share(self, part_s: float) -> float:
        """Return a part in percent of all speech."""
        return 100 * part_s / self.speech_s if self.speech_s else 0.0

    def __add__(self, other: DiarizationErrors) -> DiarizationErrors:
        return DiarizationErrors(
            self.speech_s + other.speech_s,
            self.missed_s + other.missed_s,
            self.false_alarm_s + other.false_alarm_s,
            self.confused_s + other.confused_s,
        )


@dataclass(frozen=True, slots=True)
class Jaccard:
    """The sum over people of how much of their speech was not matched, from 0 to 1 each."""

    n_people: float = 0.0
    errors: float = 0.0

    @property
    def percent(self) -> float:
        return 100 * self.errors / self.n_people if self.n_people else 0.0

    def __add__(self, other: Jaccard) -> Jaccard:
        return Jaccard(self.n_people + other.n_people, self.errors + other.errors)


@dataclass(frozen=True, slots=True)
class Score:
    """How well the speakers of recordings were told apart.

    Attributes:
        n_talks: how many recordings.
        n_exact: those in which as many speakers were found as there are.
        strict: collar 0.
        lenient: `COLLAR_S`.
        n_found, n_true: speakers, summed up.
    """

    n_talks: int = 0
    n_exact: int = 0
    strict: DiarizationErrors = DiarizationErrors()
    lenient: DiarizationErrors = DiarizationErrors()
    jaccard: Jaccard = Jaccard()
    n_found: int = 0
    n_true: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.n_talks + other.n_talks,
            self.n_exact + other.n_exact,
            self.strict + other.strict,
            self.lenient + other.lenient,
            self.jaccard + other.jaccard,
            self.n_found + other.n_found,
            self.n_true + other.n_true,
        )

    @property
    def exact_percent(self) -> float:
        return 100 * self.n_exact / self.n_talks if self.n_talks else 0.0


def scored(truth: Sequence[SpeakerTurn], found: Sequence[SpeakerTurn], duration_s: float) -> Score:
    """Compare what was found in one recording with what is true."""
    n_found, n_true = n_speakers(found), n_speakers(truth)
    return Score(
        1,
        int(n_found == n_true),
        errors(truth, found, duration_s),
        errors(truth, found, duration_s, COLLAR_S),
        _jaccard(truth, found, duration_s),
        n_found,
        n_true,
    )


def summed(scores: Iterable[Score]) -> Score:
    """Add up seconds, not percents."""
    return sum(scores, Score())


def errors(
    truth: Sequence[SpeakerTurn],
    found: Sequence[SpeakerTurn],
    duration_s: float,
    collar_s: float = NO_COLLAR,
) -> DiarizationErrors:
    """Return the parts of the diarization error rate.

    Args:
        collar_s: as pyannote.metrics counts it: half of it lies on each side of a border.
    """
    metric = library("pyannote.metrics.diarization").DiarizationErrorRate(collar=collar_s)
    parts = metric(*_annotations(truth, found), uem=_uem(duration_s), detailed=True)
    return DiarizationErrors(
        parts["total"], parts["missed detection"], parts["false alarm"], parts["confusion"]
    )


def _jaccard(
    truth: Sequence[SpeakerTurn], found: Sequence[SpeakerTurn], duration_s: float
) -> Jaccard:
    metric = library("pyannote.metrics.diarization").JaccardErrorRate()
    parts = metric(*_annotations(truth, found), uem=_uem(duration_s), detailed=True)
    return Jaccard(parts["speaker count"], parts["speaker error"])


def _annotations(*rows: Sequence[SpeakerTurn]) -> list[object]:
    core = library("pyannote.core")
    annotations = []
    for turns in rows:
        annotation = core.Annotation()
        for number, turn in enumerate(turns):
            annotation[core.Segment(turn.start_s, turn.end_s), number] = turn.speaker
        annotations.append(annotation)
    return annotations


def _uem(duration_s: float) -> object:
    core = library("pyannote.core")
    return core.Timeline([core.Segment(0, duration_s)])


def n_speakers(turns: Iterable[SpeakerTurn]) -> int:
    """Count who speaks."""
    return len({turn.speaker for turn in turns})
