"""Regions and stretches, asked of every stream of probabilities that hypothesis can think of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loquent.domain.audio import SpeechRegion
from loquent.domain.request import SpeechDetection
from loquent.pipeline.segmentation import (
    FRAME_S,
    HYSTERESIS,
    MAX_PAUSE_S,
    MAX_REGION_S,
    MAX_STRETCH_S,
    MIN_SPEECH_S,
    RegionFinder,
    StretchPacker,
)

EPSILON_S = 1e-6

SPEECH, SILENCE = 0.95, 0.02

PLAIN = SpeechDetection(threshold=0.5, prefix_padding_ms=100, silence_duration_ms=300)

runs = st.lists(
    st.tuples(st.sampled_from([SPEECH, SILENCE]) | st.floats(0, 1), st.integers(1, 120)),
    max_size=25,
)
"""Runs of frames of one probability each."""

detections = st.builds(
    SpeechDetection,
    threshold=st.floats(0.0, 1.0),
    prefix_padding_ms=st.integers(0, 1_500),
    silence_duration_ms=st.integers(0, 3_000),
)


def frames(parts: Iterable[tuple[float, int]]) -> list[float]:
    return [probability for probability, n_frames in parts for _ in range(n_frames)]


def for_s(probability: float, length_s: float) -> list[float]:
    return [probability] * round(length_s / FRAME_S)


def found(
    probabilities: Sequence[float],
    detection: SpeechDetection = PLAIN,
    *,
    max_region_s: float = MAX_REGION_S,
) -> list[SpeechRegion]:
    finder = RegionFinder(detection, max_region_s=max_region_s)
    ended = finder.push(probabilities)
    return ended + finder.finish(len(probabilities) * FRAME_S)


def covered_s(regions: Iterable[SpeechRegion]) -> float:
    return sum(region.duration_s for region in regions)


@given(runs, detections, st.sampled_from([4.0, 9.0, MAX_REGION_S]))
def test_regions_are_ordered_apart_within_the_recording_and_short_enough(
    parts: list[tuple[float, int]], detection: SpeechDetection, max_region_s: float
) -> None:
    probabilities = frames(parts)
    regions = found(probabilities, detection, max_region_s=max_region_s)
    assert all(region.duration_s > 0 for region in regions)
    assert all(region.duration_s <= max_region_s + FRAME_S + EPSILON_S for region in regions)
    assert all(left.end_s <= right.start_s for left, right in pairwise(regions))
    if regions:
        assert regions[0].start_s >= 0
        assert regions[-1].end_s <= len(probabilities) * FRAME_S + EPSILON_S


@given(runs, detections, st.data())
def test_it_does_not_matter_how_the_probabilities_arrive(
    parts: list[tuple[float, int]], detection: SpeechDetection, data: st.DataObject
) -> None:
    probabilities = frames(parts)
    size = data.draw(st.sampled_from([1, 7, 156]))
    finder = RegionFinder(detection)
    regions: list[SpeechRegion] = []
    for at in range(0, len(probabilities), size):
        regions += finder.push(probabilities[at : at + size])
    regions += finder.finish(len(probabilities) * FRAME_S)
    assert regions == found(probabilities, detection)


@given(runs, detections)
def test_a_region_that_comes_later_begins_in_audio_that_was_still_held(
    parts: list[tuple[float, int]], detection: SpeechDetection
) -> None:
    finder = RegionFinder(detection)
    settled_s = 0.0
    probabilities = frames(parts)
    for probability in probabilities:
        for region in finder.push([probability]):
            assert region.start_s >= settled_s - EPSILON_S
        assert finder.settled_s >= settled_s - EPSILON_S
        settled_s = finder.settled_s
    for region in finder.finish(len(probabilities) * FRAME_S):
        assert region.start_s >= settled_s - EPSILON_S


@given(
    st.lists(
        st.tuples(st.integers(5, 200), st.integers(1, 100)),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 1_000),
    st.integers(100, 1_000),
)
def test_all_speech_is_in_some_region(
    parts: list[tuple[int, int]], padding_ms: int, silence_ms: int
) -> None:
    detection = SpeechDetection(0.5, padding_ms, silence_ms)
    probabilities = frames(
        run for speech, pause in parts for run in ((SPEECH, speech), (SILENCE, pause))
    )
    regions = found(probabilities, detection)
    for index, probability in enumerate(probabilities):
        middle_s = (index + 0.5) * FRAME_S
        is_covered = any(region.start_s <= middle_s <= region.end_s for region in regions)
        assert is_covered or probability < detection.threshold


@given(st.lists(st.floats(0, 0.499), max_size=400), detections.filter(lambda d: d.threshold > 0.5))
def test_nothing_is_found_below_the_threshold(
    probabilities: list[float], detection: SpeechDetection
) -> None:
    assert found(probabilities, detection) == []


@given(st.integers(10, 100), st.integers(0, 1_000))
def test_padding_stands_on_both_sides(n_frames: int, padding_ms: int) -> None:
    detection = SpeechDetection(0.5, padding_ms, silence_duration_ms=1_000)
    begin_s, length_s = 100 * FRAME_S, n_frames * FRAME_S
    (region,) = found(frames([(SILENCE, 100), (SPEECH, n_frames), (SILENCE, 100)]), detection)
    assert region.start_s == pytest.approx(begin_s - padding_ms / 1000)
    assert region.end_s == pytest.approx(begin_s + length_s + padding_ms / 1000)


def test_padding_does_not_reach_beyond_the_recording() -> None:
    (region,) = found(for_s(SPEECH, 1.024), SpeechDetection(prefix_padding_ms=5_000))
    assert region.start_s == 0.0
    assert region.end_s == pytest.approx(1.024)


def test_a_higher_threshold_hears_less() -> None:
    probabilities = for_s(SILENCE, 1) + for_s(0.6, 1) + for_s(SILENCE, 1)
    assert len(found(probabilities, SpeechDetection(threshold=0.55))) == 1
    assert found(probabilities, SpeechDetection(threshold=0.65)) == []


def test_speech_goes_on_until_it_is_well_below_the_threshold() -> None:
    between = PLAIN.threshold - HYSTERESIS / 2
    below = PLAIN.threshold - 2 * HYSTERESIS
    for level, n_expected in ((between, 1), (below, 2)):
        probabilities = [*for_s(SPEECH, 1), *for_s(level, 1), *for_s(SPEECH, 1)]
        assert len(found(probabilities)) == n_expected


@given(st.integers(0, 40), st.integers(64, 1_200))
def test_a_pause_ends_a_region_once_it_is_long_enough(pause_frames: int, silence_ms: int) -> None:
    detection = SpeechDetection(0.5, 0, silence_ms)
    probabilities = frames([(SPEECH, 20), (SILENCE, pause_frames), (SPEECH, 20)])
    pause_s = pause_frames * FRAME_S
    assume(abs(pause_s - silence_ms / 1000) > EPSILON_S)
    is_pause = pause_s > silence_ms / 1000
    assert len(found(probabilities, detection)) == (2 if is_pause else 1)


def test_speech_is_found_though_no_silence_is_asked_for_behind_it() -> None:
    detection = SpeechDetection(0.5, prefix_padding_ms=0, silence_duration_ms=0)
    regions = found(for_s(SILENCE, 1) + for_s(SPEECH, 2) + for_s(SILENCE, 1), detection)
    assert covered_s(regions) == pytest.approx(2.0, abs=3 * FRAME_S)


def test_speech_is_found_whatever_padding_is_asked_for() -> None:
    detection = SpeechDetection(0.5, prefix_padding_ms=round(MAX_REGION_S * 500))
    assert found(for_s(SILENCE, 20) + for_s(SPEECH, 2) + for_s(SILENCE, 20), detection)


def test_a_click_is_no_speech() -> None:
    click = [SPEECH] * int(MIN_SPEECH_S / FRAME_S)
    assert found([*for_s(SILENCE, 1), *click, *for_s(SILENCE, 1)]) == []


def test_speech_without_a_pause_is_cut_where_it_is_least_likely() -> None:
    n_frames = round(1.5 * MAX_REGION_S / FRAME_S)
    dip = round(0.8 * MAX_REGION_S / FRAME_S)
    probabilities = [SPEECH] * n_frames
    probabilities[dip] = PLAIN.threshold
    first, second = found(probabilities)
    assert first.end_s == second.start_s
    assert dip * FRAME_S <= first.end_s <= (dip + 1) * FRAME_S + EPSILON_S


@given(st.integers(1_000, 6_000))
def test_a_long_speech_is_cut_without_loss(n_frames: int) -> None:
    regions = found([SPEECH] * n_frames)
    assert regions[0].start_s == 0.0
    assert regions[-1].end_s == pytest.approx(n_frames * FRAME_S, abs=MIN_SPEECH_S)
    assert all(left.end_s == right.start_s for left, right in pairwise(regions))


@st.composite
def ordered_regions(draw: st.DrawFn) -> list[SpeechRegion]:
    now_s, regions = 0.0, []
    for _ in range(draw(st.integers(0, 12))):
        start_s = now_s + draw(st.floats(0, 2 * MAX_PAUSE_S))
        now_s = start_s + draw(st.floats(MIN_SPEECH_S, MAX_REGION_S))
        regions.append(SpeechRegion(start_s, now_s))
    return regions


def packed(regions: Iterable[SpeechRegion]) -> list[SpeechRegion]:
    packer = StretchPacker()
    stretches = [packer.push(region) for region in regions]
    return [stretch for stretch in [*stretches, packer.finish()] if stretch is not None]


@given(ordered_regions())
def test_stretches_hold_every_region_and_no_long_pause(regions: list[SpeechRegion]) -> None:
    stretches = packed(regions)
    longer = [stretch for stretch in stretches if stretch.duration_s > MAX_STRETCH_S]
    assert set(longer) <= set(regions)
    assert all(left.end_s <= right.start_s for left, right in pairwise(stretches))
    homes = [
        [s for s in stretches if s.start_s <= region.start_s and region.end_s <= s.end_s]
        for region in regions
    ]
    assert all(len(home) >= 1 for home in homes)
    assert {stretch.start_s for stretch in stretches} <= {region.start_s for region in regions}
    assert {stretch.end_s for stretch in stretches} <= {region.end_s for region in regions}
    for left, right in pairwise(regions):
        if right.start_s - left.end_s > MAX_PAUSE_S:
            assert any(stretch.end_s == left.end_s for stretch in stretches)


def test_neighbours_share_a_stretch_and_strangers_do_not() -> None:
    near = [SpeechRegion(0, 1), SpeechRegion(1 + MAX_PAUSE_S / 2, 4)]
    assert packed(near) == [SpeechRegion(0, 4)]
    far = [SpeechRegion(0, 1), SpeechRegion(1 + MAX_PAUSE_S * 2, 9)]
    assert packed(far) == far


def test_audio_is_needed_from_where_the_open_stretch_begins() -> None:
    packer = StretchPacker()
    packer.push(SpeechRegion(3, 4))
    assert packer.needed_from_s == 3


def test_no_audio_is_needed_where_no_stretch_is_open() -> None:
    packer = StretchPacker()
    assert packer.needed_from_s is None
    packer.push(SpeechRegion(3, 4))
    assert packer.finish() == SpeechRegion(3, 4)
    assert packer.finish() is None
