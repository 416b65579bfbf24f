"""Transcripts for the tests of this room, short to write and complete in every field."""

from __future__ import annotations

from collections.abc import Sequence

from loquent.domain.transcript import Segment, Task, TokenScore, Transcript, Word, join_text


def segment_of(
    text: str,
    start_s: float = 0.0,
    end_s: float = 1.0,
    *,
    words: Sequence[Word] = (),
    scores: Sequence[TokenScore] = (),
    speaker: str | None = None,
) -> Segment:
    return Segment(
        id=0,
        start_s=start_s,
        end_s=end_s,
        text=text,
        tokens=(50364, 11),
        temperature=0.0,
        avg_logprob=-0.25,
        compression_ratio=1.5,
        no_speech_prob=0.01,
        words=tuple(words),
        token_scores=tuple(scores),
        speaker=speaker,
    )


def evenly_spoken(text: str, start_s: float, end_s: float) -> Segment:
    """Give every word between spaces an equal share of the time."""
    texts = text.split()
    step_s = (end_s - start_s) / max(1, len(texts))
    words = [
        Word(word, start_s + i * step_s, start_s + (i + 1) * step_s, 0.9)
        for i, word in enumerate(texts)
    ]
    return segment_of(text, start_s, end_s, words=words)


def transcript_of(
    *segments: Segment,
    language: str | None = "en",
    task: Task = Task.TRANSCRIBE,
    duration_s: float = 8.47,
    n_prompt_tokens: int = 0,
) -> Transcript:
    return Transcript(
        task=task,
        text=join_text(segments),
        language=language,
        duration_s=duration_s,
        segments=segments,
        model="whisper-base",
        n_prompt_tokens=n_prompt_tokens,
    )
