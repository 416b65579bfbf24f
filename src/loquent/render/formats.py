"""Chooses who writes which response_format; knows nothing of how any of them looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from loquent.domain.transcript import Transcript
from loquent.render.diarized_json import render_diarized_json
from loquent.render.options import Rendered, RenderOptions, ResponseFormat
from loquent.render.plain_json import render_json
from loquent.render.srt import render_srt
from loquent.render.text import render_text
from loquent.render.verbose_json import render_verbose_json
from loquent.render.vtt import render_vtt

Renderer: TypeAlias = Callable[[Transcript, RenderOptions], Rendered]

_RENDERERS: Final[Mapping[ResponseFormat, Renderer]] = {
    ResponseFormat.JSON: render_json,
    ResponseFormat.TEXT: render_text,
    ResponseFormat.SRT: render_srt,
    ResponseFormat.VERBOSE_JSON: render_verbose_json,
    ResponseFormat.VTT: render_vtt,
    ResponseFormat.DIARIZED_JSON: render_diarized_json,
}


def render(transcript: Transcript, options: RenderOptions) -> Rendered:
    """Write `transcript` in the format that `options` names."""
    return _RENDERERS[options.format](transcript, options)
