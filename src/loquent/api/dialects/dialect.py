"""What one wire dialect may decide for itself; knows no concrete dialect."""

from __future__ import annotations

from dataclasses import dataclass

from loquent.api.errors import ErrorStyle
from loquent.render import ResponseFormat


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences between addresses that otherwise answer alike.

    Attributes:
        default_format: what a request gets that names no response_format.
        always_segments: verbose answers hold segments, whatever granularities were asked.
    """

    name: str
    default_format: ResponseFormat
    always_segments: bool
    error_style: ErrorStyle
