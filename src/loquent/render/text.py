"""Writes response_format "text"; knows nothing of the other formats."""

from __future__ import annotations

from loquent.domain.transcript import Transcript
from loquent.render.options import Rendered, RenderOptions
from loquent.render.speakers import spoken_text


def render_text(transcript: Transcript, _options: RenderOptions) -> Rendered:
    """Write the bare text and a newline; where speakers are known, a line for each turn."""
    body = f"{spoken_text(transcript)}\n".encode(errors="replace")
    return Rendered(body, "text/plain; charset=utf-8")
