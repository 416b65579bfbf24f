"""Puts the recordings of known speakers on disk; knows data URLs, and no form and no sound."""

from __future__ import annotations

import asyncio
import binascii
import re
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from loquent.api.fields import shown
from loquent.api.parts import REFERENCES_FIELD
from loquent.api.speaker_fields import NamedVoice
from loquent.api.uploads import Spool
from loquent.domain.audio import AudioSource
from loquent.domain.errors import InvalidRequestError
from loquent.domain.speakers import MAX_REFERENCE_S, MIN_REFERENCE_S, KnownSpeaker

_HEAD = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_PADDING = "="

_SLICE_BYTES = 64 * 1024
"""Decoded at once; while a slice is, no other thread runs. Four of base64 make three."""


async def keep_references(
    voices: Iterable[NamedVoice], max_bytes: int, directory: Path | None, owned: AsyncExitStack
) -> tuple[KnownSpeaker, ...]:
    """Decode the recordings of `voices` into files, which go when `owned` is closed.

    Args:
        max_bytes: size of each recording, decoded.
        directory: where the files go; None for the system's place.

    Raises: InvalidRequestError: naming the voice whose URL holds no recording.
    """
    return tuple([await _kept(voice, max_bytes, directory, owned) for voice in voices])


async def _kept(
    voice: NamedVoice, max_bytes: int, directory: Path | None, owned: AsyncExitStack
) -> KnownSpeaker:
    spool = Spool(directory)
    owned.callback(spool.remove)
    n_bytes = await asyncio.to_thread(_decode, voice, max_bytes, spool)
    return KnownSpeaker(voice.name, AudioSource(spool.path, n_bytes))


def _decode(voice: NamedVoice, max_bytes: int, spool: Spool) -> int:
    """Write the recording of `voice` to `spool`, and return its size in bytes."""
    head = _HEAD.match(voice.url)
    if head is None:
        raise _refusal(
            voice, f"must begin as 'data:audio/wav;base64,' does, not as {shown(voice.url[:32])}"
        )
    n_bytes = 0
    for piece in _pieces(voice, "".join(voice.url[head.end() :].split())):
        n_bytes += len(piece)
        if n_bytes > max_bytes:
            raise _refusal(
                voice,
                f"is larger than {max_bytes} bytes; {MIN_REFERENCE_S:g} to {MAX_REFERENCE_S:g}"
                " seconds are enough",
            )
        spool.write(piece)
    if not n_bytes:
        raise _refusal(voice, "is empty")
    spool.finish()
    return n_bytes


def _pieces(voice: NamedVoice, text: str) -> Iterator[bytes]:
    """Yield what `text`, base64 without white space, stands for."""
    if text.find(_PADDING, 0, max(0, len(text) - 2)) >= 0:
        raise _refusal(voice, "has padding before its end, as if several were joined")
    try:
        for start in range(0, len(text), _SLICE_BYTES):
            yield binascii.a2b_base64(text[start : start + _SLICE_BYTES], strict_mode=True)
    except ValueError as error:
        raise _refusal(voice, "is not valid base64") from error


def _refusal(voice: NamedVoice, complaint: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{REFERENCES_FIELD}[]: the recording of {shown(voice.name)} {complaint}.",
        param=REFERENCES_FIELD,
    )
