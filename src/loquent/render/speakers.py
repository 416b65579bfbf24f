"""Writes who said what into plain text; knows nothing of time."""

from __future__ import annotations

from itertools import groupby

from loquent.domain.transcript import Transcript, join_text
from loquent.render.lines import on_one_line


def label(speaker: str | None) -> str:
    """Return what stands before the words of `speaker`; nothing where nobody is known."""
    name = on_one_line(speaker or "")
    return f"{name}: " if name else ""


def spoken_text(transcript: Transcript) -> str:
    """Return the text; where speakers are known, a line for each that goes on speaking."""
    if all(segment.speaker is None for segment in transcript.segments):
        return transcript.text
    runs = groupby(transcript.segments, key=lambda segment: segment.speaker)
    lines = ((speaker, on_one_line(join_text(tuple(run)))) for speaker, run in runs)
    return "\n".join(f"{label(speaker)}{text}" for speaker, text in lines if text)
