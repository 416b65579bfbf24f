"""Tells one request from another while its body passes by; keeps no body and knows no field."""

from __future__ import annotations

import hashlib
from typing import Final

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.types import Scope

_DELIMITER_START: Final = b"--"
_MULTIPART: Final = b"multipart/"


class RequestDigest:
    """The digest of what is asked: place, method, address, content type and body.

    The boundary of a form does not count, because clients choose another one each time they send
    it. What stands between boundaries is hashed piece by piece, wherever the body is cut.
    """

    def __init__(self, scope: Scope) -> None:
        content_type = Headers(scope=scope).get("content-type", "")
        kind, boundary = without_boundary(content_type)
        self._delimiter = _DELIMITER_START + boundary if boundary else b""
        self._rest = b""
        self._piece = hashlib.sha256()
        self._whole = hashlib.sha256()
        place = scope.get("loquent.deployment", "").encode()
        address = (scope["method"].encode(), scope["path"].encode(), scope["query_string"])
        for part in (place, *address, kind):
            self._end_piece(part)

    def update(self, chunk: bytes) -> None:
        """Take the next chunk of the body."""
        if not self._delimiter:
            self._piece.update(chunk)
            return
        *ended, rest = (self._rest + chunk).split(self._delimiter)
        for piece in ended:
            self._end_piece(piece)
        start_of_delimiter = len(rest) - len(self._delimiter) + 1
        cut = max(0, start_of_delimiter)
        self._piece.update(rest[:cut])
        self._rest = rest[cut:]

    def digest(self) -> bytes:
        """Return the digest once the body has ended."""
        self._end_piece(self._rest)
        return self._whole.digest()

    def _end_piece(self, content: bytes) -> None:
        self._piece.update(content)
        self._whole.update(self._piece.digest())
        self._piece = hashlib.sha256()


def without_boundary(content_type: str) -> tuple[bytes, bytes]:
    """Take a content type apart: what it says but for the boundary, and the boundary.

    The boundary is empty where the body has none.
    """
    try:
        kind, options = parse_options_header(content_type)
    except ValueError:  # characters that no header can hold
        return content_type.encode("latin-1"), b""
    boundary = options.pop(b"boundary", b"") if kind.startswith(_MULTIPART) else b""
    return repr((kind, sorted(options.items()))).encode(), boundary
