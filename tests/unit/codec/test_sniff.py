"""Containers told by their first bytes."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.codec.sniff import ACCEPTED_FORMATS, HEAD_BYTES, container_of, id3_bytes, sniff
from loquent.domain.errors import InvalidAudioError, UnsupportedFormatError
from tests.unit.codec.recordings import FORMATS, Format, encoded

W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")


def id3_tag(n_bytes: int, flags: int = 0) -> bytes:
    size = bytes((n_bytes >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00" + bytes([flags]) + size + bytes(n_bytes)


@pytest.mark.parametrize("recorded", FORMATS, ids=str)
def test_every_accepted_format_is_recognised_by_its_content(recorded: Format) -> None:
    assert sniff(io.BytesIO(encoded(recorded, 0.5))) == recorded.sniffed


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", "wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "wav"),
        (W64, "w64"),
        (b"FORM\0\0\0\0AIFC", "aiff"),
        (b"#!AMR-WB\n", "amr"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "mov"),
        (b"\0\0\0\x08wide", "mov"),
        (bytes(4) + (b"G" + bytes(191)) * 3, "mpegts"),
    ],
)
def test_headers_that_no_encoder_here_writes_are_recognised(head: bytes, container: str) -> None:
    assert container_of(head) == container


@pytest.mark.parametrize(
    "head",
    [
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"[playlist]\nFile1=http://127.0.0.1/\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n",
        b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n",
        b"1\n00:00:00,000 --> 00:00:01,000\nHello\n",
        b"<?xml version='1.0'?><smil/>",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"GIF89a",
        b"\0\0\0\x1cftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1",
        b"\0\0\0\x1cftypisom\0\0\0\0iamfmp42",
        b"\xf8\x06iamf\0\0",
        b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\0\xaa\0b\xcel",
        b"RIFF\0\0\0\0AVI LIST",
        b"FLV\x01",
        b"PK\x03\x04",
        b"\x7fELF",
        b"MZ",
        b"%PDF-1.7",
        b"just some text",
        bytes(1000),
        b"\xff",
    ],
)
def test_anything_else_is_refused_with_the_list_of_formats(head: bytes) -> None:
    with pytest.raises(UnsupportedFormatError) as caught:
        container_of(head)
    assert ", ".join(ACCEPTED_FORMATS) in caught.value.message


def test_an_empty_file_is_called_empty() -> None:
    with pytest.raises(InvalidAudioError, match="empty"):
        sniff(io.BytesIO())


def test_a_file_of_tags_alone_is_told_so() -> None:
    with pytest.raises(InvalidAudioError, match="tags"):
        sniff(io.BytesIO(id3_tag(300)))


@pytest.mark.parametrize("container", ["flac", "mp3", "adts"])
def test_tags_in_front_are_skipped_however_long(container: str) -> None:
    recorded = next(known for known in FORMATS if known.container == container)
    tags = id3_tag(3 * HEAD_BYTES) + id3_tag(20)
    assert sniff(io.BytesIO(tags + encoded(recorded, 0.5))) == recorded.sniffed


def test_the_length_of_a_tag_counts_header_and_footer() -> None:
    assert id3_bytes(id3_tag(300)) == 310
    assert id3_bytes(id3_tag(300, flags=0x10)) == 320
    assert id3_bytes(b"ID3\x04\0\0\0\0\x80\0") == 0
    assert id3_bytes(b"ID3") == 0


@given(st.binary(max_size=2000))
def test_any_bytes_get_a_name_or_a_domain_error(content: bytes) -> None:
    with suppress(InvalidAudioError, UnsupportedFormatError):
        assert sniff(io.BytesIO(content))
