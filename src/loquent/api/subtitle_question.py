"""Read transcripts that callers send back, and how they are to be cut; knows no subtitle format."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from loquent.api.subtitle_fields import SubtitleFields
from loquent.domain.errors import InputTooLongError, InvalidRequestError, UnsupportedOptionError
from loquent.domain.languages import code_of_language
from loquent.domain.transcript import Segment, Task, Transcript, Word, join_text
from loquent.render import ResponseFormat, SubtitleOptions

MAX_WORK: Final = 50_000_000
"""Characters of a text times cells of a cue: ten hours of speech in two lines of 42. To choose
among all cues takes time in proportion, a minute of one core where speech were denser than any."""

_Seconds: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]


class _Told(BaseModel):
    """A part of an answer; what else it tells is of no use here."""

    model_config = ConfigDict(extra="ignore", strict=True)


class ToldWord(_Told):
    """A word with its times in seconds."""

    word: str
    start: _Seconds
    end: _Seconds
    speaker: str | None = None


class ToldSegment(_Told):
    """A span of text with its times in seconds."""

    text: str
    start: _Seconds
    end: _Seconds
    speaker: str | None = None


class ToldTranscript(_Told):
    """An answer as it was given, here or elsewhere: segments, or words, or both."""

    language: str | None = Field(default=None, description="a code, or an English name")
    text: str = Field(default="", description="All that is said.")
    segments: list[ToldSegment] | None = None
    words: list[ToldWord] | None = None


class SubtitleQuestion(SubtitleFields):
    """A transcript, and how it is to be cut."""

    model_config = ConfigDict(extra="forbid", strict=True)

    transcript: ToldTranscript
    response_format: Literal["srt", "vtt"] | None = Field(
        None, description="The form of the answer; `vtt` if absent."
    )

    @property
    def form(self) -> ResponseFormat:
        return ResponseFormat(self.response_format or ResponseFormat.VTT)

    def understood(self) -> tuple[Transcript, SubtitleOptions | None]:
        """Return what was said, and how it is to be cut; None where nothing is said about it.

        Raises: InvalidRequestError, UnsupportedOptionError, InputTooLongError: naming the field.
        """
        options = self.subtitles(self.form)
        transcript = _transcript(self.transcript)
        if options:
            _check_options(transcript, options)
        return transcript, options


def _check_options(transcript: Transcript, options: SubtitleOptions) -> None:
    """Raises: UnsupportedOptionError, InputTooLongError."""
    if options.highlight_words and transcript.segments and not transcript.words:
        raise UnsupportedOptionError(
            "highlight_words needs a transcript with `words`: ask for one with"
            " timestamp_granularities[]=word.",
            param="highlight_words",
        )
    n_cells = options.max_line_width * options.max_line_count
    n_most = MAX_WORK // n_cells
    if len(transcript.text) > n_most:
        raise InputTooLongError(
            f"transcript: it has {len(transcript.text)} characters; at most {n_most} are cut into"
            f" cues of {n_cells} cells in one request. Send it in parts.",
            param="transcript",
        )


def _transcript(told: ToldTranscript) -> Transcript:
    """Raises: InvalidRequestError: if it has no times at all."""
    if told.segments is None and told.words is None:
        raise InvalidRequestError(
            "transcript: it has neither `segments` nor `words`, so that nobody knows when anything"
            " is said. Send an answer to response_format=verbose_json.",
            param="transcript",
        )
    spoken = tuple(_with_words(told) if told.segments else _of_words(told))
    return Transcript(
        task=Task.TRANSCRIBE,
        text=join_text(spoken),
        language=code_of_language(told.language or ""),
        duration_s=0.0,
        segments=spoken,
        model="",
    )


def _with_words(told: ToldTranscript) -> Iterator[Segment]:
    """Yield the segments, each with the words that make up its text."""
    words = deque(word for word in told.words or () if word.word.strip())
    for number, segment in enumerate(told.segments or ()):
        own = _words_of(segment, words)
        for _ in own:
            words.popleft()
        if not own and _has_letters(segment.text):
            _skip(words, segment.end)
        yield _segment(number, segment, own)


def _skip(words: deque[ToldWord], end_s: float) -> None:
    """Drop the words of a segment that ends at `end_s`, as they spell another text than it has."""
    while words and words[0].start + words[0].end < 2 * end_s:
        words.popleft()


def _words_of(segment: ToldSegment, words: Iterable[ToldWord]) -> list[ToldWord]:
    """Return those first words that the text is made up of; none where it is not."""
    found: list[ToldWord] = []
    position = 0
    for word in words:
        spelled = word.word.strip()
        at = segment.text.find(spelled, position)
        if at < 0 or _has_letters(segment.text[position:at]):
            break
        found.append(word)
        position = at + len(spelled)
    return [] if _has_letters(segment.text[position:]) else found


def _has_letters(text: str) -> bool:
    return any(map(str.isalnum, text))


def _of_words(told: ToldTranscript) -> Iterator[Segment]:
    """Yield a segment for each speaker that goes on speaking."""
    words = [word for word in told.words or () if word.word.strip()]
    runs = [(who, list(run)) for who, run in groupby(words, key=lambda word: word.speaker)]
    for number, (speaker, run) in enumerate(runs):
        text = " ".join(word.word.strip() for word in run)
        whole = ToldSegment(text=text, start=run[0].start, end=run[-1].end, speaker=speaker)
        if len(runs) == 1 and told.text:
            as_written = whole.model_copy(update={"text": told.text})
            whole = as_written if len(_words_of(as_written, run)) == len(run) else whole
        yield _segment(number, whole, run)


def _segment(number: int, told: ToldSegment, words: Sequence[ToldWord]) -> Segment:
    return Segment(
        id=number,
        start_s=told.start,
        end_s=told.end,
        text=told.text,
        tokens=(),
        temperature=0.0,
        avg_logprob=0.0,
        compression_ratio=0.0,
        no_speech_prob=0.0,
        words=tuple(
            Word(word.word.strip(), word.start, word.end, probability=1.0, speaker=word.speaker)
            for word in words
        ),
        speaker=told.speaker,
    )
