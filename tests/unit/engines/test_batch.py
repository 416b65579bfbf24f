"""What may be decoded together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loquent.domain.transcript import Task
from loquent.engines.batch import Utterance
from loquent.ports import Lane, RecognitionOptions
from tests.fakes.fake_speech import silence

PLAIN = RecognitionOptions(Task.TRANSCRIBE, "en")


def key(options: RecognitionOptions) -> object:
    return Utterance(silence(1.0), options).batch_key


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAIN, task=Task.TRANSLATE),
        replace(PLAIN, language=None),
        replace(PLAIN, word_timestamps=True, token_scores=True),
        replace(PLAIN, lane=Lane.LONG, share="somebody"),
    ],
)
def test_what_does_not_change_the_search_shares_a_batch(other: RecognitionOptions) -> None:
    assert key(other) == key(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAIN, temperature=0.4),
        replace(PLAIN, beam_size=1),
        replace(PLAIN, best_of=1),
        replace(PLAIN, prompt="Loquent"),
        replace(PLAIN, hotwords="Loquent"),
    ],
)
def test_what_changes_the_search_does_not(other: RecognitionOptions) -> None:
    assert key(other) != key(PLAIN)


def test_an_utterance_lasts_as_long_as_its_samples() -> None:
    assert Utterance(silence(2.5), PLAIN).speech_s == 2.5
