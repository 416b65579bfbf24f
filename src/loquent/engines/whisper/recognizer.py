"""Whisper as a `SpeechRecognizer`: window by window, with a ladder of temperatures."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, duration_s
from loquent.domain.transcript import Segment, Task, TokenScore, Word, shifted
from loquent.engines.whisper.alignment import TokenTimes, place_words, tidy_words
from loquent.engines.whisper.hypothesis import Hypothesis, least_bad, temperature_ladder
from loquent.engines.whisper.network import Encoded, WhisperNetwork
from loquent.engines.whisper.timestamps import TextSpan, split_at_timestamps
from loquent.engines.whisper.vocabulary import Vocabulary
from loquent.ports import Recognition, RecognitionOptions

MIN_REMAINDER_S = 0.5
"""What is left of a stretch after an unfinished segment is not decoded again if shorter."""

MIN_PROBABILITY = 1e-10
"""Floor under the logarithm of a token's probability."""


class WhisperRecognizer:
    """One model; its network works for one stretch of speech at a time."""

    def __init__(self, network: WhisperNetwork) -> None:
        self._network = network
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whisper")

    async def recognize(self, samples: Samples, options: RecognitionOptions) -> Recognition:
        """Recognise `samples`, at most 30 s. Cancelling the call stops the work."""
        stop = Event()
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, self._recognize, samples, options, stop)
        try:
            return await work
        finally:
            stop.set()

    def count_tokens(self, text: str) -> int:
        """Count the tokens of `text` in this model's vocabulary."""
        return len(self._network.vocabulary(Task.TRANSCRIBE, "en").encode(text)) if text else 0

    def close(self) -> None:
        """Finish the running work and take no more."""
        self._thread.shutdown(cancel_futures=True)

    def _recognize(self, samples: Samples, options: RecognitionOptions, stop: Event) -> Recognition:
        language = options.language
        segments: list[Segment] = []
        begin_s = 0.0
        while not stop.is_set() and duration_s(samples) - begin_s > 0:
            window = samples[round(begin_s * SAMPLE_RATE_HZ) :]
            encoded = self._network.encode(window)
            language = language or self._detect(encoded)
            found, heard_s = self._read(encoded, language, options, stop)
            first_id = len(segments)
            segments += [shifted(s, begin_s, first_id + i) for i, s in enumerate(found)]
            begin_s += heard_s
            if duration_s(window) - heard_s < MIN_REMAINDER_S:
                break
        return Recognition(language or "en", tuple(segments))

    def _detect(self, encoded: Encoded) -> str:
        return self._network.detect_language(encoded) if self._network.is_multilingual else "en"

    def _read(
        self, encoded: Encoded, language: str, options: RecognitionOptions, stop: Event
    ) -> tuple[list[Segment], float]:
        """Return the segments of one window and how far into it they reach."""
        vocabulary = self._network.vocabulary(options.task, language)
        hypothesis = self._believable(encoded, vocabulary, options, stop)
        if hypothesis.is_silence or not hypothesis.text:
            return [], encoded.window_s
        split = split_at_timestamps(
            hypothesis.tokens,
            first_timestamp=vocabulary.first_timestamp,
            window_s=encoded.window_s,
        )
        spans = (span for span in split.spans if vocabulary.text(span.tokens).strip())
        segments = [_segment(i, span, vocabulary, hypothesis) for i, span in enumerate(spans)]
        heard_s = split.heard_s or encoded.window_s
        return self._annotated(encoded, vocabulary, segments, options), heard_s

    def _believable(
        self, encoded: Encoded, vocabulary: Vocabulary, options: RecognitionOptions, stop: Event
    ) -> Hypothesis:
        """Climb the ladder until a hypothesis is credible."""
        prompt = vocabulary.prompt(options.prompt)
        tried: list[Hypothesis] = []
        for temperature in temperature_ladder(options.temperature):
            hypothesis = self._network.decode(encoded, vocabulary, prompt, temperature)
            tried.append(hypothesis)
            if hypothesis.is_credible or stop.is_set():
                return hypothesis
        return least_bad(tried)

    def _annotated(
        self,
        encoded: Encoded,
        vocabulary: Vocabulary,
        segments: list[Segment],
        options: RecognitionOptions,
    ) -> list[Segment]:
        """Add words and token scores, as far as they are asked for; one alignment serves both."""
        if not segments or not (options.word_timestamps or options.token_scores):
            return segments
        tokens = [vocabulary.text_tokens(segment.tokens) for segment in segments]
        times = self._network.align(encoded, vocabulary, [t for group in tokens for t in group])
        annotated = []
        first = 0
        for segment, group in zip(segments, tokens, strict=True):
            own_times = times.slice(first, first + len(group))
            first += len(group)
            words = _words(vocabulary, group, own_times) if options.word_timestamps else ()
            scores = _scores(vocabulary, group, own_times) if options.token_scores else ()
            annotated.append(replace(segment, words=words, token_scores=scores))
        return annotated


def _segment(index: int, span: TextSpan, vocabulary: Vocabulary, source: Hypothesis) -> Segment:
    return Segment(
        id=index,
        start_s=span.start_s,
        end_s=span.end_s,
        text=vocabulary.text(span.tokens),
        tokens=span.tokens,
        temperature=source.temperature,
        avg_logprob=source.avg_logprob,
        compression_ratio=source.compression_ratio,
        no_speech_prob=source.no_speech_prob,
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
