"""Writes response_format "json"; knows nothing of the other formats."""

from __future__ import annotations

from loquent.domain.transcript import Segment, Transcript
from loquent.render import payload
from loquent.render.options import Rendered, RenderOptions


def render_json(transcript: Transcript, options: RenderOptions) -> Rendered:
    """Write the text, who made it, its segments in short, and its usage."""
    body: payload.JsonObject = {
        "text": transcript.text,
        **payload.answer_keys(transcript, options),
        "language": transcript.language,
        "segments": [_short_segment(segment) for segment in transcript.segments],
    }
    if options.logprobs:
        body["logprobs"] = payload.logprobs(transcript.token_scores)
    body["usage"] = payload.usage(transcript, options.usage_form)
    return Rendered(payload.encode(body), "application/json")


def _short_segment(segment: Segment) -> payload.JsonObject:
    return {
        "id": segment.id,
        "start": payload.seconds(segment.start_s),
        "end": payload.seconds(segment.end_s),
        "text": segment.text,
        **payload.speaker(segment.speaker),
    }
