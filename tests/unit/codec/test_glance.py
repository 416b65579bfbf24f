"""What a recording seems to be, at a glance."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loquent.codec.glance import Glance, glance
from loquent.domain.audio import AudioSource


def riff(
    *chunks: bytes, magic: bytes = b"RIFF", order: str = "<", n_sound_bytes: int = 64_000
) -> bytes:
    head = magic + struct.pack(f"{order}I", 0) + b"WAVE" + b"".join(chunks)
    return head + b"data" + struct.pack(f"{order}I", n_sound_bytes) + bytes(n_sound_bytes)


def fmt(bytes_per_s: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, bytes_per_s, 2, 16)


def seen(tmp_path: Path, content: bytes) -> Glance:
    path = tmp_path / "recording"
    path.write_bytes(content)
    return glance(AudioSource(path, len(content)))


@pytest.mark.parametrize("bytes_per_s", [8_000, 32_000, 176_400])
@pytest.mark.parametrize(("magic", "order"), [(b"RIFF", "<"), (b"RF64", "<"), (b"RIFX", ">")])
def test_the_length_of_a_wav_is_told_by_the_rate_that_it_states(
    tmp_path: Path, bytes_per_s: int, magic: bytes, order: str
) -> None:
    content = riff(fmt(bytes_per_s, order), magic=magic, order=order)
    found = seen(tmp_path, content)
    assert found.container == "wav"
    assert found.audio_s == pytest.approx(64_000 / bytes_per_s, rel=0.01)


@pytest.mark.parametrize("n_bytes", [0, 7, 28, 600])
def test_other_chunks_may_stand_before_the_rate(tmp_path: Path, n_bytes: int) -> None:
    junk = b"JUNK" + struct.pack("<I", n_bytes) + bytes(n_bytes + n_bytes % 2)
    content = riff(junk, junk, fmt(64_000))
    assert seen(tmp_path, content) == Glance("wav", len(content) / 64_000)


@pytest.mark.parametrize(
    "content",
    [
        riff(fmt(0)),
        riff(),
        riff(b"JUNK" + struct.pack("<I", 0xFFFF_FFFF)),
        riff(*[b"JUNK" + struct.pack("<I", 0)] * 100, fmt(1)),
        riff(fmt(1)[:12], n_sound_bytes=0),
        b"RIFF\0\0\0\0WAVE",
    ],
    ids=["rate of 0", "none", "endless chunk", "too many chunks", "cut short", "head alone"],
)
def test_a_wav_that_states_no_rate_is_thought_of_as_usual(tmp_path: Path, content: bytes) -> None:
    assert seen(tmp_path, content) == Glance("wav", len(content) / 32_000)


@pytest.mark.parametrize(
    ("head", "container", "bytes_per_s"),
    [
        (b"fLaC", "flac", 32_000),
        (b"OggS", "ogg", 4_000),
        (b"\x1aE\xdf\xa3", "matroska", 4_000),
        (b"#!AMR\n", "amr", 1_500),
        (b"\0\0\0\x20ftypM4A ", "mov", 12_000),
        (b"caff", "caf", 12_000),
        (b"FORM\0\0\0\0AIFF", "aiff", 88_200),
        (b".snd", "au", 8_000),
    ],
)
def test_the_length_of_other_recordings_is_guessed_by_what_is_usual(
    tmp_path: Path, head: bytes, container: str, bytes_per_s: int
) -> None:
    content = head.ljust(48_000, b"\0")
    assert seen(tmp_path, content) == Glance(container, 48_000 / bytes_per_s)


@pytest.mark.parametrize("content", [b"", b"hello", b"<html>", bytes(100)])
def test_what_is_no_recording_is_left_to_others_to_refuse(tmp_path: Path, content: bytes) -> None:
    assert seen(tmp_path, content) == Glance("", len(content) / 12_000)


@given(st.binary(max_size=200), st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"RIFX\0\0\0\0WAVE"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_have_a_length(tmp_path: Path, content: bytes, head: bytes) -> None:
    assert seen(tmp_path, head + content).audio_s >= 0
