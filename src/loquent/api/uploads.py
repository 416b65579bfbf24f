"""Receives a multipart form as it arrives, its one file straight to disk; knows no field's meaning.

Nothing is read further than a limit allows, and a file that is not handed over is removed.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from loquent.api.parts import FILE_FIELD, FormParts, UploadLimits
from loquent.domain.audio import AudioSource
from loquent.domain.errors import (
    InvalidAudioError,
    InvalidRequestError,
    PayloadTooLargeError,
    UnsupportedMediaTypeError,
)

TEMPORARY_PREFIX = "loquent-upload-"
"""Begins the name of every temporary file, so that those of a killed process can be swept."""

STALE_S = 24 * 3600.0
"""No request takes so long that its upload could be older and still in use."""

CURL_EXAMPLE = (
    "curl http://localhost:8000/v1/audio/transcriptions -F file=@speech.mp3 -F model=whisper-1"
)

_SLICE_BYTES = 64 * 1024
"""The most that is parsed at once, and so the most that is read beyond a limit."""

_FLUSH_BYTES = 1024 * 1024
"""How much of the file is held before a thread writes it: few hops, and no stalled event loop."""

_INLINE_BYTES = 128 * 1024
"""So little is written to the page cache sooner than a thread would begin to."""

_FORM_TYPE = "multipart/form-data"
_BOUNDARY_PARAMETER = re.compile(r";\s*boundary\s*=", re.IGNORECASE)
_BOUNDARY = re.compile(rb"[\x20-\x7e]*[\x21-\x7e]")

_MAX_DRAIN_BYTES = 64 * 1024 * 1024
_MAX_DRAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """A form in full: its text fields in the order sent, and its file on disk.

    Whoever holds the file removes it.

    Attributes:
        file_name: what the sender calls the file; empty where it has no name.
    """

    fields: tuple[tuple[str, str], ...]
    source: AudioSource
    file_name: str


def remove(source: AudioSource) -> None:
    """Remove the file of a recording; harmless when repeated."""
    source.path.unlink(missing_ok=True)


def refuse_declared_length(content_length: str | None, limits: UploadLimits) -> None:
    """Refuse a body whose header already says that no form within `limits` is that long.

    Raises: PayloadTooLargeError.
    """
    if not limits.max_file_bytes or not content_length or not content_length.isdecimal():
        return
    most = limits.max_file_bytes + limits.max_form_bytes + limits.max_references_bytes
    if len(content_length) > len(str(most)) or int(content_length) > most:
        raise PayloadTooLargeError(
            f"The request announces {content_length[:24]} bytes; files may have at most"
            f" {limits.max_file_bytes}. Send a compressed or a shorter recording.",
            param=FILE_FIELD,
        )


async def receive_form(
    content_type: str | None,
    chunks: AsyncIterator[bytes],
    limits: UploadLimits,
    directory: Path | None,
) -> ReceivedForm:
    """Read a multipart form to its end.

    Args:
        content_type: the header of the request.
        chunks: the body in pieces of any size; left where an error was found, and not closed.
        directory: where the temporary file goes; None for the system's place.

    Raises: InvalidRequestError, UnsupportedMediaTypeError, PayloadTooLargeError,
        InvalidAudioError; whatever `chunks` raises; OSError where the disk is full.
    """
    boundary = _boundary(content_type)
    parts = FormParts(limits)
    parser = _parser(boundary, parts, limits)
    with ExitStack() as on_failure:
        spool = Spool(directory)
        on_failure.callback(spool.remove)
        async for chunk in chunks:
            for start in range(0, len(chunk), _SLICE_BYTES):
                piece = chunk[start : start + _SLICE_BYTES]
                _feed(parser, piece)
                parts.check_form_size(len(piece))
                if len(parts.file_bytes) >= _FLUSH_BYTES:
                    await asyncio.to_thread(spool.write, parts.take_file_bytes())
        _check_whole(parts)
        rest = parts.take_file_bytes()
        if len(rest) > _INLINE_BYTES:
            await asyncio.to_thread(spool.finish, rest)
        else:
            spool.finish(rest)
        on_failure.pop_all()
    source = AudioSource(spool.path, parts.n_file_bytes)
    return ReceivedForm(tuple(parts.fields), source, parts.file_name)


def sweep_stale_uploads(directory: Path | None, older_than_s: float = STALE_S) -> None:
    """Remove what a process that was killed left behind; other processes may be at work beside us.

    Args:
        directory: as for `receive_form`.
    """
    youngest_s = time.time() - older_than_s
    for path in Path(directory or tempfile.gettempdir()).glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(OSError):
            if path.stat().st_mtime < youngest_s:
                path.unlink()


async def drain(
    chunks: AsyncIterator[bytes],
    max_bytes: int = _MAX_DRAIN_BYTES,
    max_s: float = _MAX_DRAIN_S,
) -> int:
    """Read and discard what a refused caller still sends, within bounds.

    A client that finds its connection closed while it writes never reads the answer.

    Returns: how many bytes were discarded.
    Raises: whatever `chunks` raises.
    """
    n_bytes = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(max_s):
            async for chunk in chunks:
                n_bytes += len(chunk)
                if n_bytes >= max_bytes:
                    break
    return n_bytes


class Spool:
    """A temporary file that grows as an upload arrives.

    Args:
        directory: as for `receive_form`.
    """

    def __init__(self, directory: Path | None) -> None:
        self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115  (outlives this call by design)
            dir=directory, prefix=TEMPORARY_PREFIX, delete=False
        )
        self.path = Path(self._file.name)

    def write(self, content: bytes) -> None:
        """Add `content` to the file."""
        self._file.write(content)

    def finish(self, content: bytes = b"") -> None:
        """Add what is left and close the file, which stays."""
        self._file.write(content)
        self._file.close()

    def remove(self) -> None:
        """Remove the file, finished or not; harmless when repeated."""
        # A write still under way in a thread, after a cancellation, ends before the close does.
        with suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)


def _boundary(content_type: str | None) -> bytes:
    """Find the boundary in the header.

    Raises: UnsupportedMediaTypeError, InvalidRequestError.
    """
    header = content_type or ""
    try:
        media_type, options = parse_options_header(header)
    except ValueError:  # characters that no header can hold
        media_type, options = b"", {}
    if media_type != _FORM_TYPE.encode():
        raise UnsupportedMediaTypeError(
            f"This address reads {_FORM_TYPE}, not {_shown_type(media_type)}."
            f" For example: {CURL_EXAMPLE}"
        )
    n_boundaries = len(_BOUNDARY_PARAMETER.findall(header))
    if n_boundaries > 1:
        raise InvalidRequestError(
            "The Content-Type header names two boundaries. Let your HTTP client write that header."
        )
    boundary = options.get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise InvalidRequestError(
            f"The Content-Type header says {_FORM_TYPE} without a valid boundary. Send a form, not"
            " JSON, and let your HTTP client write that header, because it also writes the"
            f" boundary. For example: {CURL_EXAMPLE}"
        )
    return boundary


def _shown_type(media_type: bytes) -> str:
    return media_type.decode("ascii", errors="replace")[:64] or "a body without a Content-Type"


def _parser(boundary: bytes, parts: FormParts, limits: UploadLimits) -> MultipartParser:
    try:
        return MultipartParser(boundary, parts.callbacks(), max_header_size=limits.max_header_bytes)
    except FormParserError as error:
        raise InvalidRequestError(
            "The boundary in the Content-Type header is too long; 70 characters are the most."
        ) from error


def _feed(parser: MultipartParser, piece: bytes) -> None:
    try:
        parser.write(piece)
    except FormParserError as error:
        raise InvalidRequestError(
            f"The body is not a valid {_FORM_TYPE} form: {error}. Let your HTTP client build the"
            f" form and the Content-Type header. For example: {CURL_EXAMPLE}"
        ) from error


def _check_whole(parts: FormParts) -> None:
    if not parts.is_complete:
        raise InvalidRequestError(
            "The form ends before its closing boundary; the upload was cut short or is empty."
            f" For example: {CURL_EXAMPLE}"
        )
    if not parts.has_file:
        raise InvalidRequestError(
            f"You must provide a file: the form has no part named '{FILE_FIELD}'."
            f" For example: {CURL_EXAMPLE}",
            param=FILE_FIELD,
        )
    if not parts.n_file_bytes:
        raise InvalidAudioError("The file is empty (0 bytes).", param=FILE_FIELD)
