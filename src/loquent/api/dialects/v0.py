"""The dialect of AiBrary's audio API: verbose by default, 422 with details; knows no other."""

from __future__ import annotations

from loquent.api.dialects.dialect import Dialect
from loquent.api.errors import ErrorStyle
from loquent.render import ResponseFormat

V0 = Dialect(
    name="v0",
    default_format=ResponseFormat.VERBOSE_JSON,
    always_segments=True,
    error_style=ErrorStyle.ENVELOPE_AND_DETAIL,
)
