"""What Whisper makes of speech that goes on: drafts, and what follows on what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, duration_s
from loquent.domain.transcript import Task
from loquent.ports import RecognitionOptions
from tests.assets import SAMPLE_TEXT, sample
from tests.engines.weights import (
    ENGLISH_ONLY,
    MULTILINGUAL,
    read,
    samples_of,
    text_of,
    word_error_rate,
)

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engines")]

FINAL = RecognitionOptions(Task.TRANSCRIBE, "en", word_timestamps=True, token_scores=True)
DRAFT = replace(FINAL, token_scores=False, is_draft=True)
MODELS = [ENGLISH_ONLY, MULTILINGUAL]

KNOWN, REST = "Some call me nature,", "others call me mother nature."
assert f"{KNOWN} {REST}" == SAMPLE_TEXT


@pytest.fixture(scope="module")
def speech() -> Samples:
    return samples_of(sample())


@pytest.fixture(scope="module")
def border_s(speech: Samples) -> float:
    """Where the known part ends: between its last word and the next one."""
    (whole,) = read(ENGLISH_ONLY, speech, FINAL)
    words = [word for segment in whole.segments for word in segment.words]
    n_known = len(KNOWN.split())
    return (words[n_known - 1].end_s + words[n_known].start_s) / 2


@pytest.mark.parametrize("model", MODELS)
def test_a_draft_holds_what_was_said_with_times(model: str, speech: Samples) -> None:
    (draft,) = read(model, speech, DRAFT)
    (segment,) = draft.segments
    assert word_error_rate(SAMPLE_TEXT, segment.text) <= 0.2
    assert [word.text for word in segment.words] == segment.text.split()
    assert 0 <= segment.words[0].start_s < segment.words[-1].end_s <= duration_s(speech)


@pytest.mark.parametrize("model", MODELS)
def test_a_draft_begins_as_it_is_told(model: str, speech: Samples) -> None:
    (draft,) = read(model, speech, replace(DRAFT, prefix=" Some call me Nate here,"))
    assert text_of(draft).strip().startswith("Some call me Nate here,")
    assert "mother nature" in text_of(draft).lower()


@pytest.mark.parametrize("model", MODELS)
def test_what_is_known_is_heard_and_not_returned(
    model: str, speech: Samples, border_s: float
) -> None:
    (rest,) = read(model, speech, replace(FINAL, known=f" {KNOWN}", known_s=border_s))
    assert word_error_rate(REST, text_of(rest)) <= 0.25
    words = [word for segment in rest.segments for word in segment.words]
    assert len(words) == len(REST.split())
    assert 0 <= words[0].start_s < words[-1].end_s <= duration_s(speech) - border_s + 0.1
    assert all(segment.start_s >= 0 for segment in rest.segments)
    said = "".join(score.text for segment in rest.segments for score in segment.token_scores)
    assert said == "".join(segment.text for segment in rest.segments)


@pytest.mark.parametrize("model", MODELS)
def test_where_what_is_known_misleads_the_rest_is_heard_alone(
    model: str, speech: Samples, border_s: float
) -> None:
    options = replace(FINAL, known=f" {SAMPLE_TEXT}", known_s=border_s)
    (rest,) = read(model, speech, options)
    assert "mother nature" in text_of(rest).lower()


def test_a_batch_may_know_different_things(speech: Samples, border_s: float) -> None:
    cut = round(border_s * SAMPLE_RATE_HZ)
    batch = [speech, speech[cut:]]
    options = replace(FINAL, known=f" {KNOWN}", known_s=border_s)
    first, _second = read(MULTILINGUAL, batch, options)
    assert word_error_rate(REST, text_of(first)) <= 0.25
