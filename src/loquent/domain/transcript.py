"""What was recognised: tokens, words, segments and the transcript they form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class Task(StrEnum):
    """What to make of speech: its own words, or their English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


@dataclass(frozen=True, slots=True)
class TokenScore:
    """One text token of the hypothesis with its log probability (natural logarithm)."""

    text: str
    utf8: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its times in seconds; `text` carries no leading space.

    `speaker` is None unless the request asked for speakers.
    """

    text: str
    start_s: float
    end_s: float
    probability: float
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of text; times in seconds from the start of the recording.

    `text` keeps the leading space of Whisper's tokens, so that texts join by concatenation.
    `words` and `token_scores` are empty unless the request asked for them, and `speaker` is None.
    """

    id: int
    start_s: float
    end_s: float
    text: str
    tokens: tuple[int, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    seek_frames: int = 0
    words: tuple[Word, ...] = ()
    token_scores: tuple[TokenScore, ...] = ()
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens as a provider counted them."""

    n_text: int
    n_audio: int
    n_output: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """The whole answer to one request, whichever engine or provider made it.

    Attributes:
        text: all segments joined, stripped at both ends.
        language: ISO 639-1 code of the speech, as asked for or as detected; None where nothing was
            spoken and none was asked for.
        duration_s: length of the decoded audio, counted in samples.
        model: id of the model that really served.
        provider: who ran it; "local" for our own engines.
        n_prompt_tokens: tokens of the caller's prompt.
        counted: tokens as the provider counted them, where it does.
    """

    task: Task
    text: str
    language: str | None
    duration_s: float
    segments: tuple[Segment, ...]
    model: str
    provider: str = "local"
    n_prompt_tokens: int = 0
    counted: TokenCount | None = None

    @property
    def n_output_tokens(self) -> int:
        return sum(len(segment.tokens) for segment in self.segments)

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def token_scores(self) -> tuple[TokenScore, ...]:
        return tuple(score for segment in self.segments for score in segment.token_scores)


FRAMES_PER_SECOND = 100
"""Unit of `Segment.seek_frames`: mel frames of Whisper."""


def shifted(segment: Segment, offset_s: float, new_id: int) -> Segment:
    """Place a segment of one stretch of audio into the recording it was cut from."""
    return replace(
        segment,
        id=new_id,
        start_s=segment.start_s + offset_s,
        end_s=segment.end_s + offset_s,
        seek_frames=segment.seek_frames + round(offset_s * FRAMES_PER_SECOND),
        words=tuple(
            replace(word, start_s=word.start_s + offset_s, end_s=word.end_s + offset_s)
            for word in segment.words
        ),
    )


def join_text(segments: Sequence[Segment]) -> str:
    """Join segment texts as Whisper means them to be joined."""
    return "".join(segment.text for segment in segments).strip()
