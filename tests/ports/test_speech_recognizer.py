"""What every `SpeechRecognizer` promises, asked of each one there is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, duration_s
from loquent.domain.transcript import Task
from loquent.ports import RecognitionOptions, SpeechRecognizer
from tests.assets import sample
from tests.engines.weights import ENGLISH_ONLY, MULTILINGUAL, samples_of
from tests.engines.weights import recognizer as loaded
from tests.fakes.fake_speech import FakeRecognizer, Line, spoken

PLAIN = RecognitionOptions(Task.TRANSCRIBE, "en")

ADAPTERS = [
    pytest.param("fake"),
    *(
        pytest.param(model, marks=[pytest.mark.engine, pytest.mark.xdist_group("engines")])
        for model in (ENGLISH_ONLY, MULTILINGUAL)
    ),
]


@pytest.fixture(params=ADAPTERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def recognizer(name: str) -> SpeechRecognizer:
    return FakeRecognizer([Line("Some call me nature.")]) if name == "fake" else loaded(name)


@pytest.fixture
def speech(name: str) -> Samples:
    """Return an English sentence as the recognizer understands it."""
    return spoken(0, 5.0) if name == "fake" else samples_of(sample())


async def test_segments_are_sorted_and_inside_the_stretch(
    recognizer: SpeechRecognizer, speech: Samples
) -> None:
    recognition = await recognizer.recognize(speech, PLAIN)
    segments = recognition.segments
    assert segments
    assert [segment.id for segment in segments] == list(range(len(segments)))
    assert all(s.text.strip() for s in segments)
    assert all(0.0 <= s.start_s <= s.end_s <= duration_s(speech) for s in segments)
    assert all(left.end_s <= right.start_s for left, right in pairwise(segments))


async def test_it_speaks_the_language_that_was_asked_for_or_says_which_it_heard(
    recognizer: SpeechRecognizer, speech: Samples
) -> None:
    for language in ("en", None):
        options = RecognitionOptions(Task.TRANSCRIBE, language)
        assert (await recognizer.recognize(speech, options)).language == "en"


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("scores", [True, False])
async def test_words_and_token_scores_are_there_only_when_asked_for(
    recognizer: SpeechRecognizer, speech: Samples, words: bool, scores: bool
) -> None:
    options = replace(PLAIN, word_timestamps=words, token_scores=scores)
    for segment in (await recognizer.recognize(speech, options)).segments:
        assert bool(segment.words) is words
        assert bool(segment.token_scores) is scores
        assert all(word.text == word.text.strip() for word in segment.words)
        assert all(0.0 <= w.start_s <= w.end_s <= duration_s(speech) for w in segment.words)
        assert all(score.logprob <= 0.0 for score in segment.token_scores)
        spelled = b"".join(score.utf8 for score in segment.token_scores)
        assert spelled == (segment.text.encode() if scores else b"")


async def test_the_tokens_of_the_prompt_are_counted(
    recognizer: SpeechRecognizer, speech: Samples
) -> None:
    assert (await recognizer.recognize(speech, PLAIN)).n_prompt_tokens == 0
    prompted = replace(PLAIN, prompt="Some call me.", hotwords="Nature")
    assert (await recognizer.recognize(speech, prompted)).n_prompt_tokens >= 4


async def test_stretches_side_by_side_do_not_mix(
    recognizer: SpeechRecognizer, speech: Samples
) -> None:
    silence = np.zeros(SAMPLE_RATE_HZ, np.float32)
    alone = await recognizer.recognize(speech, PLAIN)
    first, _silence, second = await asyncio.gather(
        *(recognizer.recognize(samples, PLAIN) for samples in (speech, silence, speech))
    )
    texts = [[s.text for s in one.segments] for one in (alone, first, second)]
    assert texts[0] == texts[1] == texts[2]


async def test_a_cancelled_call_leaves_the_recognizer_usable(
    recognizer: SpeechRecognizer, speech: Samples
) -> None:
    call = asyncio.ensure_future(recognizer.recognize(speech, PLAIN))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await recognizer.recognize(speech, PLAIN)).segments


async def test_a_guess_begins_as_it_was_told_to(
    recognizer: SpeechRecognizer, speech: Samples
) -> None:
    draft = replace(PLAIN, is_draft=True, word_timestamps=True)
    (guess,) = (await recognizer.recognize(speech, draft)).segments
    first, second = guess.words[:2]
    prefix = guess.text[: guess.text.index(second.text) + len(second.text)]
    assert prefix.startswith(f" {first.text}")
    (again,) = (await recognizer.recognize(speech, replace(draft, prefix=prefix))).segments
    assert again.text.startswith(prefix)
    assert [word.text for word in again.words[:2]] == [first.text, second.text]
    assert again.words[-1].end_s <= duration_s(speech)


async def test_the_samples_are_left_as_they_are(
    recognizer: SpeechRecognizer, speech: Samples
) -> None:
    before = speech.copy()
    await recognizer.recognize(speech, PLAIN)
    np.testing.assert_array_equal(speech, before)
