"""Collects the parts of a multipart form within limits; knows no socket and no disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.multipart import parse_options_header

from loquent.domain.errors import InvalidRequestError, PayloadTooLargeError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILE_FIELD = "file"
REFERENCES_FIELD = "known_speaker_references"
"""Holds recordings as text, one for each known speaker, and so is longer than other text."""

MAX_KNOWN_SPEAKERS = 4
"""Source: the OpenAI audio API."""

_PLAIN_ENCODINGS = frozenset({b"7bit", b"8bit", b"binary"})
_LONGEST_ECHO = 64


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much of a form is accepted.

    Attributes:
        max_file_bytes: size of the file alone; 0 for any size.
        max_fields: number of text fields.
        max_field_bytes: size of one text field.
        max_header_bytes: size of one header line of a part.
        max_form_bytes: everything but the file and the recordings of known speakers: text,
            headers, boundaries.
        max_known_speakers: number of such recordings.
        max_reference_bytes: size of each, decoded; enough for 10 s in stereo at 48 kHz in 32 bits.
    Source: 25 MiB is the limit of the OpenAI audio API; the others are ours.
    """

    max_file_bytes: int = 25 * 1024 * 1024
    max_fields: int = 64
    max_field_bytes: int = 64 * 1024
    max_header_bytes: int = 8 * 1024
    max_form_bytes: int = 1024 * 1024
    max_known_speakers: int = MAX_KNOWN_SPEAKERS
    max_reference_bytes: int = 4 * 1024 * 1024

    @property
    def max_references_bytes(self) -> int:
        """All recordings of known speakers together, as text.

        Base64 makes four bytes of three; the rest is room for line breaks and the heads of URLs.
        """
        return self.max_known_speakers * self.max_reference_bytes * 7 // 5


