"""How an utterance is read window by window, without a model."""

from __future__ import annotations

import math

import pytest

from loquent.domain.transcript import Task
from loquent.engines.batch import Utterance
from loquent.engines.whisper.alignment import TokenTimes
from loquent.engines.whisper.hypothesis import MIN_AVG_LOGPROB, MIN_NO_SPEECH_PROB, Hypothesis
from loquent.engines.whisper.reading import MIN_REMAINDER_S, Reading, segments_of, spoken
from loquent.engines.whisper.timestamps import SECONDS_PER_TIMESTAMP, TextSpan
from loquent.engines.whisper.vocabulary import Vocabulary
from loquent.ports import RecognitionOptions
from tests.fakes.fake_speech import silence
from tests.fakes.fake_transcriber import segment
from tests.unit.engines.whisper.byte_tokens import byte_tokenizer

VOCABULARY = Vocabulary(byte_tokenizer(), multilingual=True, task=Task.TRANSCRIBE, language="en")

WINDOW_S = 8.0


def at(time_s: float) -> int:
    return VOCABULARY.first_timestamp + round(time_s / SECONDS_PER_TIMESTAMP)


def said(*tokens: int, avg_logprob: float = -0.2, no_speech_prob: float = 0.01) -> Hypothesis:
    return Hypothesis(tokens, VOCABULARY.text(tokens).strip(), avg_logprob, no_speech_prob, 0.2)


def text(words: str) -> list[int]:
    return VOCABULARY.encode(words)


def reading(length_s: float) -> Reading:
    options = RecognitionOptions(Task.TRANSCRIBE, language=None)
    return Reading(Utterance(silence(length_s), options), language="en")


def test_a_reading_goes_on_behind_what_was_heard() -> None:
    one = reading(10.0)
    one.take([segment(" One.")], heard_s=4.0)
    assert len(one.window) == len(silence(6.0))
    one.take([segment(" Two.")], heard_s=6.0)
    first, second = one.recognition().segments
    assert (first.id, first.start_s, second.id, second.start_s) == (0, 0.0, 1, 4.0)
    assert second.words[0].start_s == 4.0


@pytest.mark.parametrize(
    ("length_s", "heard_s", "is_over"),
    [
        pytest.param(10.0, 4.0, False, id="much is left"),
        pytest.param(10.0, 10.0, True, id="nothing is left"),
        pytest.param(10.0, 10.0 - MIN_REMAINDER_S / 2, True, id="too little for a word is left"),
        pytest.param(MIN_REMAINDER_S / 2, MIN_REMAINDER_S / 2, True, id="short, and looked at"),
    ],
)
def test_an_utterance_is_looked_at_once_and_as_long_as_a_word_may_be_left(
    length_s: float, heard_s: float, is_over: bool
) -> None:
    one = reading(length_s)
    assert not one.is_over
    one.take([], heard_s)
    assert one.is_over is is_over


def test_an_utterance_without_samples_is_over_after_one_look() -> None:
    one = reading(0.0)
    one.take([], heard_s=0.0)
    assert one.is_over


def test_silence_is_heard_to_its_end_and_gives_nothing() -> None:
    doubtful = said(
        *text("Thank you."),
        avg_logprob=MIN_AVG_LOGPROB - 1,
        no_speech_prob=MIN_NO_SPEECH_PROB + 0.1,
    )
    assert spoken(doubtful, VOCABULARY, WINDOW_S) == ([], WINDOW_S)


@pytest.mark.parametrize("tokens", [(), (at(0), at(3)), (at(0), *text(" "), at(3))])
def test_a_hypothesis_without_text_gives_nothing(tokens: tuple[int, ...]) -> None:
    assert spoken(said(*tokens), VOCABULARY, WINDOW_S) == ([], WINDOW_S)


def test_spans_without_text_are_left_out() -> None:
    tokens = [at(0), *text("One."), at(2), at(2), at(3), at(3), *text("Two."), at(5)]
    spans, heard_s = spoken(said(*tokens), VOCABULARY, WINDOW_S)
    assert [VOCABULARY.text(span.tokens) for span in spans] == [" One.", " Two."]
    assert heard_s == WINDOW_S


def test_what_is_unfinished_is_heard_again() -> None:
    tokens = [at(0), *text("One."), at(2), at(2), *text("Tw")]
    spans, heard_s = spoken(said(*tokens), VOCABULARY, WINDOW_S)
    assert len(spans) == 1
    assert heard_s == 2.0


def spans_of(*words: str) -> list[TextSpan]:
    return [
        TextSpan(float(i), i + 1.0, (at(i), *text(word), at(i + 1))) for i, word in enumerate(words)
    ]


def even_times(n_tokens: int, probability: float = 0.5) -> TokenTimes:
    starts_s = tuple(i * 0.1 for i in range(n_tokens + 1))
    return TokenTimes(starts_s, (probability,) * n_tokens)


def test_segments_carry_the_scores_of_their_hypothesis() -> None:
    spans = spans_of("One.")
    hypothesis = said(*spans[0].tokens)
    options = RecognitionOptions(Task.TRANSCRIBE, "en")
    (one,) = segments_of(spans, hypothesis, VOCABULARY, options, None)
    assert (one.text, one.tokens, one.start_s, one.end_s) == (" One.", spans[0].tokens, 0.0, 1.0)
    assert (one.temperature, one.avg_logprob, one.no_speech_prob) == (0.2, -0.2, 0.01)
    assert one.compression_ratio == hypothesis.compression_ratio
    assert (one.words, one.token_scores) == ((), ())


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("scores", [True, False])
def test_words_and_scores_are_there_when_asked_for(words: bool, scores: bool) -> None:
    spans = spans_of("One two.", "Three.")
    options = RecognitionOptions(Task.TRANSCRIBE, "en", word_timestamps=words, token_scores=scores)
    times = even_times(len(text("One two.")) + len(text("Three.")))
    made = segments_of(spans, said(), VOCABULARY, options, times)
    spoken_words = [[word.text for word in one.words] for one in made]
    assert spoken_words == ([["One", "two."], ["Three."]] if words else [[], []])
    spelled = ["".join(score.text for score in one.token_scores) for one in made]
    assert spelled == ([" One two.", " Three."] if scores else ["", ""])


def test_each_segment_takes_the_times_of_its_own_tokens() -> None:
    spans = spans_of("One", "Two")
    options = RecognitionOptions(Task.TRANSCRIBE, "en", word_timestamps=True)
    first, second = segments_of(spans, said(), VOCABULARY, options, even_times(8))
    assert (first.words[0].start_s, first.words[0].end_s) == pytest.approx((0.0, 0.4))
    assert (second.words[0].start_s, second.words[0].end_s) == pytest.approx((0.4, 0.8))


@pytest.mark.parametrize(("probability", "logprob"), [(1.0, 0.0), (0.5, math.log(0.5))])
def test_a_score_is_the_logarithm_of_a_probability(probability: float, logprob: float) -> None:
    options = RecognitionOptions(Task.TRANSCRIBE, "en", token_scores=True)
    (one,) = segments_of(spans_of("a"), said(), VOCABULARY, options, even_times(2, probability))
    assert [score.logprob for score in one.token_scores] == pytest.approx([logprob] * 2)


def test_the_score_of_an_impossible_token_is_finite() -> None:
    options = RecognitionOptions(Task.TRANSCRIBE, "en", token_scores=True)
    (one,) = segments_of(spans_of("a"), said(), VOCABULARY, options, even_times(2, 0.0))
    assert all(math.isfinite(score.logprob) for score in one.token_scores)
