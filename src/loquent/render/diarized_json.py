"""Writes response_format "diarized_json"; knows nothing of the other formats."""

from __future__ import annotations

from loquent.domain.transcript import Transcript
from loquent.render import payload
from loquent.render.options import Rendered, RenderOptions
from loquent.render.speakers import spoken_text


def render_diarized_json(transcript: Transcript, options: RenderOptions) -> Rendered:
    """Write who said what: the text with a line for each turn, and its segments.

    Source: key order and types of the OpenAI API; the keys that say who answered come on top.
    """
    body: payload.JsonObject = {
        "task": transcript.task.value,
        "duration": payload.seconds(transcript.duration_s),
        "text": spoken_text(transcript),
        "segments": payload.diarized_segments(transcript.segments),
        "usage": payload.usage(transcript, options.usage_form),
        **payload.answer_keys(transcript, options),
    }
    return Rendered(payload.encode(body), "application/json")
