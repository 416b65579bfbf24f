"""Pieces are trimmed, faded and spaced so that nobody hears where they were joined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.domain.speech import SpokenWord, Waveform
from loquent.pipeline.joins import FADE_S, HEAD_S, PAUSES_S, QUIET, TAIL_S, FittedPiece, fitted
from loquent.pipeline.script.borders import Strength
from loquent.ports import SpokenPiece

RATE_HZ = 24_000
BORDERS = (*Strength, None)


def silence(length_s: float) -> Waveform:
    return np.zeros(round(length_s * RATE_HZ), np.float32)


def hum(length_s: float) -> Waveform:
    """Return a tone that starts and stops as hard as it can."""
    time_s = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    return (0.5 * np.cos(2 * np.pi * 1_000 * time_s)).astype(np.float32)


def piece(
    before_s: float = 0.5,
    sounding_s: float = 1.0,
    after_s: float = 0.5,
    words: tuple[SpokenWord, ...] = (),
    speed: float = 1.0,
) -> SpokenPiece:
    samples = np.concatenate([silence(before_s), hum(sounding_s), silence(after_s)])
    return SpokenPiece(samples, RATE_HZ, speed, words)


def length_s(fit: FittedPiece) -> float:
    return len(fit.samples) / RATE_HZ


def pause_s(fit: FittedPiece) -> float:
    """Return how long the silence at the end is."""
    return float(len(fit.samples) - 1 - np.flatnonzero(fit.samples)[-1]) / RATE_HZ


def roughness(samples: Waveform) -> float:
    """Return the sharpest bend: what is heard as a click."""
    return float(np.abs(np.diff(samples.astype(np.float64), 2)).max())


def test_silence_is_trimmed_to_what_a_soft_sound_may_need() -> None:
    assert length_s(fitted(piece(), 1.0, None)) == pytest.approx(HEAD_S + 1.0 + TAIL_S, abs=0.001)


def test_the_sound_itself_is_kept_but_for_the_fades() -> None:
    fit = fitted(piece(), 1.0, None)
    start = round(HEAD_S * RATE_HZ)
    assert np.array_equal(fit.samples[start : start + RATE_HZ], hum(1.0))


@pytest.mark.parametrize(("before_s", "after_s"), [(0.0, 0.0), (0.005, 0.01), (0.0, 0.5)])
def test_a_piece_with_less_silence_keeps_all_it_has(before_s: float, after_s: float) -> None:
    fit = fitted(piece(before_s, 1.0, after_s), 1.0, None)
    expected_s = before_s + 1.0 + min(after_s, TAIL_S)
    assert length_s(fit) == pytest.approx(expected_s, abs=0.001)


def test_a_noise_floor_is_silence_too() -> None:
    noisy = piece()
    noisy.samples[:] += np.float32(0.9 * QUIET) * np.sign(np.sin(np.arange(len(noisy.samples))))
    assert length_s(fitted(noisy, 1.0, None)) == pytest.approx(HEAD_S + 1.0 + TAIL_S, abs=0.001)


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("border", Strength)
def test_the_pause_is_as_long_as_the_border_asks_and_shorter_for_the_hasty(
    border: Strength, speed: float
) -> None:
    spoken = piece(speed=speed)
    longer_s = length_s(fitted(spoken, speed, border)) - length_s(fitted(spoken, speed, None))
    assert longer_s == pytest.approx(PAUSES_S[border] / speed, abs=1 / RATE_HZ)


def test_the_stronger_the_border_the_longer_the_pause() -> None:
    pauses = [pause_s(fitted(piece(), 1.0, border)) for border in sorted(Strength)]
    assert pauses == sorted(set(pauses))


def test_no_pause_follows_the_last_piece() -> None:
    assert pause_s(fitted(piece(after_s=0.0), 1.0, None)) <= 2 / RATE_HZ


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("tempo", [0.5, 1.0, 1.7])
def test_a_piece_comes_from_nothing_and_goes_to_nothing(
    border: Strength | None, tempo: float
) -> None:
    samples = fitted(piece(0.0, 0.5, 0.0), tempo, border).samples
    assert samples[0] == samples[-1] == 0.0
    assert samples.dtype == np.float32


def test_fades_are_short() -> None:
    samples = fitted(piece(0.0, 0.5, 0.0), 1.0, None).samples
    n_fade = round(FADE_S * RATE_HZ)
    assert np.array_equal(samples[n_fade:-n_fade], hum(0.5)[n_fade:-n_fade])


@pytest.mark.parametrize("border", Strength)
@pytest.mark.parametrize("edge_s", [0.0, 0.0005, 0.01, 0.5])
def test_no_join_bends_the_sound_more_than_speech_does(border: Strength, edge_s: float) -> None:
    spoken = piece(edge_s, 0.5, edge_s)
    joined = np.concatenate(
        [fitted(spoken, 1.0, border).samples, fitted(spoken, 1.0, None).samples]
    )
    at = len(fitted(spoken, 1.0, border).samples)
    around = joined[at - round(0.005 * RATE_HZ) : at + round(0.005 * RATE_HZ)]
    assert roughness(around) <= 1.05 * roughness(hum(0.5))


def test_words_move_with_what_is_trimmed() -> None:
    words = (SpokenWord("one", 0.5, 0.9), SpokenWord("two", 1.0, 1.4))
    moved = fitted(piece(words=words), 1.0, None).words
    assert [word.text for word in moved] == ["one", "two"]
    times = [time_s for word in moved for time_s in (word.start_s, word.end_s)]
    head_s = 0.5 - HEAD_S
    assert times == pytest.approx([t - head_s for t in (0.5, 0.9, 1.0, 1.4)], abs=0.001)


@pytest.mark.parametrize("tempo", [0.5, 1.25, 2.0])
def test_words_move_with_the_tempo(tempo: float) -> None:
    word = SpokenWord("one", 0.7, 1.1)
    (moved,) = fitted(piece(words=(word,), speed=1.5), 1.5 * tempo, Strength.SENTENCE).words
    head_s = 0.5 - HEAD_S
    assert moved.start_s == pytest.approx((0.7 - head_s) / tempo, abs=0.001)
    assert moved.end_s == pytest.approx((1.1 - head_s) / tempo, abs=0.001)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 3), st.floats(0, 3), st.floats(0.5, 4.0))
def test_no_word_is_heard_outside_of_the_sound(one_s: float, two_s: float, speed: float) -> None:
    word = SpokenWord("one", min(one_s, two_s), max(one_s, two_s))
    spoken = piece(sounding_s=0.3, words=(word,))
    (moved,) = fitted(spoken, speed, Strength.PARAGRAPH).words
    assert 0.0 <= moved.start_s <= moved.end_s <= length_s(fitted(spoken, speed, None))


@pytest.mark.parametrize(("asked", "spoken_at"), [(2.0, 1.0), (0.5, 1.0), (3.0, 2.0), (2.0, 2.0)])
def test_what_the_engine_could_not_do_the_tempo_does(asked: float, spoken_at: float) -> None:
    fit = fitted(piece(speed=spoken_at), asked, None)
    expected_s = (HEAD_S + 1.0 + TAIL_S) * spoken_at / asked
    assert length_s(fit) == pytest.approx(expected_s, abs=0.001)


@pytest.mark.parametrize("samples", [silence(0.0), silence(0.7), silence(0.7) + QUIET / 2])
@pytest.mark.parametrize("border", BORDERS)
def test_a_piece_of_silence_is_its_pause_alone(samples: Waveform, border: Strength | None) -> None:
    words = (SpokenWord("hush", 0.1, 0.6),)
    fit = fitted(SpokenPiece(samples, RATE_HZ, words=words), 1.5, border)
    expected_s = PAUSES_S[border] / 1.5 if border is not None else 0.0
    assert len(fit.samples) == round(expected_s * RATE_HZ)
    assert not fit.samples.any()
    assert fit.words == (SpokenWord("hush", 0.0, 0.0),)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 50])
def test_a_piece_shorter_than_its_fades_is_harmless(n_samples: int) -> None:
    fit = fitted(SpokenPiece(np.full(n_samples, 0.5, np.float32), RATE_HZ), 1.0, None)
    assert len(fit.samples) == n_samples
    assert np.abs(fit.samples).max() <= 0.5


def test_the_piece_given_is_left_as_it_was() -> None:
    spoken = piece(0.0, 0.5, 0.0)
    kept = spoken.samples.copy()
    fitted(spoken, 1.0, Strength.CLAUSE)
    assert np.array_equal(spoken.samples, kept)
