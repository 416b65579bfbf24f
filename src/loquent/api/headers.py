"""What may stand in a header, and headers that several answers share."""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNFIT = re.compile(r"[^ -~]")
_MAX_LENGTH = 1_000


def header_text(text: str) -> str:
    """Return `text` as a header can hold it."""
    return _UNFIT.sub("?", text)[:_MAX_LENGTH]


def ignored_header(ignored: Sequence[str]) -> dict[str, str]:
    """Tell the caller which fields nothing has read, if there are any."""
    return {"x-loquent-ignored": header_text(", ".join(ignored))} if ignored else {}
