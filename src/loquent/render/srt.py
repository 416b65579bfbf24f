"""Writes response_format "srt"; knows nothing of the other formats."""

from __future__ import annotations

from loquent.domain.transcript import Transcript
from loquent.render.cues import Cue, clock
from loquent.render.limited_cues import subtitle_cues
from loquent.render.options import Rendered, RenderOptions


def render_srt(transcript: Transcript, options: RenderOptions) -> Rendered:
    """Write numbered SubRip cues; nothing at all where nothing was said.

    SubRip has no mark for a speaker, so each cue begins with the name.
    """
    cues = subtitle_cues(transcript, options.subtitles, shows_names=True)
    blocks = [_block(number, cue) for number, cue in enumerate(cues, start=1)]
    return Rendered("\n".join(blocks).encode(errors="replace"), "text/plain; charset=utf-8")


def _block(number: int, cue: Cue) -> str:
    # SubRip has no escape for its arrow, and parsers look for it anywhere.
    text = "\n".join(cue.lines).replace("-->", "→")
    return f"{number}\n{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}\n{text}\n"
