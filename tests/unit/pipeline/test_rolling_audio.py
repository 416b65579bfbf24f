"""What is held is what came in and was not let go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, SpeechRegion
from loquent.pipeline.rolling_audio import RollingAudio


def ramp(n_samples: int) -> Samples:
    """Return samples of which each says its place."""
    return np.arange(n_samples, dtype=np.float32)


def filled(pieces: list[Samples]) -> RollingAudio:
    audio = RollingAudio()
    for piece in pieces:
        audio.append(piece)
    return audio


def test_nothing_lasts_no_time() -> None:
    assert RollingAudio().duration_s == 0.0


@given(st.lists(st.integers(0, 5_000), max_size=6), st.data())
def test_a_cut_is_the_recording_at_that_place(lengths: list[int], data: st.DataObject) -> None:
    recording = ramp(sum(lengths))
    audio = filled(np.split(recording, np.cumsum(lengths)))
    begin, end = sorted(data.draw(st.tuples(*[st.integers(0, len(recording))] * 2)))
    audio.release_before(data.draw(st.integers(0, begin)) / SAMPLE_RATE_HZ)
    region = SpeechRegion(begin / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ)
    np.testing.assert_array_equal(audio.cut(region), recording[begin:end])
    assert audio.duration_s == len(recording) / SAMPLE_RATE_HZ


def test_a_cut_is_a_copy() -> None:
    audio = filled([ramp(100)])
    whole = SpeechRegion(0.0, 100 / SAMPLE_RATE_HZ)
    audio.cut(whole)[:] = -1
    assert audio.cut(whole)[0] == 0


def test_what_was_let_go_cannot_be_cut() -> None:
    audio = filled([ramp(SAMPLE_RATE_HZ)])
    audio.release_before(0.5)
    with pytest.raises(AssertionError, match="let go"):
        audio.cut(SpeechRegion(0.25, 0.75))


def test_going_back_lets_nothing_go() -> None:
    audio = filled([ramp(SAMPLE_RATE_HZ)])
    audio.release_before(0.5)
    audio.release_before(0.25)
    assert len(audio.cut(SpeechRegion(0.5, 1.0))) == SAMPLE_RATE_HZ // 2


@given(st.lists(st.integers(0, 5_000), max_size=8), st.data())
def test_no_more_is_held_than_is_needed_and_one_piece(
    lengths: list[int], data: st.DataObject
) -> None:
    audio = RollingAudio()
    n_needed_from = n_samples = 0
    for length in lengths:
        audio.append(ramp(length))
        n_samples += length
        n_needed_from = data.draw(st.integers(n_needed_from, n_samples))
        audio.release_before(n_needed_from / SAMPLE_RATE_HZ)
        n_held = round(audio.held_s * SAMPLE_RATE_HZ)
        assert n_samples - n_needed_from <= n_held
        assert n_held < n_samples - n_needed_from + max(1, *lengths, 1)


def test_all_may_be_let_go_and_more_may_come() -> None:
    audio = filled([ramp(100), ramp(100)])
    audio.release_before(200 / SAMPLE_RATE_HZ)
    assert audio.held_s == 0.0
    audio.append(ramp(50))
    assert audio.duration_s == 250 / SAMPLE_RATE_HZ
    region = SpeechRegion(200 / SAMPLE_RATE_HZ, 250 / SAMPLE_RATE_HZ)
    np.testing.assert_array_equal(audio.cut(region), ramp(50))


def test_letting_go_of_more_than_came_lets_go_of_what_came() -> None:
    audio = filled([ramp(100)])
    audio.release_before(10.0)
    assert (audio.held_s, audio.duration_s) == (0.0, 100 / SAMPLE_RATE_HZ)


def test_a_cut_ends_where_the_recording_does() -> None:
    audio = filled([ramp(100)])
    beyond = SpeechRegion(50 / SAMPLE_RATE_HZ, 1.0)
    np.testing.assert_array_equal(audio.cut(beyond), ramp(100)[50:])


def test_of_nothing_nothing_is_cut() -> None:
    assert len(RollingAudio().cut(SpeechRegion(0.0, 1.0))) == 0
    audio = filled([ramp(100)])
    assert len(audio.cut(SpeechRegion(0.0, 0.0))) == 0
