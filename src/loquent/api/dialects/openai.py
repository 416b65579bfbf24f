"""The dialect of OpenAI's audio API; knows no other dialect."""

from __future__ import annotations

from loquent.api.dialects.dialect import Dialect
from loquent.api.errors import ErrorStyle
from loquent.render import ResponseFormat

OPENAI = Dialect(
    name="openai",
    default_format=ResponseFormat.JSON,
    always_segments=False,
    error_style=ErrorStyle.ENVELOPE,
)
