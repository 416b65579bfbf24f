"""Guesses are read in few steps, believed only where they are plausible, and keep their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from loquent.domain.transcript import Task
from loquent.engines.whisper.context import MAX_CONTEXT_S, draft_context_s, max_draft_tokens
from loquent.engines.whisper.drafting import read_drafts
from loquent.engines.whisper.hypothesis import (
    LONG_PHRASE_TOKENS,
    MIN_AVG_LOGPROB,
    MIN_NO_SPEECH_PROB,
)
from loquent.engines.whisper.vocabulary import Vocabularies
from loquent.ports import Recognition
from tests.unit.engines.whisper.byte_tokens import save_byte_tokenizer
from tests.unit.engines.whisper.scripted_network import ScriptedNetwork, asked, text_of


@pytest.fixture
def vocabularies(tmp_path: Path) -> Vocabularies:
    save_byte_tokenizer(tmp_path)
    return Vocabularies(tmp_path, is_multilingual=True)


def test_a_guess_is_one_segment_of_words_with_times(vocabularies: Vocabularies) -> None:
    network = ScriptedNetwork([" hello there"])
    (guess,) = read_drafts(network, vocabularies, [asked(3.0)], is_exact=False)
    (segment,) = guess.segments
    assert (segment.text, segment.start_s, segment.end_s) == (" hello there", 0.0, 3.0)
    assert [word.text for word in segment.words] == ["hello", "there"]
    assert segment.words[0].end_s == segment.words[1].start_s == pytest.approx(0.6)
    assert all(token < 256 for token in segment.tokens)
    assert guess.language == "en"


def test_guesses_are_answered_in_their_order_however_they_are_grouped(
    vocabularies: Vocabularies,
) -> None:
    network = ScriptedNetwork([" one", " two", " three", " four"])
    batch = [asked(), asked(prompt="Loquent."), asked(language=None), asked(prompt="Aibrary.")]
    guesses = read_drafts(network, vocabularies, batch, is_exact=False)
    assert [text_of(guess) for guess in guesses] == [" one", " two", " three", " four"]
    assert [guess.language for guess in guesses] == ["en", "en", "zh", "en"]
    assert len(network.prompts) == 2
    for prompts in network.prompts:
        assert len({len(prompt) for prompt in prompts}) == 1


def test_a_guess_begins_as_it_was_told_to(vocabularies: Vocabularies) -> None:
    network = ScriptedNetwork([" hello there", " what"])
    batch = [asked(prefix=" hello"), asked()]
    read_drafts(network, vocabularies, batch, is_exact=False)
    english = vocabularies.of(Task.TRANSCRIBE, "en")
    assert network.prompts == [[english.untimed_prompt("")] * 2]
    assert network.beginnings == [[english.beginning(" hello"), []]]
    assert english.text(english.beginning(" hello")) == " hello"


def test_prompt_and_hotwords_stand_before_a_guess_without_timestamps(
    vocabularies: Vocabularies,
) -> None:
    english = vocabularies.of(Task.TRANSCRIBE, "en")
    prompt = english.untimed_prompt("Loquent.", "Aibrary")
    assert prompt[:-1] == english.prompt("Loquent.", "Aibrary")
    assert english.text(prompt) == " Aibrary Loquent."
    assert prompt[-1] not in english.prompt("Loquent.", "Aibrary")
    assert english.beginning("") == []


def test_guesses_are_greedy_and_no_longer_than_anybody_speaks(vocabularies: Vocabularies) -> None:
    network = ScriptedNetwork([" one", " two"])
    read_drafts(network, vocabularies, [asked(2.0), asked(5.0)], is_exact=False)
    (search,) = network.searches
    assert (search.temperature, search.beam_size, search.best_of) == (0.0, 1, 1)
    ((prompt, _),) = network.prompts
    assert search.max_tokens == len(prompt) + max_draft_tokens(5.0)


@pytest.mark.parametrize("is_exact", [True, False])
def test_guesses_are_heard_in_the_context_of_the_longest(
    vocabularies: Vocabularies, is_exact: bool
) -> None:
    network = ScriptedNetwork([" one", " two"])
    read_drafts(network, vocabularies, [asked(2.0), asked(14.0)], is_exact=is_exact)
    assert network.contexts_s == [MAX_CONTEXT_S if is_exact else draft_context_s(14.0)]


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(ScriptedNetwork([""]), id="nothing"),
        pytest.param(ScriptedNetwork([" um"], avg_logprob=MIN_AVG_LOGPROB - 0.1), id="unsure"),
        pytest.param(
            ScriptedNetwork(
                [" you"],
                avg_logprob=MIN_AVG_LOGPROB - 0.1,
                no_speech_prob=MIN_NO_SPEECH_PROB + 0.1,
            ),
            id="silence",
        ),
        pytest.param(ScriptedNetwork([" so, so, so,"]), id="a loop"),
        pytest.param(ScriptedNetwork([" thank you" * 40]), id="a long loop"),
        pytest.param(ScriptedNetwork([" see" + "x" * LONG_PHRASE_TOKENS * 2]), id="one letter"),
    ],
)
def test_what_is_not_plausible_is_no_guess(
    vocabularies: Vocabularies, network: ScriptedNetwork
) -> None:
    (guess,) = read_drafts(network, vocabularies, [asked()], is_exact=False)
    assert guess == Recognition("en", ())
    assert not network.n_aligned


def test_only_plausible_guesses_are_timed_those_of_one_language_at_once(
    vocabularies: Vocabularies,
) -> None:
    network = ScriptedNetwork([" one", "", " two", " three"])
    batch = [asked(), asked(), asked(language="de"), asked()]
    guesses = read_drafts(network, vocabularies, batch, is_exact=False)
    assert network.n_aligned == [2, 1]
    assert [text_of(guess) for guess in guesses] == [" one", "", " two", " three"]