class FormParts:
    """Turns the parser's callbacks into text fields and the bytes of one file.

    Attributes:
        fields: complete text fields in the order sent.
        file_bytes: what arrived of the file and was not taken yet.
        n_file_bytes: what arrived of the file, taken or not.
        file_name: what the sender calls the file; empty where it has no name.
        is_complete: the closing boundary was seen.
    """

    def __init__(self, limits: UploadLimits) -> None:
        self.fields: list[tuple[str, str]] = []
        self.file_bytes = bytearray()
        self.n_file_bytes = 0
        self.file_name = ""
        self.has_file = False
        self.is_complete = False
        self._limits = limits
        self._n_form_bytes = 0
        self._n_references_bytes = 0
        self._headers: dict[bytes, bytes] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._name = ""
        self._text = bytearray()
        self._is_in_file = False

    def callbacks(self) -> MultipartCallbacks:
        """Return what the parser is to call."""
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._extend_header_name,
            "on_header_value": self._extend_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._extend_part,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def take_file_bytes(self) -> bytes:
        """Hand over what arrived of the file since the last time."""
        taken = bytes(self.file_bytes)
        self.file_bytes.clear()
        return taken

    def check_form_size(self, n_received_bytes: int) -> None:
        """Count `n_received_bytes` more of the body against the limit of all but recordings.

        Raises: PayloadTooLargeError.
        """
        self._n_form_bytes += n_received_bytes
        n_sound_bytes = self.n_file_bytes + self._n_references_bytes
        if self._n_form_bytes - n_sound_bytes > self._limits.max_form_bytes:
            raise PayloadTooLargeError(
                f"The form is larger than {self._limits.max_form_bytes} bytes without its"
                " recordings."
            )

    def _begin_part(self) -> None:
        self._headers.clear()
        self._text.clear()
        self._is_in_file = False

    def _extend_header_name(self, piece: bytes, start: int, end: int) -> None:
        self._header_name += piece[start:end]

    def _extend_header_value(self, piece: bytes, start: int, end: int) -> None:
        self._header_value += piece[start:end]

    def _end_header(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value).strip()
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        disposition, options = parse_options_header(
            self._headers.get(b"content-disposition", b"").decode("latin-1")
        )
        if disposition != b"form-data" or not options.get(b"name"):
            raise InvalidRequestError(
                "A part of the form lacks 'Content-Disposition: form-data; name=\"...\"'."
            )
        self._name = _decoded(options[b"name"], "name of a form field")
        self._check_encoding()
        if self._name == FILE_FIELD:
            self._begin_file(is_text=b"filename" not in options and not self._has_type())
            self.file_name = options.get(b"filename", b"").decode(errors="replace")
        elif b"filename" in options:
            raise InvalidRequestError(
                f"The part '{self._name[:_LONGEST_ECHO]}' is a file, but only the part"
                f" '{FILE_FIELD}' may be one. To send a text field from a file, curl wants"
                " -F 'name=<path' instead of -F 'name=@path'.",
                param=self._name[:_LONGEST_ECHO],
            )
        elif len(self.fields) >= self._limits.max_fields:
            raise InvalidRequestError(
                f"The form has more than {self._limits.max_fields} text fields."
            )

    def _has_type(self) -> bool:
        return b"content-type" in self._headers

    def _check_encoding(self) -> None:
        encoding = self._headers.get(b"content-transfer-encoding", b"binary").lower()
        if encoding not in _PLAIN_ENCODINGS:
            raise InvalidRequestError(
                "Parts of the form must hold plain bytes, without a Content-Transfer-Encoding"
                " such as base64.",
                param=self._name[:_LONGEST_ECHO],
            )

    def _begin_file(self, *, is_text: bool) -> None:
        if is_text:
            raise InvalidRequestError(
                f"The part '{FILE_FIELD}' holds text instead of a file. curl wants an @ before"
                f" the path: -F {FILE_FIELD}=@speech.mp3",
                param=FILE_FIELD,
            )
        if self.has_file:
            raise InvalidRequestError(
                f"The form has two parts named '{FILE_FIELD}'; send one recording per request.",
                param=FILE_FIELD,
            )
        self.has_file = True
        self._is_in_file = True

    def _extend_part(self, piece: bytes, start: int, end: int) -> None:
        if self._is_in_file:
            self._extend_file(piece[start:end])
        elif self._name.partition("[")[0] == REFERENCES_FIELD:
            self._extend_reference(piece[start:end])
        elif len(self._text) + end - start > self._limits.max_field_bytes:
            raise InvalidRequestError(
                f"The field '{self._name[:_LONGEST_ECHO]}' is longer than"
                f" {self._limits.max_field_bytes} bytes.",
                param=self._name[:_LONGEST_ECHO],
            )
        else:
            self._text += piece[start:end]

    def _extend_file(self, piece: bytes) -> None:
        self.n_file_bytes += len(piece)
        limit = self._limits.max_file_bytes
        if limit and self.n_file_bytes > limit:
            raise PayloadTooLargeError(
                f"The file is larger than the limit of {limit} bytes; {self.n_file_bytes} had"
                " arrived when reading stopped. Send a compressed or a shorter recording.",
                param=FILE_FIELD,
            )
        self.file_bytes += piece

    def _extend_reference(self, piece: bytes) -> None:
        self._n_references_bytes += len(piece)
        limit = self._limits.max_references_bytes
        if self._n_references_bytes > limit:
            raise InvalidRequestError(
                f"The fields '{REFERENCES_FIELD}' are longer than {limit} bytes together. Each"
                " holds a recording of 2 to 10 seconds; send shorter or compressed ones.",
                param=REFERENCES_FIELD,
            )
        self._text += piece

    def _end_part(self) -> None:
        if not self._is_in_file:
            text = _decoded(bytes(self._text), f"field '{self._name[:_LONGEST_ECHO]}'")
            self.fields.append((self._name, text))

    def _end(self) -> None:
        self.is_complete = True


def _decoded(raw: bytes, what: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"The {what} is not valid UTF-8 text.") from error
