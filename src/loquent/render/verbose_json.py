"""Writes response_format "verbose_json"; knows nothing of the other formats."""

from __future__ import annotations

from loquent.domain.languages import name_of
from loquent.domain.transcript import Segment, Task, Transcript, Word
from loquent.render import payload
from loquent.render.options import Granularity, Rendered, RenderOptions, UsageForm

_LANGUAGE_OF_SILENCE = "unknown"
"""The wire demands a text where no language was heard."""


def render_verbose_json(transcript: Transcript, options: RenderOptions) -> Rendered:
    """Write the text with the times that `options.granularities` asks for.

    Source: key order and types of the OpenAI API; the keys that say who answered come on top.
    """
    body: payload.JsonObject = {
        "task": transcript.task.value,
        "language": _language(transcript),
        "duration": payload.seconds(transcript.duration_s),
        "text": transcript.text,
    }
    body |= timed_lists(transcript, options.granularities)
    body["usage"] = payload.usage(transcript, UsageForm.DURATION)
    body |= payload.answer_keys(transcript, options)
    return Rendered(payload.encode(body), "application/json")


def timed_lists(
    transcript: Transcript, granularities: frozenset[Granularity]
) -> payload.JsonObject:
    """List words and segments with their times, as far as they were asked for."""
    lists: payload.JsonObject = {}
    if Granularity.WORD in granularities:
        lists["words"] = [_word(word) for word in transcript.words if word.text.strip()]
    if Granularity.SEGMENT in granularities:
        lists["segments"] = [_segment(segment) for segment in transcript.segments]
    return lists


def _language(transcript: Transcript) -> str:
    if transcript.task is Task.TRANSLATE:
        return "english"
    return name_of(transcript.language) if transcript.language else _LANGUAGE_OF_SILENCE


def _word(word: Word) -> payload.JsonObject:
    return {
        "word": word.text.strip(),
        "start": payload.seconds(word.start_s),
        "end": payload.seconds(word.end_s),
        **payload.speaker(word.speaker),
    }


def _segment(segment: Segment) -> payload.JsonObject:
    return {
        "id": segment.id,
        "seek": segment.seek_frames,
        "start": payload.seconds(segment.start_s),
        "end": payload.seconds(segment.end_s),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": payload.finite(segment.temperature, n_digits=4),
        "avg_logprob": payload.finite(segment.avg_logprob, n_digits=6),
        "compression_ratio": payload.finite(segment.compression_ratio, n_digits=6),
        "no_speech_prob": payload.finite(segment.no_speech_prob, n_digits=6),
        **payload.speaker(segment.speaker),
    }
