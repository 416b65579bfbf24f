"""Who speaks in a window comes back as it went, and nonsense is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.audio import SpeechRegion
from loquent.engines.host import protocol, window_voices
from loquent.engines.host.messages import Analyse, Analysed, Answer, Order
from loquent.engines.host.protocol import Kind, ProtocolError
from loquent.engines.host.window_voices import MAX_FRAMES, MAX_SPANS
from loquent.ports import N_VOICE_DIMENSIONS, VoiceSpan, WindowVoices


@st.composite
def windows(draw: st.DrawFn) -> WindowVoices:
    n_frames = draw(st.integers(0, MAX_FRAMES))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    activity = chance.random((n_frames, 3)) < 0.5
    n_spans = draw(st.integers(0, 3)) if n_frames else 0
    spans = []
    for _ in range(n_spans):
        first = draw(st.integers(0, n_frames - 1))
        end = draw(st.integers(first + 1, n_frames))
        vector = chance.normal(size=N_VOICE_DIMENSIONS).astype(np.float32)
        spans.append(VoiceSpan(draw(st.integers(0, 2)), first, end, draw(st.floats(0, 10)), vector))
    return WindowVoices(activity, tuple(spans))


def there_and_back(message: Order | Answer) -> Order | Answer:
    frame = protocol.encode(message)
    prefix = protocol.parse_prefix(frame[: protocol.PREFIX_BYTES])
    body = frame[protocol.PREFIX_BYTES :]
    header, arrays = body[: prefix.n_header_bytes], body[prefix.n_header_bytes :]
    assert len(arrays) == prefix.n_array_bytes
    return protocol.parse(prefix.kind, header, arrays)


@given(windows(), st.integers(0, 2**40), st.floats(0, 100))
def test_an_analysed_window_comes_back_as_it_went(
    found: WindowVoices, identifier: int, took_s: float
) -> None:
    received = there_and_back(Analysed(identifier, found, took_s))
    assert isinstance(received, Analysed)
    assert (received.id, received.took_s) == (identifier, took_s)
    assert received.voices.activity.dtype == np.bool_
    assert np.array_equal(received.voices.activity, found.activity)
    for ours, theirs in zip(found.spans, received.voices.spans, strict=True):
        assert (theirs.column, theirs.first_frame, theirs.end_frame) == (
            ours.column, ours.first_frame, ours.end_frame,
        )  # fmt: skip
        assert theirs.heard_s == ours.heard_s
        assert theirs.vector.dtype == np.float32
        assert np.array_equal(theirs.vector, ours.vector)


@pytest.mark.parametrize("n_samples", [0, 1, 160_000])
def test_a_window_comes_back_as_it_went(n_samples: int) -> None:
    samples = np.linspace(-1, 1, n_samples, dtype=np.float32)
    received = there_and_back(Analyse(7, samples, SpeechRegion(2.5, 7.5)))
    assert isinstance(received, Analyse)
    assert (received.id, received.wanted) == (7, SpeechRegion(2.5, 7.5))
    assert np.array_equal(received.samples, samples)


def test_a_window_that_is_too_long_is_refused_before_it_is_sent() -> None:
    samples = np.zeros(160_001, np.float32)
    with pytest.raises(ProtocolError):
        protocol.encode(Analyse(0, samples, SpeechRegion(0.0, 10.0)))


def test_most_spans_of_a_whole_window_fit() -> None:
    vector = np.zeros(N_VOICE_DIMENSIONS, np.float32)
    span = VoiceSpan(0, 0, 1, 0.5, vector)
    whole = WindowVoices(np.ones((MAX_FRAMES, 3), np.bool_), (span,) * MAX_SPANS)
    frame = protocol.encode(Analysed(0, whole, 0.1))
    prefix = protocol.parse_prefix(frame[: protocol.PREFIX_BYTES])
    assert prefix.n_array_bytes == window_voices.max_bytes()


def test_more_than_a_window_holds_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ProtocolError):
        protocol.encode(Analysed(0, WindowVoices(np.ones((1 << 20, 3), np.bool_), ()), took_s=0.1))


SPAN = {"column": 0, "first_frame": 0, "end_frame": 8, "heard_s": 0.5}
HEADER = {"id": 1, "n_frames": 8, "spans": [SPAN], "took_s": 0.1}
N_BYTES = 4 * N_VOICE_DIMENSIONS + 3


def _parse(header: dict[str, Any], raw: bytes = bytes(N_BYTES)) -> Order | Answer:
    return protocol.parse(Kind.ANALYSED, json.dumps(header).encode(), raw)


def test_the_sound_window_of_these_tests_is_accepted() -> None:
    assert isinstance(_parse(HEADER), Analysed)


@pytest.mark.parametrize(
    "change",
    [
        {"column": 3},
        {"column": -1},
        {"column": 0.5},
        {"first_frame": 8},
        {"first_frame": -1},
        {"end_frame": 9},
        {"end_frame": 0},
        {"heard_s": -1.0},
        {"heard_s": 10.5},
        {"heard_s": "NaN"},
        {"heard_s": float("nan")},
        {"more": 1},
    ],
)
def test_an_unsound_span_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        _parse({**HEADER, "spans": [{**SPAN, **change}]})


@pytest.mark.parametrize(
    "change",
    [
        {"n_frames": 9},
        {"n_frames": MAX_FRAMES + 1},
        {"n_frames": -8},
        {"spans": []},
        {"spans": [SPAN, SPAN]},
        {"spans": [SPAN] * (MAX_SPANS + 1)},
        {"id": -1},
        {"voices": []},
    ],
)
def test_an_unsound_window_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        _parse({**HEADER, **change})


@pytest.mark.parametrize("n_bytes", [0, N_BYTES - 1, N_BYTES + 1])
def test_arrays_of_another_size_are_refused(n_bytes: int) -> None:
    with pytest.raises(ProtocolError):
        _parse(HEADER, bytes(n_bytes))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_voice_that_is_no_number_is_refused(value: float) -> None:
    vector = np.full(N_VOICE_DIMENSIONS, value, np.float32)
    with pytest.raises(ProtocolError, match="no number"):
        _parse(HEADER, vector.tobytes() + bytes(3))


@given(st.sampled_from([Kind.ANALYSE, Kind.ANALYSED]), st.binary(max_size=60), st.binary())
def test_any_bytes_are_a_message_or_refused(kind: Kind, header: bytes, arrays: bytes) -> None:
    try:
        protocol.parse(kind, header, arrays)
    except ProtocolError as error:
        assert str(error)  # noqa: PT017  either outcome is right
