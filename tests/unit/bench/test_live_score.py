"""The scores of live sessions, on sessions that are written down by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.live_figures import summed
from bench.live_score import (
    Coverage,
    Flicker,
    coverage,
    ending,
    error_rates,
    final_lags,
    first_text_lags,
    flicker,
    paired,
    percentile,
    word_lags,
)
from bench.live_values import Frame, Passage, Session, Stream, TimedWord
from bench.live_wire import parse_session

ONE = (TimedWord("good", 1.0, 1.2), TimedWord("day", 1.4, 1.8))
TWO = (TimedWord("dear", 5.0, 5.4), TimedWord("friend", 5.6, 6.0))
STREAM = Stream(
    "s",
    Path("s"),
    8.0,
    (
        Passage("good day", "good day", ONE, 1.1, 1.9),
        Passage("dear friend", "dear friend", TWO, 5.1, 6.2),
    ),
)


def partial(at_s: float, *words: TimedWord) -> Frame:
    text = " ".join(word.text for word in words)
    return Frame(at_s, False, text, words[0].start_s, words[-1].end_s, words)


def final(at_s: float, *words: TimedWord) -> Frame:
    return replace(partial(at_s, *words), is_final=True)


def said(*texts: str) -> tuple[Frame, ...]:
    """Return partials with these texts, the last of them a final."""
    frames = [Frame(float(n), False, text, 0.0, 1.0, ()) for n, text in enumerate(texts)]
    return (*frames[:-1], replace(frames[-1], is_final=True))


def session(*frames: Frame, sent_s: float = 8.0, done_s: float | None = 8.0) -> Session:
    return Session("s", 0, 100.0, frames, sent_s, done_s, 9.0, 1000, 0.0, 0.0, "")


EMPTY = Frame(8.5, True, "", 6.5, 8.0, ())
WHOLE = session(partial(1.6, ONE[0]), final(2.5, *ONE), partial(5.9, TWO[0]), final(7.0, *TWO))


def test_words_are_paired_one_to_one_and_in_order() -> None:
    assert paired([1.0, 2.0], [1.1, 2.1, 3.0], 0.3) == [0, 1]
    assert paired([1.2], [1.0, 1.25, 1.5], 0.3) == [1]
    assert paired([2.0], [1.7], 0.3) == []


def test_a_row_without_its_first_word_does_not_shift_the_others() -> None:
    assert paired([1.25, 1.5, 1.75], [1.0, 1.25, 1.5, 1.75], 0.3) == [1, 2, 3]


def test_a_word_is_late_by_its_first_showing_and_the_last_by_the_true_end() -> None:
    found = word_lags(STREAM, WHOLE)
    assert found.lags_s == pytest.approx((1.6 - 1.2, 2.5 - 1.9, 5.9 - 5.4, 7.0 - 6.2))
    assert found.unseen_percent == 0


def test_a_word_that_nobody_showed_counts_as_unseen() -> None:
    found = word_lags(STREAM, session(final(2.5, ONE[0])))
    assert found.lags_s == pytest.approx((1.3,))
    assert found.unseen_percent == 75


def test_words_that_were_not_sent_do_not_count() -> None:
    assert word_lags(STREAM, replace(WHOLE, sent_s=4.0)).n_words == 2


def test_first_text_counts_from_the_true_start() -> None:
    assert first_text_lags(STREAM, WHOLE) == pytest.approx([1.6 - 1.1, 5.9 - 5.1])


def test_a_frame_without_words_shows_what_its_span_holds() -> None:
    frame = Frame(2.0, False, "one", 0.9, 1.7, ())
    assert first_text_lags(STREAM, session(frame)) == pytest.approx([0.9])


def test_a_final_counts_from_the_true_end_of_the_clip_whose_last_word_it_spans() -> None:
    assert np.allclose(final_lags(STREAM, WHOLE), [(1.9, 0.6), (6.2, 0.8)])


def test_a_clip_whose_end_no_final_spans_has_no_lag_and_is_silent() -> None:
    lost = session(final(2.5, *ONE), EMPTY)
    assert np.allclose(final_lags(STREAM, lost), [(1.9, 0.6)])
    assert replace(coverage(STREAM, lost), lost_s=0.0) == Coverage(2, 1, 4, 2, 0.0)
    assert coverage(STREAM, lost).lost_s == pytest.approx(0.8)
    assert summed([(STREAM, lost)]).has_lost_sound


def test_everything_in_finals_is_covered() -> None:
    assert coverage(STREAM, WHOLE) == Coverage(2, 0, 4, 0, 0.0)
    assert not summed([(STREAM, WHOLE)]).has_lost_sound


@pytest.mark.parametrize(
    ("texts", "n_shown", "n_changed"),
    [
        (("one", "one two", "One, two."), 2, 0),
        (("one to", "one two three"), 4, 1),
        (("one two three", "one"), 3, 2),
        (("one", "", "one"), 2, 1),
        (("one two",), 2, 0),
    ],
)
def test_a_word_that_the_next_frame_changes_flickers(
    texts: tuple[str, ...], n_shown: int, n_changed: int
) -> None:
    assert flicker(session(*said(*texts))) == Flicker(n_shown, n_changed)


def test_a_final_ends_the_comparison() -> None:
    assert flicker(session(*said("one"), *said("two"))) == Flicker(2, 0)


def test_finals_are_scored_together_beside_the_offline_texts() -> None:
    live, offline = error_rates(STREAM, session(final(2.5, *ONE), final(7.0, TWO[0])))
    assert (live.n_errors, live.n_words) == (1, 4)
    assert offline.n_errors == 0


def test_what_is_missing_at_the_end_is_told_from_what_is_missing_before() -> None:
    whole = ending(STREAM, session(final(2.5, *ONE), final(8.4, *TWO)))
    assert whole.final_s == pytest.approx(0.4)
    assert whole.closed_s == pytest.approx(1.0)
    assert (whole.n_deleted, whole.n_tail) == (0, 0)
    beheaded = ending(STREAM, session(final(2.5, *ONE), final(8.4, TWO[1])))
    assert (beheaded.n_deleted, beheaded.n_tail) == (1, 0)
    cut = ending(STREAM, session(final(2.5, *ONE), final(8.4, TWO[0])))
    assert (cut.n_deleted, cut.n_tail) == (1, 1)
    assert (ending(STREAM, session()).n_deleted, ending(STREAM, session()).n_tail) == (2, 2)


def test_percentiles_lie_between_neighbours() -> None:
    assert percentile([1.0, 2.0], 50) == 1.5


def test_a_session_that_ends_early_is_broken_and_one_that_never_began_is_refused() -> None:
    refused = replace(session(sent_s=0.2, done_s=None), close_code=1013)
    broken = replace(WHOLE, close_code=1011)
    figures = summed([(STREAM, refused), (STREAM, broken)])
    assert (figures.n_sessions, figures.n_refused, figures.n_broken) == (2, 1, 1)


def test_frames_are_read_as_they_come_over_the_wire() -> None:
    word = {"start": 1000, "end": 1200, "confidence": 0.9, "text": "one"}
    message = {
        "audio_start": 900,
        "audio_end": 1300,
        "confidence": 0.9,
        "text": "one",
        "words": [word],
        "created": "2026-01-01T00:00:00Z",
        "message_type": "FinalTranscript",
    }
    notes = {
        "stream": "s", "lane": 0, "began_s": 1.0, "sent_s": 2.0, "done_s": 2.0, "closed_s": 2.5,
        "close_code": 1000, "late_s": 0.0, "blocked_s": 0.0, "trouble": "",
        "frames": [[1.5, message], [1.6, {"message_type": "SessionBegins"}]],
    }  # fmt: skip
    frame = Frame(1.5, True, "one", 0.9, 1.3, (TimedWord("one", 1.0, 1.2),))
    assert parse_session(notes).frames == (frame,)
