"""Writes what goes beside spoken sound: events and captions; knows nothing of sound files."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from loquent.domain.speech import SpeechChunk, SpeechPlan, SpokenWord
from loquent.domain.transcript import Segment, Task, Transcript, Word, join_text
from loquent.render import payload

TOKENS_PER_SECOND = 20
"""Sound is counted in tokens of 50 ms, text in tokens of one character."""


def audio_delta(sound: bytes, words: Sequence[SpokenWord] = ()) -> bytes:
    """Write the `speech.audio.delta` of some bytes of the file, and the words heard in them."""
    body: payload.JsonObject = {
        "type": "speech.audio.delta",
        "audio": base64.b64encode(sound).decode(),
    }
    if words:
        body["words"] = [_word(word) for word in words]
    return payload.encode(body)


def audio_done(plan: SpeechPlan, duration_s: float) -> bytes:
    """Write the `speech.audio.done` that ends the answer, with what was consumed."""
    n_output_tokens = round(duration_s * TOKENS_PER_SECOND)
    return payload.encode(
        {
            "type": "speech.audio.done",
            "usage": {
                "input_tokens": plan.n_characters,
                "output_tokens": n_output_tokens,
                "total_tokens": plan.n_characters + n_output_tokens,
                "characters": plan.n_characters,
                "seconds": payload.seconds(duration_s),
            },
        }
    )


def spoken_transcript(plan: SpeechPlan, chunks: Sequence[SpeechChunk]) -> Transcript:
    """Return what was spoken as if it had been heard, a segment for each chunk."""
    segments: list[Segment] = []
    start_s = 0.0
    for chunk in chunks:
        end_s = start_s + len(chunk.samples) / plan.sample_rate_hz
        last_s = chunk.words[-1].end_s if chunk.words else end_s
        segments.append(_segment(len(segments), start_s, last_s, chunk))
        start_s = end_s
    return Transcript(
        task=Task.TRANSCRIBE,
        text=join_text(segments),
        language=plan.casting.language.partition("-")[0],
        duration_s=start_s,
        segments=tuple(segments),
        model=plan.casting.model,
    )


def _segment(number: int, start_s: float, end_s: float, chunk: SpeechChunk) -> Segment:
    return Segment(
        id=number,
        start_s=start_s,
        end_s=end_s,
        text=f" {chunk.text}",
        tokens=(),
        temperature=0.0,
        avg_logprob=0.0,
        compression_ratio=1.0,
        no_speech_prob=0.0,
        words=tuple(Word(w.text, w.start_s, w.end_s, 1.0) for w in chunk.words),
    )


def _word(word: SpokenWord) -> payload.JsonObject:
    return {
        "word": word.text,
        "start": payload.seconds(word.start_s),
        "end": payload.seconds(word.end_s),
    }
