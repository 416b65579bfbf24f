"""Chains of MPEG frame headers, and what only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.codec.mpeg import (
    adts_frame_bytes,
    has_adts_start,
    has_mpeg_start,
    mpeg_frame_bytes,
)

MP3_FRAME = bytes.fromhex("fffb9064") + bytes(413)  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz


@pytest.mark.parametrize(
    ("header", "n_bytes"),
    [
        ("fffb90640000ff", 417),  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz
        ("fffb92640000ff", 418),  # the same, padded
        ("fff384c40000ff", 192),  # MPEG-2 layer III, 64 kbit/s, 24 kHz
        ("fffd80040000ff", 417),  # MPEG-1 layer II, 128 kbit/s, 44.1 kHz
    ],
)
def test_the_length_of_a_frame_follows_from_its_header(header: str, n_bytes: int) -> None:
    assert mpeg_frame_bytes(bytes.fromhex(header)) == n_bytes


@pytest.mark.parametrize(
    "header",
    [
        "00fb9064000000",  # no sync
        "ffeb9064000000",  # reserved version
        "fff99064000000",  # reserved layer
        "fffff0640000ff",  # layer I
        "fffb0064000000",  # free format
        "fffbf064000000",  # bad bit rate
        "fffb9c64000000",  # reserved sample rate
        "fffb",
    ],
)
def test_a_header_that_frames_nothing_has_no_length(header: str) -> None:
    assert mpeg_frame_bytes(bytes.fromhex(header)) == 0


@pytest.mark.parametrize(
    ("header", "n_bytes"),
    [
        ("fff15080043ffc", 33),
        ("fff95080043ffc", 33),
        ("fff17c80043ffc", 0),  # reserved sample rate
        ("fff15080001ffc", 0),  # shorter than its own header
        ("fffb5080043ffc", 0),  # a layer that AAC never has
    ],
)
def test_adts_states_its_frame_length(header: str, n_bytes: int) -> None:
    assert adts_frame_bytes(bytes.fromhex(header)) == n_bytes


def test_frames_are_found_behind_garbage_and_zeros() -> None:
    assert has_mpeg_start(3 * MP3_FRAME)
    assert has_mpeg_start(bytes(5000) + b"junk\xff\xff" + 3 * MP3_FRAME)


def test_behind_garbage_two_frames_prove_nothing() -> None:
    assert not has_mpeg_start(b"junk" + 2 * MP3_FRAME)


def test_a_recording_of_one_frame_is_recognised_where_it_starts_the_file() -> None:
    assert has_mpeg_start(MP3_FRAME)
    assert has_mpeg_start(MP3_FRAME[:100])


def test_utf_16_text_is_not_mpeg_audio() -> None:
    assert not has_mpeg_start("#EXTM3U\nhttp://example.test/a.mp3".encode("utf-16"))
    assert not has_adts_start("#EXTM3U\nhttp://example.test/a.mp3".encode("utf-16"))


@given(st.binary(max_size=4096))
def test_any_bytes_get_an_answer(head: bytes) -> None:
    assert has_mpeg_start(head) in {True, False}
    assert has_adts_start(head) in {True, False}
