"""How far one utterance has been read, and what one look at it gave; runs no model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, duration_s
from loquent.domain.transcript import Segment, TokenScore, Word, shifted
from loquent.engines.batch import Utterance
from loquent.engines.whisper.alignment import TokenTimes, place_words, tidy_words
from loquent.engines.whisper.hypothesis import Hypothesis
from loquent.engines.whisper.timestamps import SplitText, TextSpan, split_at_timestamps
from loquent.engines.whisper.untimed import Untimed
from loquent.engines.whisper.vocabulary import Vocabulary
from loquent.ports import Recognition, RecognitionOptions

MIN_REMAINDER_S = 0.5
"""What is left of an utterance after an unfinished segment is not read again if shorter."""

MIN_PROBABILITY = 1e-10
"""Floor under the logarithm of a token's probability."""


@dataclass
class Reading:
    """An utterance on its way: what has been read, and where the unread rest begins."""

    utterance: Utterance
    language: str | None
    begin_s: float = 0.0
    has_begun: bool = False
    segments: list[Segment] = field(default_factory=list)
    n_prompt_tokens: int = 0
    n_repairs: int = 0

    @property
    def known(self) -> str:
        """What is said in the first `known_s` of the window; nothing once that was read."""
        return "" if self.begin_s else self.options.known

    @property
    def known_s(self) -> float:
        return 0.0 if self.begin_s else self.options.known_s

    @property
    def options(self) -> RecognitionOptions:
        return self.utterance.options

    @property
    def window(self) -> Samples:
        """The samples that are not read yet."""
        return self.utterance.samples[round(self.begin_s * SAMPLE_RATE_HZ) :]

    @property
    def is_over(self) -> bool:
        return self.has_begun and duration_s(self.window) < MIN_REMAINDER_S

    def take(self, segments: list[Segment], heard_s: float) -> None:
        """Append what one look gave and go on behind it."""
        first_id = len(self.segments)
        offset_s = self.begin_s - self.options.known_s
        placed = (shifted(s, offset_s, first_id + i) for i, s in enumerate(segments))
        self.segments += [_from_zero(segment) for segment in placed]
        self.begin_s += max(heard_s, self.known_s)
        self.has_begun = True

    def forget_known(self) -> None:
        """Read what is asked for alone: what is known has misled the model."""
        self.begin_s = self.options.known_s

    def recognition(self) -> Recognition:
        """Return everything that was read."""
        assert self.language is not None
        return Recognition(
            self.language, tuple(self.segments), self.n_prompt_tokens, self.n_repairs
        )


def _from_zero(segment: Segment) -> Segment:
    """Let nothing begin in what is known: attention drifts over the pause between both."""
    if segment.start_s >= 0 and all(word.start_s >= 0 for word in segment.words):
        return segment
    words = (
        replace(word, start_s=max(0.0, word.start_s), end_s=max(0.0, word.end_s))
        for word in segment.words
    )
    return replace(segment, start_s=max(0.0, segment.start_s), words=tuple(words))


def spoken(
    hypothesis: Hypothesis, vocabulary: Vocabulary, window_s: float
) -> tuple[list[TextSpan], float]:
    """Return the spans of a hypothesis that hold text, and how far into the window they reach."""
    if hypothesis.is_silence or not hypothesis.text:
        return [], window_s
    split: SplitText = split_at_timestamps(
        hypothesis.tokens, first_timestamp=vocabulary.first_timestamp, window_s=window_s
    )
    spans = [span for span in split.spans if vocabulary.text(span.tokens).strip()]
    return spans, split.heard_s or window_s


def untimed_recognition(one: Untimed, times: TokenTimes | None) -> Recognition:
    """Return what was heard in one segment; nothing where it has no times."""
    tokens = one.text_tokens
    if times is None or not tokens:
        return Recognition(one.language, ())
    options = one.utterance.options
    segment = _segment(
        0,
        TextSpan(0.0, one.utterance.speech_s, tuple(tokens)),
        one.hypothesis,
        one.vocabulary,
        _words(one.vocabulary, tokens, times) if options.word_timestamps else (),
        _scores(one.vocabulary, tokens, times) if options.token_scores else (),
    )
    return Recognition(one.language, (segment,))


def segments_of(
    spans: list[TextSpan],
    hypothesis: Hypothesis,
    vocabulary: Vocabulary,
    options: RecognitionOptions,
    times: TokenTimes | None,
) -> list[Segment]:
    """Make segments of the spans of one hypothesis.

    Args:
        times: of all their text tokens, where words or token scores are asked for.
    """
    segments = []
    first = 0
    for index, span in enumerate(spans):
        text_tokens = vocabulary.text_tokens(span.tokens)
        words: tuple[Word, ...] = ()
        scores: tuple[TokenScore, ...] = ()
        if times is not None:
            own = times.slice(first, first + len(text_tokens))
            words = _words(vocabulary, text_tokens, own) if options.word_timestamps else ()
            scores = _scores(vocabulary, text_tokens, own) if options.token_scores else ()
        first += len(text_tokens)
        segments.append(_segment(index, span, hypothesis, vocabulary, words, scores))
    return segments


def _segment(
    index: int,
    span: TextSpan,
    hypothesis: Hypothesis,
    vocabulary: Vocabulary,
    words: tuple[Word, ...],
    scores: tuple[TokenScore, ...],
) -> Segment:
    return Segment(
        id=index,
        start_s=span.start_s,
        end_s=span.end_s,
        text=vocabulary.text(span.tokens),
        tokens=span.tokens,
        temperature=hypothesis.temperature,
        avg_logprob=hypothesis.avg_logprob,
        compression_ratio=hypothesis.compression_ratio,
        no_speech_prob=hypothesis.no_speech_prob,
        words=words,
        token_scores=scores,
    )


def _words(vocabulary: Vocabulary, tokens: list[int], times: TokenTimes) -> tuple[Word, ...]:
    return tuple(tidy_words(place_words(vocabulary.words(tokens), times)))


def _scores(vocabulary: Vocabulary, tokens: list[int], times: TokenTimes) -> tuple[TokenScore, ...]:
    return tuple(
        TokenScore(
            vocabulary.text([token]),
            vocabulary.utf8(token),
            math.log(max(probability, MIN_PROBABILITY)),
        )
        for token, probability in zip(tokens, times.probabilities, strict=True)
    )
