"""Writes response_format "vtt"; knows nothing of the other formats."""

from __future__ import annotations

from loquent.domain.transcript import Transcript
from loquent.render.cues import Cue, clock, cues_of
from loquent.render.lines import on_one_line
from loquent.render.options import Rendered, RenderOptions

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Source: WebVTT, cue text and annotations of its tags. The arrow, which would end the cue,
vanishes with its `>`."""


def render_vtt(transcript: Transcript, _options: RenderOptions) -> Rendered:
    """Write WebVTT cues; only the header where nothing was said."""
    blocks = "\n".join(_block(cue) for cue in cues_of(transcript))
    return Rendered(f"WEBVTT\n\n{blocks}".encode(errors="replace"), "text/vtt; charset=utf-8")


def _block(cue: Cue) -> str:
    text = "\n".join(cue.lines).translate(_ESCAPES)
    return f"{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}\n{_voice(cue)}{text}\n"


def _voice(cue: Cue) -> str:
    """Open the voice of who speaks; as it spans the whole cue, it needs no end."""
    name = on_one_line(cue.speaker or "").translate(_ESCAPES)
    return f"<v {name}>" if name else ""
