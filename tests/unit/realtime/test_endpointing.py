"""Where speech begins, pauses and ends, whatever is heard and however it is cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, assert_never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.request import SpeechDetection
from loquent.pipeline.segmentation import FRAME_S, MIN_SPEECH_S
from loquent.realtime.endpointing import (
    MAX_STRETCH_S,
    MIN_SEALED_S,
    PAUSE_S,
    Began,
    Ended,
    Endpoint,
    Endpointer,
    Paused,
    Resumed,
)
from tests.unit.realtime.streams import (
    DETECTIONS,
    MURMUR,
    RUNS,
    SILENCE,
    SPEECH,
    Run,
    n_frames,
    silence,
    speech,
    spelled_out,
)

DETECTION = SpeechDetection()
SILENCE_S = DETECTION.silence_duration_ms / 1000
PADDING_S = DETECTION.prefix_padding_ms / 1000
TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class Hear:
    runs: Sequence[Run]


@dataclass(frozen=True)
class End:
    """Somebody ends the stretch, so long after the last whole frame."""

    beyond_s: float


@dataclass(frozen=True)
class Forget:
    pass


@dataclass(frozen=True)
class Configure:
    detection: SpeechDetection


Happening: TypeAlias = Hear | End | Forget | Configure

HAPPENINGS = st.lists(
    st.one_of(
        st.builds(Hear, RUNS),
        st.builds(End, st.floats(0.0, FRAME_S, exclude_max=True)),
        st.builds(Forget),
        st.builds(Configure, DETECTIONS),
    ),
    max_size=6,
)


class Witness:
    """Checks every endpoint against those before it."""

    def __init__(self, detection: SpeechDetection) -> None:
        self.endpointer = Endpointer(detection)
        self.start_s: float | None = None
        self.is_paused = False
        self.free_from_s = 0.0
        self.settled_s = 0.0
        self.n_frames = 0

    def see(self, happening: Happening) -> None:
        match happening:
            case Hear(runs):
                for probability in spelled_out(runs):
                    self.n_frames += 1
                    self.take(self.endpointer.push([probability]), self.n_frames * FRAME_S)
            case End(beyond_s):
                end_s = self.n_frames * FRAME_S + beyond_s
                self.take(self.endpointer.end(end_s), end_s)
                assert self.start_s is None
                self.free_from_s = end_s
            case Forget():
                self.endpointer.forget(self.n_frames * FRAME_S)
                self.start_s, self.is_paused = None, False
                self.free_from_s = max(self.free_from_s, self.n_frames * FRAME_S)
            case Configure(detection):
                self.endpointer.configure(detection)
            case _:
                assert_never(happening)
        self.check_settled()

    def take(self, endpoints: Iterable[Endpoint], now_s: float) -> None:
        for endpoint in endpoints:
            self.check(endpoint, now_s)
        self.check_settled()

    def check(self, endpoint: Endpoint, now_s: float) -> None:
        match endpoint:
            case Began(start_s):
                assert self.start_s is None
                assert self.free_from_s - TOLERANCE_S <= start_s <= now_s + TOLERANCE_S
                self.start_s = start_s
            case Paused(at_s):
                assert self.start_s is not None
                assert not self.is_paused
                assert self.start_s < at_s <= now_s + TOLERANCE_S
                self.is_paused = True
            case Resumed():
                assert self.is_paused
                self.is_paused = False
            case Ended(end_s):
                assert self.start_s is not None
                assert self.start_s <= end_s <= now_s + TOLERANCE_S
                assert end_s - self.start_s <= MAX_STRETCH_S + 2 * FRAME_S
                self.start_s, self.is_paused, self.free_from_s = None, False, end_s

    def check_settled(self) -> None:
        settled_s = self.endpointer.settled_s
        assert settled_s >= self.settled_s
        if self.start_s is not None:
            assert settled_s <= self.start_s
        assert self.endpointer.now_s == self.n_frames * FRAME_S
        self.settled_s = settled_s


@settings(max_examples=120, deadline=None)
@given(DETECTIONS, HAPPENINGS)
def test_stretches_follow_one_another_and_are_short_whatever_happens(
    detection: SpeechDetection, happenings: list[Happening]
) -> None:
    witness = Witness(detection)
    for happening in happenings:
        witness.see(happening)


@settings(max_examples=60, deadline=None)
@given(DETECTIONS, RUNS, st.integers(1, 99))
def test_how_the_probabilities_are_cut_changes_nothing(
    detection: SpeechDetection, runs: list[Run], n_at_once: int
) -> None:
    probabilities = spelled_out(runs)
    whole, parts = Endpointer(detection), Endpointer(detection)
    endpoints = whole.push(probabilities)
    cut = [
        endpoint
        for at in range(0, len(probabilities), n_at_once)
        for endpoint in parts.push(probabilities[at : at + n_at_once])
    ]
    assert cut == endpoints
    assert (parts.now_s, parts.settled_s) == (whole.now_s, whole.settled_s)
    assert parts.speech_end_s == whole.speech_end_s


@settings(max_examples=60, deadline=None)
@given(DETECTIONS, RUNS)
def test_no_stretch_outlasts_the_silence_that_ends_it(
    detection: SpeechDetection, runs: list[Run]
) -> None:
    endpointer = Endpointer(detection)
    endpointer.push(spelled_out(runs))
    endpointer.push([0.0] * n_frames(detection.silence_duration_ms / 1000 + PAUSE_S + FRAME_S))
    assert endpointer.speech_end_s is None


def heard(*parts: Sequence[float]) -> list[Endpoint]:
    """Return what is told of all parts in a row."""
    return Endpointer(DETECTION).push([probability for part in parts for probability in part])


def test_silence_is_not_told() -> None:
    assert heard(silence(60.0)) == []
    assert heard([MURMUR] * 1_000) == []


@pytest.mark.parametrize("n", range(1, n_frames(MIN_SPEECH_S)))
def test_a_click_is_not_told(n: int) -> None:
    assert heard(silence(1.0), [SPEECH] * n, silence(2.0)) == []


def test_clicks_far_apart_do_not_add_up_to_speech() -> None:
    assert heard(*[[SPEECH], silence(PAUSE_S)] * 20) == []


def test_speech_is_told_with_the_silence_before_it_and_ends_by_silence() -> None:
    began, paused, ended = heard(silence(1.024), speech(1.024), silence(1.0))
    assert isinstance(began, Began)
    assert began.start_s == pytest.approx(1.024 - PADDING_S)
    assert isinstance(paused, Paused)
    assert 0.0 <= paused.at_s - 2.048 - PAUSE_S <= FRAME_S
    assert ended == Ended(paused.at_s, is_silent=True)


def test_padding_never_reaches_into_the_stretch_before() -> None:
    spoken = [speech(1.0), silence(SILENCE_S)]
    endpoints = heard(*spoken, *spoken)
    first_end = next(e for e in endpoints if isinstance(e, Ended))
    second = [e for e in endpoints if isinstance(e, Began)][1]
    assert second.start_s >= first_end.end_s


@pytest.mark.parametrize("silence_ms", [0, 32, 100, 200, 500, 1_500])
def test_the_silence_that_ends_a_stretch_is_as_long_as_asked_for(silence_ms: int) -> None:
    endpointer = Endpointer(SpeechDetection(silence_duration_ms=silence_ms))
    endpointer.push(speech(1.0))
    n = max(1, n_frames(silence_ms / 1000))
    assert not any(isinstance(e, Ended) for e in endpointer.push([SILENCE] * (n - 1)))
    assert isinstance(endpointer.push([SILENCE])[-1], Ended)


def test_a_short_stretch_goes_on_after_a_pause() -> None:
    endpoints = heard(speech(MIN_SEALED_S / 2), silence(PAUSE_S), speech(1.0))
    assert [type(endpoint) for endpoint in endpoints] == [Began, Paused, Resumed]


def test_a_long_stretch_is_complete_at_a_pause_once_the_speech_goes_on() -> None:
    endpoints = heard(speech(MIN_SEALED_S), silence(PAUSE_S), speech(1.0))
    assert [type(endpoint) for endpoint in endpoints] == [Began, Paused, Ended, Began]
    _, paused, ended, began = endpoints
    assert isinstance(paused, Paused)
    assert ended == Ended(paused.at_s, is_silent=False)
    assert began == Began(paused.at_s)


def test_speech_without_a_pause_is_cut_where_it_was_least_likely() -> None:
    dip_s = MAX_STRETCH_S * 0.75
    spoken = speech(MAX_STRETCH_S * 2)
    spoken[n_frames(dip_s)] = 0.6
    endpoints = heard(spoken)
    began, ended, went_on = endpoints[:3]
    assert began == Began(0.0)
    assert isinstance(ended, Ended)
    assert ended.end_s == pytest.approx(dip_s, abs=2 * FRAME_S)
    assert not ended.is_silent
    assert went_on == Began(ended.end_s)


def test_speech_is_cut_in_the_later_half_of_what_is_allowed() -> None:
    spoken = speech(MAX_STRETCH_S * 2)
    spoken[n_frames(MAX_STRETCH_S / 4)] = 0.5
    spoken[n_frames(MAX_STRETCH_S * 3 / 4)] = 0.6
    _, ended, *_rest = heard(spoken)
    assert isinstance(ended, Ended)
    assert ended.end_s == pytest.approx(MAX_STRETCH_S * 3 / 4, abs=2 * FRAME_S)


def test_stretches_of_endless_speech_leave_nothing_out() -> None:
    endpoints = heard(speech(120.0), silence(1.0))
    told = [e for e in endpoints if not isinstance(e, Paused)]
    assert [type(e) for e in told] == [Began, Ended] * (len(told) // 2)
    starts_s = [e.start_s for e in told if isinstance(e, Began)]
    ends_s = [e.end_s for e in told if isinstance(e, Ended)]
    assert starts_s[0] == 0.0
    assert starts_s[1:] == ends_s[:-1]
    assert all(later > earlier for earlier, later in pairwise(ends_s))
    assert ends_s[-1] >= 120.0


def test_a_long_pause_does_not_become_part_of_a_stretch() -> None:
    patient = Endpointer(SpeechDetection(silence_duration_ms=30_000))
    endpoints = patient.push([*speech(1.0), *silence(25.0), *speech(1.0)])
    assert [type(endpoint) for endpoint in endpoints] == [Began, Paused, Ended, Began]
    assert isinstance(endpoints[3], Began)
    assert 26.0 - PADDING_S - FRAME_S <= endpoints[3].start_s < 26.0 + FRAME_S


def test_an_end_from_outside_is_where_it_was_asked_for() -> None:
    endpointer = Endpointer(DETECTION)
    endpointer.push(speech(1.0))
    end_s = endpointer.now_s + 0.01
    assert endpointer.end(end_s) == [Ended(end_s, is_silent=True)]
    assert endpointer.end(end_s) == []
    assert endpointer.push(speech(1.0))[0] == Began(end_s)


def test_an_end_from_outside_leaves_out_the_pause_before_it() -> None:
    patient = Endpointer(SpeechDetection(silence_duration_ms=30_000))
    *_, paused = patient.push([*speech(1.0), *silence(25.0)])
    assert isinstance(paused, Paused)
    assert patient.end(patient.now_s) == [Ended(paused.at_s, is_silent=True)]


def test_an_end_from_outside_tells_nothing_of_a_click() -> None:
    endpointer = Endpointer(DETECTION)
    endpointer.push([SPEECH])
    assert endpointer.end(endpointer.now_s) == []


def test_what_is_forgotten_was_never_said() -> None:
    endpointer = Endpointer(DETECTION)
    endpointer.push(speech(1.0))
    forgotten_s = endpointer.now_s + FRAME_S / 2
    endpointer.forget(forgotten_s)
    assert endpointer.speech_end_s is None
    assert endpointer.push(silence(5.0)) == []
    assert endpointer.settled_s >= forgotten_s


def test_more_padding_than_before_does_not_ask_for_sound_that_is_settled() -> None:
    endpointer = Endpointer(DETECTION)
    endpointer.push(silence(5.0))
    settled_s = endpointer.settled_s
    endpointer.configure(SpeechDetection(prefix_padding_ms=3_000))
    (began,) = endpointer.push(speech(0.2))
    assert isinstance(began, Began)
    assert began.start_s >= settled_s
