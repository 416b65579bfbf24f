"""Messages between a child and its parent, sound and unsound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.codec import protocol
from loquent.codec.limits import WINDOW_SAMPLES
from loquent.codec.protocol import Kind, ProtocolError
from loquent.domain.errors import AudioTooLongError


@pytest.mark.parametrize("channel", [None, 0, 1, 100_000])
def test_the_channel_that_is_wanted_comes_back_as_it_went(channel: int | None) -> None:
    message = protocol.job(channel)
    assert len(message) == protocol.JOB_BYTES
    assert protocol.parse_job(message) == channel


@pytest.mark.parametrize(
    ("kind", "n_bytes"),
    [(Kind.READY, 0), (Kind.SAMPLES, 4 * WINDOW_SAMPLES), (Kind.DONE, 0), (Kind.ERROR, 100)],
)
def test_a_header_comes_back_as_it_went(kind: Kind, n_bytes: int) -> None:
    message = bytearray(protocol.header(kind, n_bytes))
    assert len(message) == protocol.HEADER_BYTES
    assert protocol.parse_header(message) == (kind, n_bytes)


@pytest.mark.parametrize(
    "message", [b"X\0\0\0\0", b"S\xff\xff\xff\xff", b"D\0\0\0\x01", b"E\0\x01\0\0"]
)
def test_a_header_that_no_sound_child_sends_is_refused(message: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.parse_header(bytearray(message))


@given(st.binary(min_size=protocol.HEADER_BYTES, max_size=protocol.HEADER_BYTES))
def test_no_header_asks_for_more_than_a_window(message: bytes) -> None:
    try:
        _, n_bytes = protocol.parse_header(bytearray(message))
    except ProtocolError:
        return
    assert n_bytes <= 4 * WINDOW_SAMPLES


def test_samples_share_their_payload() -> None:
    samples = np.array([0.5, -0.5], dtype=np.float32)
    assert protocol.parse_samples(bytearray(samples.tobytes())).tolist() == [0.5, -0.5]


@pytest.mark.parametrize("n_bytes", [0, 3])
def test_a_window_of_broken_samples_is_refused(n_bytes: int) -> None:
    with pytest.raises(ProtocolError):
        protocol.parse_samples(bytearray(n_bytes))


def test_an_error_travels_as_code_and_text() -> None:
    payload = protocol.error_payload("audio_too_long", "Too long.\nSplit it.")
    code, text = protocol.parse_error(bytearray(payload))
    error = protocol.request_error(code, text)
    assert isinstance(error, AudioTooLongError)
    assert error.message == "Too long.\nSplit it."


def test_a_long_text_is_cut_to_what_the_header_allows() -> None:
    payload = protocol.error_payload("invalid_audio", "ü" * 5_000)
    assert protocol.parse_header(bytearray(protocol.header(Kind.ERROR, len(payload))))


def test_a_child_cannot_raise_what_is_not_about_the_recording() -> None:
    assert protocol.request_error("invalid_api_key", "") is None


@given(st.binary(max_size=300))
def test_any_error_payload_is_read_as_text(payload: bytes) -> None:
    code, text = protocol.parse_error(bytearray(payload))
    assert "\n" not in code
    assert isinstance(text, str)
