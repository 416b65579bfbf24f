"""Scores of speakers, on answers that are written down by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bench.conversations import Line
from bench.speaker_client import SaidWord
from bench.speaker_corpus import parse_rttm, parse_stm
from bench.speaker_names import Naming, naming
from bench.speaker_score import DiarizationErrors, Jaccard, Score, n_speakers, summed
from bench.speaker_words import WordSpeakers, most_agreed, word_speakers
from bench.speakers_robust import CHANGES, louder, noisy, telephoned
from loquent.domain.audio import SAMPLE_RATE_HZ, Samples
from loquent.domain.speakers import SpeakerTurn

LINES = (
    Line("ann", 0.0, 2.0, "good day"),
    Line("bea", 2.5, 4.0, "dear friend"),
    Line("ann", 3.5, 6.0, "how are you"),
)


def word(at_s: float, speaker: str | None) -> SaidWord:
    return SaidWord("word", at_s - 0.1, at_s + 0.1, speaker)


def test_rttm_is_read_and_sorted() -> None:
    text = (
        "SPKR-INFO talk 1 <NA> <NA> <NA> unknown bea <NA> <NA>\n"
        "SPEAKER talk 1 5.25 1.500 <NA> <NA> bea <NA> <NA>\n\n"
        "SPEAKER talk 1 0.500 2.000 <NA> <NA> ann <NA> <NA>\n"
    )
    assert parse_rttm(text) == (SpeakerTurn(0.5, 2.5, "ann"), SpeakerTurn(5.25, 6.75, "bea"))


def test_stm_is_read_with_and_without_labels() -> None:
    text = ";; comment\nt 1 ann 0.50 2.5 <o,f0> Good day, Bea.\nt 1 bea 3 4 Good day.\n"
    assert parse_stm(text) == (
        Line("ann", 0.5, 2.5, "Good day, Bea."),
        Line("bea", 3.0, 4.0, "Good day."),
    )


def test_a_word_belongs_to_the_line_that_holds_its_middle() -> None:
    words = [word(1.0, "A"), word(3.0, "B"), word(5.0, "A"), word(5.5, "B"), word(5.8, None)]
    found = word_speakers(LINES, words)
    assert found == WordSpeakers(n_words=5, n_named=4, n_placed=5, n_right=3)
    assert (found.accuracy_percent, found.named_percent) == (60.0, 80.0)


def test_either_speaker_is_right_where_two_speak_and_nobody_where_none_does() -> None:
    words = [word(1.0, "A"), word(3.0, "B"), word(3.7, "A"), word(3.8, "B"), word(2.2, "B")]
    assert word_speakers(LINES, words) == WordSpeakers(5, 5, 4, 4)


def test_names_are_matched_one_to_one() -> None:
    assert most_agreed({("A", "ann"): 5, ("A", "bea"): 4, ("B", "ann"): 4, ("B", "bea"): 1}) == 8
    assert most_agreed({("A", "ann"): 5, ("B", "ann"): 4, ("C", "ann"): 7}) == 7
    assert most_agreed({("A", "ann"): 2, ("A", "bea"): 3}) == 3
    assert most_agreed({}) == 0


def test_names_count_by_speaking_time() -> None:
    truth = [SpeakerTurn(0, 10, "ann"), SpeakerTurn(10, 20, "bea"), SpeakerTurn(20, 24, "carl")]
    found = [SpeakerTurn(0, 6, "ann"), SpeakerTurn(6, 8, "A"), SpeakerTurn(10, 15, "A")]
    found += [SpeakerTurn(15, 20, "ann"), SpeakerTurn(20, 24, "carl")]
    assert naming(truth, found, {"ann", "carl"}) == Naming(
        known_s=14.0, heard_s=12.0, named_s=10.0, strange_s=10.0, misnamed_s=5.0
    )


def test_a_name_is_right_while_its_owner_speaks_over_a_stranger() -> None:
    truth = [SpeakerTurn(0, 4, "ann"), SpeakerTurn(2, 6, "bea")]
    found = [SpeakerTurn(0, 4, "ann"), SpeakerTurn(4, 6, "A")]
    assert naming(truth, found, {"ann"}) == Naming(4.0, 4.0, 4.0, 4.0, 0.0)


def test_names_of_people_who_are_not_there_are_wrong() -> None:
    found = naming([SpeakerTurn(0, 4, "bea")], [SpeakerTurn(0, 3, "ann")], {"ann"})
    assert (found.known_s, found.strange_s, found.misnamed_s) == (0.0, 4.0, 3.0)


def test_scores_are_added_in_seconds() -> None:
    long = DiarizationErrors(speech_s=90, missed_s=1, false_alarm_s=2, confused_s=6)
    short = DiarizationErrors(speech_s=10, missed_s=0, false_alarm_s=0, confused_s=10)
    one = Score(1, 1, long, long, Jaccard(2, 0.2), 2, 2)
    other = Score(1, 0, short, short, Jaccard(3, 1.3), 4, 3)
    total = summed([one, other])
    assert (long.percent, short.percent) == (10.0, 100.0)
    assert total.strict.percent == pytest.approx(19.0)
    assert total.strict.share(total.strict.missed_s) == pytest.approx(1.0)
    assert total.jaccard.percent == pytest.approx(30.0)
    assert (total.exact_percent, total.n_found, total.n_true) == (50.0, 6, 5)


def test_speakers_are_counted_once() -> None:
    assert n_speakers([SpeakerTurn(0, 1, "a"), SpeakerTurn(1, 2, "b"), SpeakerTurn(2, 3, "a")]) == 2


@pytest.mark.parametrize("name", CHANGES)
def test_changed_recordings_keep_their_lengths(name: str) -> None:
    samples = _tone(440.0)
    changed = CHANGES[name](samples)
    assert changed.shape == samples.shape
    assert changed.dtype == np.float32


def test_the_telephone_lets_low_tones_through_and_no_high_ones() -> None:
    low, high = telephoned(_tone(440.0)), telephoned(_tone(6_000.0))
    assert _rms(low) == pytest.approx(_rms(_tone(440.0)), rel=0.05)
    assert _rms(high) < 0.01 * _rms(_tone(6_000.0))


def test_noise_and_gain_are_as_loud_as_they_say() -> None:
    samples = _tone(440.0)
    assert _rms(noisy(samples) - samples) == pytest.approx(_rms(samples) / 10, rel=0.05)
    assert _rms(louder(samples)) == pytest.approx(_rms(samples) * 3.98, rel=0.01)


def _tone(pitch_hz: float) -> Samples:
    at_s = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return (0.1 * np.sin(2 * np.pi * pitch_hz * at_s)).astype(np.float32)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples[800:-800] ** 2)))
