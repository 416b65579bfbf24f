"""Writes response_format "vtt"; knows nothing of the other formats."""

from __future__ import annotations

from loquent.domain.transcript import Transcript
from loquent.render.cues import Cue, clock
from loquent.render.limited_cues import subtitle_cues
from loquent.render.lines import on_one_line
from loquent.render.options import Rendered, RenderOptions

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""Source: WebVTT, cue text and annotations of its tags. The arrow, which would end the cue,
vanishes with its `>`."""


def render_vtt(transcript: Transcript, options: RenderOptions) -> Rendered:
    """Write WebVTT cues; only the header where nothing was said."""
    cues = subtitle_cues(transcript, options.subtitles)
    blocks = "\n".join(map(_block, cues))
    return Rendered(f"WEBVTT\n\n{blocks}".encode(errors="replace"), "text/vtt; charset=utf-8")


def _block(cue: Cue) -> str:
    text = _sung(cue) if cue.timed_lines else "\n".join(cue.lines).translate(_ESCAPES)
    return f"{clock(cue.start_ms, '.')} --> {clock(cue.end_ms, '.')}\n{_voice(cue)}{text}\n"


def _voice(cue: Cue) -> str:
    """Open the voice of who speaks; as it spans the whole cue, it needs no end."""
    name = on_one_line(cue.speaker or "").translate(_ESCAPES)
    return f"<v {name}>" if name else ""


def _sung(cue: Cue) -> str:
    """Write each word in a tag of its own, after the time at which it begins.

    Source: WebVTT, cue timestamps: they rise, and lie between the start and the end of the cue.
    """
    last_ms = cue.start_ms
    lines: list[str] = []
    for words in cue.timed_lines:
        line = ""
        for word in words:
            line += word.gap
            if last_ms < word.start_ms < cue.end_ms:
                last_ms = word.start_ms
                line += f"<{clock(last_ms, '.')}>"
            line += f"<c>{word.text.translate(_ESCAPES)}</c>"
        lines.append(line)
    return "\n".join(lines)
