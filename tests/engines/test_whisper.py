"""What Whisper makes of real speech, one stretch at a time."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import numpy as np
import pytest

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, duration_s
from loquent.domain.transcript import Segment, Task
from loquent.engines.batch import Width
from loquent.ports import Recognition, RecognitionOptions
from tests.assets import SAMPLE_TEXT, clip, clip_text, sample
from tests.engines.weights import (
    ENGLISH_ONLY,
    MULTILINGUAL,
    character_error_rate,
    read,
    recognizer,
    samples_of,
    text_of,
    word_error_rate,
)

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engines")]

PLAIN = RecognitionOptions(Task.TRANSCRIBE, "en")
ANNOTATED = RecognitionOptions(Task.TRANSCRIBE, "en", word_timestamps=True, token_scores=True)
ANY_LANGUAGE = RecognitionOptions(Task.TRANSCRIBE, None)

MAX_WER = 0.2
"""Generous: what a broken decoder, prompt or feature exceeds by far."""


@pytest.fixture(scope="module")
def annotated() -> Recognition:
    return read(ENGLISH_ONLY, samples_of(sample()), ANNOTATED)[0]


@pytest.fixture(scope="module")
def chinese() -> Samples:
    return samples_of(clip("taiyi-zh"))


@pytest.mark.parametrize("model", [ENGLISH_ONLY, MULTILINGUAL])
@pytest.mark.parametrize("width", list(Width))
def test_a_sentence_is_understood(model: str, width: Width) -> None:
    (recognition,) = read(model, samples_of(sample()), ANY_LANGUAGE, width)
    assert word_error_rate(SAMPLE_TEXT, text_of(recognition)) <= MAX_WER
    assert recognition.language == "en"


def test_a_batch_answers_in_its_order() -> None:
    batch = [samples_of(clip("beckett")), samples_of(sample()), samples_of(clip("beckett"))]
    first, second, third = (text_of(one) for one in read(ENGLISH_ONLY, batch, PLAIN))
    assert word_error_rate(SAMPLE_TEXT, second) <= MAX_WER
    assert word_error_rate(clip_text("beckett"), first) <= MAX_WER
    assert first == third


def test_times_are_those_of_the_recording(annotated: Recognition) -> None:
    end_s = duration_s(samples_of(sample()))
    assert all(0.0 <= s.start_s < s.end_s <= end_s for s in annotated.segments)
    assert all(a.end_s <= b.start_s for a, b in pairwise(annotated.segments))


def test_words_are_those_of_the_text_and_follow_each_other(annotated: Recognition) -> None:
    words = [word for segment in annotated.segments for word in segment.words]
    assert " ".join(word.text for word in words) == text_of(annotated)
    assert all(word.start_s <= word.end_s for word in words)
    assert all(left.end_s <= right.start_s for left, right in pairwise(words))
    assert words[0].start_s >= 0.0
    assert words[-1].end_s <= duration_s(samples_of(sample()))
    assert all(0.0 < word.probability <= 1.0 for word in words)


def test_words_are_said_at_a_plausible_pace(annotated: Recognition) -> None:
    words = [word for segment in annotated.segments for word in segment.words]
    lengths_s = [word.end_s - word.start_s for word in words]
    assert 0.1 <= float(np.median(lengths_s)) <= 0.8
    assert words[-1].end_s - words[0].start_s >= 0.5 * duration_s(samples_of(sample()))


def test_words_stay_with_their_sound_when_silence_comes_first() -> None:
    quiet = np.zeros(3 * SAMPLE_RATE_HZ, np.float32)
    late = np.concatenate([quiet, samples_of(sample())])
    plain, shifted = (
        [
            word
            for segment in read(ENGLISH_ONLY, one, ANNOTATED)[0].segments
            for word in segment.words
        ]
        for one in (samples_of(sample()), late)
    )
    assert [word.text for word in plain] == [word.text for word in shifted]
    delays_s = [b.end_s - a.end_s for a, b in zip(plain, shifted, strict=True)]
    assert float(np.median(delays_s)) == pytest.approx(3.0, abs=0.3)


def test_token_scores_spell_the_text(annotated: Recognition) -> None:
    for segment in annotated.segments:
        assert b"".join(score.utf8 for score in segment.token_scores) == segment.text.encode()
        assert all(score.logprob <= 0.0 for score in segment.token_scores)


def test_token_scores_spell_characters_of_several_tokens(chinese: Samples) -> None:
    options = RecognitionOptions(Task.TRANSCRIBE, "zh", word_timestamps=True, token_scores=True)
    (recognition,) = read(MULTILINGUAL, chinese, options)
    for segment in recognition.segments:
        assert b"".join(score.utf8 for score in segment.token_scores).decode() == segment.text
        assert "".join(word.text for word in segment.words) == segment.text.strip()


def test_the_language_is_detected(chinese: Samples) -> None:
    heard, english = read(MULTILINGUAL, [chinese, samples_of(sample())], ANY_LANGUAGE)
    assert (heard.language, english.language) == ("zh", "en")
    assert character_error_rate(clip_text("taiyi-zh"), text_of(heard)) <= 0.7


def test_speech_is_translated_to_english(chinese: Samples) -> None:
    options = RecognitionOptions(Task.TRANSLATE, None)
    (recognition,) = read(MULTILINGUAL, chinese, options)
    text = text_of(recognition)
    assert recognition.language == "zh"
    assert text.isascii()
    assert len(text.split()) >= 4


def test_a_prompt_guides_the_spelling() -> None:
    samples = samples_of(sample())
    shouted = RecognitionOptions(Task.TRANSCRIBE, "en", prompt="SOME CALL ME SHOUTING. THEY DO.")
    (plain,) = read(MULTILINGUAL, samples, PLAIN)
    (guided,) = read(MULTILINGUAL, samples, shouted)
    assert text_of(guided) != text_of(plain)
    assert word_error_rate(SAMPLE_TEXT, text_of(guided)) <= MAX_WER
    assert guided.n_prompt_tokens > plain.n_prompt_tokens == 0


def test_hotwords_count_as_prompt() -> None:
    options = RecognitionOptions(Task.TRANSCRIBE, "en", hotwords="Mother Nature")
    (recognition,) = read(ENGLISH_ONLY, samples_of(sample()), options)
    assert recognition.n_prompt_tokens > 0
    assert word_error_rate(SAMPLE_TEXT, text_of(recognition)) <= MAX_WER


def test_decoding_without_temperature_is_deterministic() -> None:
    once, again = (read(ENGLISH_ONLY, samples_of(sample()), ANNOTATED)[0] for _ in range(2))
    assert _told(once) == _told(again)


def _told(recognition: Recognition) -> list[tuple[str, float, float, tuple[str, ...]]]:
    return [(s.text, s.start_s, s.end_s, _spoken(s)) for s in recognition.segments]


def _spoken(segment: Segment) -> tuple[str, ...]:
    return tuple(f"{word.text} {word.start_s:.2f}" for word in segment.words)


def test_sampling_understands_speech_too() -> None:
    options = RecognitionOptions(Task.TRANSCRIBE, "en", temperature=0.4)
    (recognition,) = read(ENGLISH_ONLY, samples_of(sample()), options)
    assert word_error_rate(SAMPLE_TEXT, text_of(recognition)) <= 0.5
    assert all(segment.temperature >= 0.4 for segment in recognition.segments)


def test_the_least_effort_understands_speech_too() -> None:
    options = RecognitionOptions(Task.TRANSCRIBE, "en", beam_size=1)
    (recognition,) = read(ENGLISH_ONLY, samples_of(sample()), options)
    assert word_error_rate(SAMPLE_TEXT, text_of(recognition)) <= MAX_WER


@pytest.mark.parametrize("length_s", [0.01, 0.1, 1.0])
def test_scraps_of_speech_are_no_error(length_s: float) -> None:
    scrap = samples_of(sample())[: round(length_s * SAMPLE_RATE_HZ)]
    (recognition,) = read(ENGLISH_ONLY, scrap, ANNOTATED)
    assert all(segment.end_s <= length_s for segment in recognition.segments)


def test_thirty_seconds_are_read_to_their_end() -> None:
    samples = samples_of(clip("two-cities"))[: 30 * SAMPLE_RATE_HZ]
    (recognition,) = read(ENGLISH_ONLY, samples, PLAIN)
    spoken, _period, _rest = clip_text("two-cities").partition("period")
    assert word_error_rate(spoken, text_of(recognition)) <= MAX_WER
    assert recognition.segments[-1].end_s >= 25.0


async def test_a_cancelled_call_ends_at_once_and_what_waited_is_not_read() -> None:
    whisper = recognizer(ENGLISH_ONLY)
    samples = samples_of(clip("two-cities"))[: 30 * SAMPLE_RATE_HZ]
    calls = [asyncio.ensure_future(whisper.recognize(samples, PLAIN)) for _ in range(20)]
    await asyncio.sleep(0)
    began_s = time.monotonic()
    for call in calls:
        call.cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert time.monotonic() - began_s < 0.5
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)
    recognition = await whisper.recognize(samples_of(sample()), PLAIN)
    assert word_error_rate(SAMPLE_TEXT, text_of(recognition)) <= MAX_WER
    assert time.monotonic() - began_s < 15.0
