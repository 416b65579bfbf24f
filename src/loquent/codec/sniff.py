"""Recognises a container by its first bytes; neither file names nor media types reach it."""

from __future__ import annotations

from typing import BinaryIO, Final

from loquent.codec.mpeg import has_adts_start, has_mpeg_start
from loquent.domain.errors import InvalidAudioError, UnsupportedFormatError

ACCEPTED_FORMATS: Final = (
    "flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "opus", "wav", "webm",
    "aac", "aiff", "amr", "au", "caf", "mkv", "mov", "ts", "w64", "3gp",
)  # fmt: skip
"""What we tell callers that we accept, the names of the OpenAI API first."""

HEAD_BYTES: Final = 72 * 1024
"""Bytes that decide: FFmpeg's mp3 demuxer skips 64 KiB of garbage, then frames must follow."""

_MAX_ID3_TAGS = 16
_ID3_HEADER_BYTES = 10
_TS_PACKET_BYTES = 188
_M2TS_PACKET_BYTES = 192

_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", "w64"),
    (0, b"#!AMR\n", "amr"),
    (0, b"#!AMR-WB\n", "amr"),
    (0, b".snd", "au"),
    (0, b"caff", "caf"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"free", "mov"),
    (4, b"wide", "mov"),
    (4, b"skip", "mov"),
    (4, b"styp", "mov"),
)
_RIFF_FAMILY: Final = {
    (b"RIFF", b"WAVE"): "wav",
    (b"RIFX", b"WAVE"): "wav",
    (b"RF64", b"WAVE"): "wav",
    (b"BW64", b"WAVE"): "wav",
    (b"FORM", b"AIFF"): "aiff",
    (b"FORM", b"AIFC"): "aiff",
}
_REFUSED_BRANDS: Final = frozenset(
    {b"avif", b"avis", b"crx ", b"heic", b"heix", b"iamf", b"jxl ", b"mif1", b"msf1"}
)
"""Still images, and immersive audio, whose parser crafted files have crashed."""


def sniff(file: BinaryIO) -> str:
    """Return the name of the FFmpeg demuxer that reads `file`, any ID3 tags in front skipped.

    Args:
        file: seekable; its position does not matter and is changed.
    Raises: InvalidAudioError: if the file is empty. UnsupportedFormatError.
    """
    offset = 0
    for _ in range(_MAX_ID3_TAGS):
        file.seek(offset)
        n_tag_bytes = id3_bytes(file.read(_ID3_HEADER_BYTES))
        if not n_tag_bytes:
            break
        offset += n_tag_bytes
    file.seek(offset)
    head = file.read(HEAD_BYTES)
    if offset and not head:
        raise InvalidAudioError("The file holds tags (title, artist and the like) but no audio.")
    return container_of(head)


def container_of(head: bytes) -> str:
    """Return the name of the FFmpeg demuxer that reads a file beginning with `head`.

    Args:
        head: the first `HEAD_BYTES` of the file, all of it if shorter.
    Raises: InvalidAudioError: if `head` is empty. UnsupportedFormatError.
    """
    if not head:
        raise InvalidAudioError("The file is empty. Send the bytes of an audio file.")
    found = _by_magic(head) or _by_structure(head)
    if found is None or (found == "mov" and _brands(head) & _REFUSED_BRANDS):
        raise UnsupportedFormatError(
            "The content of the file is in no accepted format, whatever its name says. "
            f"Accepted formats: {', '.join(ACCEPTED_FORMATS)}."
        )
    return found


def id3_bytes(head: bytes) -> int:
    """Return the length of the ID3v2 tag that `head` begins, 0 where it begins none.

    Source: ID3v2.4.0 structure, section 3.1: four bytes of seven bits each, footer of ten bytes.
    """
    if len(head) < _ID3_HEADER_BYTES or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
        return 0
    body = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    has_footer = bool(head[5] & 0x10)
    return _ID3_HEADER_BYTES * (1 + has_footer) + body


def _by_magic(head: bytes) -> str | None:
    for at, magic, container in _MAGIC:
        if head.startswith(magic, at):
            return container
    return _RIFF_FAMILY.get((head[:4], head[8:12]))


def _by_structure(head: bytes) -> str | None:
    if _is_transport_stream(head):
        return "mpegts"
    if has_adts_start(head):
        return "aac"
    return "mp3" if has_mpeg_start(head) else None


def _is_transport_stream(head: bytes) -> bool:
    """Tell whether sync bytes stand where packets begin, bare or behind a time code each."""
    return any(
        head[first : first + 3 * n_bytes : n_bytes] == b"GGG"
        for first, n_bytes in ((0, _TS_PACKET_BYTES), (4, _M2TS_PACKET_BYTES))
    )


def _brands(head: bytes) -> set[bytes]:
    """Return the brands that an ISO file claims, without the minor version between them."""
    if head[4:8] != b"ftyp":
        return set()
    box = head[: int.from_bytes(head[:4])]
    return {box[8:12]} | {box[at : at + 4] for at in range(16, len(box) - 3, 4)}
