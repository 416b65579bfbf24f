"""The pieces that several JSON bodies share; knows no body as a whole.

Every number that leaves here is finite, and every text can be written as UTF-8, so that the
strictest parser reads the result.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from loquent.domain.transcript import Segment, Task, TokenCount, TokenScore, Transcript
from loquent.render.options import RenderOptions, UsageForm

JsonValue: TypeAlias = (
    "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
JsonObject: TypeAlias = dict[str, JsonValue]

AUDIO_TOKENS_PER_SECOND = 10
"""Audio tokens counted for each started second. A rule of ours: local models see frames instead of
tokens, so the number only has to grow with the audio and be easy to check by hand."""

_LEAST_LOGPROB = -9999.0
"""Stands for a probability of zero, whose logarithm JSON cannot hold; as the OpenAI API does."""

_OBJECT_OF_TASK: Mapping[Task, str] = {
    Task.TRANSCRIBE: "audio.transcription",
    Task.TRANSLATE: "audio.translation",
}


def encode(payload: Mapping[str, JsonValue]) -> bytes:
    """Write `payload` as one line of UTF-8 JSON; other scripts stay readable."""
    text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", errors="replace")


def finite(value: float, *, n_digits: int, otherwise: float = 0.0) -> float:
    """Round `value`; `otherwise` replaces what JSON cannot hold."""
    if not math.isfinite(value):
        return otherwise
    return round(float(value), n_digits) + 0.0  # the sum turns -0.0 into 0.0


def seconds(value: float) -> float:
    """Write a time to the millisecond, never negative."""
    return max(0.0, finite(value, n_digits=3))


def answer_keys(transcript: Transcript, options: RenderOptions) -> JsonObject:
    """Say which answer this is, and who gave it."""
    return {
        "id": options.answer_id,
        "object": _OBJECT_OF_TASK[transcript.task],
        "created": options.created_s,
        "provider": transcript.provider,
        "model": transcript.model,
    }


def usage(transcript: Transcript, form: UsageForm) -> JsonObject:
    """State what the answer consumed.

    Seconds are rounded up to whole ones. Tokens are those that the provider counted; where it
    counts none, those of the prompt and of the answer are the model's own, and those of the audio
    follow `AUDIO_TOKENS_PER_SECOND`.
    """
    if form is UsageForm.DURATION:
        return duration_usage(transcript.duration_s)
    counted = transcript.counted or TokenCount(
        n_text=transcript.n_prompt_tokens,
        n_audio=AUDIO_TOKENS_PER_SECOND * _started_seconds(transcript.duration_s),
        n_output=transcript.n_output_tokens,
    )
    n_input = counted.n_text + counted.n_audio
    return {
        "type": "tokens",
        "input_tokens": n_input,
        "input_token_details": {"text_tokens": counted.n_text, "audio_tokens": counted.n_audio},
        "output_tokens": counted.n_output,
        "total_tokens": n_input + counted.n_output,
    }


def duration_usage(duration_s: float) -> JsonObject:
    """State consumption in seconds of audio, rounded up to whole ones."""
    return {"type": "duration", "seconds": _started_seconds(duration_s)}


def speaker(name: str | None) -> JsonObject:
    """Say who speaks, or nothing where that was not asked for."""
    return {} if name is None else {"speaker": name}


def diarized_segments(segments: Iterable[Segment]) -> list[JsonObject]:
    """List segments with their speakers, as answers and events of the OpenAI API do.

    Typed clients demand a speaker; it is empty where none is known.
    """
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number:03d}",
            "start": seconds(segment.start_s),
            "end": seconds(segment.end_s),
            "text": segment.text.strip(),
            "speaker": segment.speaker or "",
        }
        for number, segment in enumerate(segments, start=1)
    ]


def logprobs(scores: Iterable[TokenScore]) -> list[JsonValue]:
    """List tokens with their natural log probabilities and UTF-8 bytes."""
    return [
        {
            "token": score.text,
            "logprob": finite(score.logprob, n_digits=6, otherwise=_LEAST_LOGPROB),
            "bytes": list(score.utf8),
        }
        for score in scores
    ]


def _started_seconds(duration_s: float) -> int:
    return math.ceil(seconds(duration_s))
