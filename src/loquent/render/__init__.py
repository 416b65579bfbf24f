"""Turns a transcript into a response body, one module per format; knows no HTTP and no engine."""

from loquent.render.diarization import (
    DiarizationFormat,
    DiarizationOptions,
    render_diarization,
)
from loquent.render.events import TranscriptEvents
from loquent.render.formats import render
from loquent.render.options import (
    Granularity,
    Rendered,
    RenderOptions,
    ResponseFormat,
    SubtitleOptions,
    UsageForm,
)

__all__ = [
    "DiarizationFormat",
    "DiarizationOptions",
    "Granularity",
    "RenderOptions",
    "Rendered",
    "ResponseFormat",
    "SubtitleOptions",
    "TranscriptEvents",
    "UsageForm",
    "render",
    "render_diarization",
]
