"""What to call a recording when it is sent on; the caller's own file name never leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from loquent.codec.sniff import sniff
from loquent.domain.audio import AudioSource
from loquent.domain.errors import LoquentError

CHUNK_BYTES = 256 * 1024


class FileKind(NamedTuple):
    """How a container is called in file names and headers."""

    extension: str
    media_type: str


_UNKNOWN = FileKind("bin", "application/octet-stream")

_KINDS: Mapping[str, FileKind] = MappingProxyType(
    {
        "aac": FileKind("aac", "audio/aac"),
        "aiff": FileKind("aiff", "audio/aiff"),
        "amr": FileKind("amr", "audio/amr"),
        "au": FileKind("au", "audio/basic"),
        "caf": FileKind("caf", "audio/x-caf"),
        "flac": FileKind("flac", "audio/flac"),
        "matroska": FileKind("webm", "audio/webm"),
        "mov": FileKind("m4a", "audio/mp4"),
        "mp3": FileKind("mp3", "audio/mpeg"),
        "mpeg": FileKind("mpeg", "audio/mpeg"),
        "mpegts": FileKind("ts", "video/mp2t"),
        "ogg": FileKind("ogg", "audio/ogg"),
        "w64": FileKind("w64", "audio/x-w64"),
        "wav": FileKind("wav", "audio/wav"),
    }
)
"""Keys: names of containers, as `codec.sniff` tells them."""


def file_kind(source: AudioSource) -> FileKind:
    """Tell what a recording is by its content."""
    try:
        with source.path.open("rb") as file:
            return _KINDS.get(sniff(file), _UNKNOWN)
    except LoquentError:
        return _UNKNOWN


async def chunks(source: AudioSource) -> AsyncIterator[bytes]:
    """Yield the bytes of a recording."""
    with source.path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece
