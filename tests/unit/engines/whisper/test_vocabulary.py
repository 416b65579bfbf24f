"""Prompts, words and bytes, in a vocabulary in which every byte is a token."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from loquent.domain.errors import ModelLoadError
from loquent.domain.transcript import Task
from loquent.engines.whisper.vocabulary import (
    MAX_HOTWORD_TOKENS,
    MAX_PROMPT_TOKENS,
    MAX_TOKENS,
    Vocabularies,
    Vocabulary,
)
from tests.unit.engines.whisper.byte_tokens import (
    CONTROL,
    N_BYTES,
    byte_tokenizer,
    save_byte_tokenizer,
)

FILE: Tokenizer = byte_tokenizer()

ENGLISH = Vocabulary(FILE, multilingual=True, task=Task.TRANSCRIBE, language="en")
CHINESE = Vocabulary(FILE, multilingual=True, task=Task.TRANSCRIBE, language="zh")

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"))


def ids(*names: str) -> list[int]:
    found = (FILE.token_to_id(f"<|{name}|>") for name in names)
    return [token for token in found if token is not None]


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_decoder_starts_with_language_and_task(task: Task, language: str) -> None:
    start = Vocabulary(FILE, multilingual=True, task=task, language=language).start
    assert start == ids("startoftranscript", language, task.value)


def test_weights_of_one_language_start_without_them() -> None:
    only = Vocabulary(FILE, multilingual=False, task=Task.TRANSCRIBE, language="en")
    assert only.start == ids("startoftranscript")


def test_control_tokens_are_never_said() -> None:
    never = ids("transcribe", "translate", "startoftranscript", "startofprev", "startoflm")
    assert {*never, *ids("nospeech")} <= set(ENGLISH.suppressed)
    assert ENGLISH.end_of_text not in ENGLISH.suppressed
    assert all(token < ENGLISH.first_timestamp for token in ENGLISH.suppressed)
    letters = ENGLISH.encode("words")[1:]
    assert not set(letters) & set(ENGLISH.suppressed)


def test_without_words_of_the_caller_the_prompt_is_the_start() -> None:
    assert ENGLISH.prompt("") == ENGLISH.prompt(" \n") == ENGLISH.start
    assert ENGLISH.n_prompt_tokens("") == 0


def test_a_prompt_stands_before_the_start_as_if_it_had_been_said() -> None:
    prompt = ENGLISH.prompt("Loquent.", "Aibrary")
    assert prompt[0] == ids("startofprev")[0]
    assert prompt[-len(ENGLISH.start) :] == ENGLISH.start
    assert ENGLISH.text(prompt[1 : -len(ENGLISH.start)]) == " Aibrary Loquent."


@given(st.text("abc ", max_size=600), st.text("xyz ", max_size=600))
def test_a_prompt_leaves_room_for_an_answer(text: str, hotwords: str) -> None:
    prompt = ENGLISH.prompt(text, hotwords)
    n_tokens = ENGLISH.n_prompt_tokens(text, hotwords)
    assert n_tokens <= MAX_PROMPT_TOKENS
    assert len(prompt) <= MAX_TOKENS // 2 + len(ENGLISH.start)
    assert prompt[-len(ENGLISH.start) :] == ENGLISH.start
    n_wanted = len(ENGLISH.encode(text)) + min(MAX_HOTWORD_TOKENS, len(ENGLISH.encode(hotwords)))
    assert n_tokens == min(MAX_PROMPT_TOKENS, n_wanted)


def test_of_too_long_a_prompt_the_end_is_kept_and_of_hotwords_the_beginning() -> None:
    long = "".join(chr(ord("a") + i % 26) for i in range(1_000))
    kept = ENGLISH.text(ENGLISH.prompt(long, long.upper()))
    expected = f" {long.upper()}"[:MAX_HOTWORD_TOKENS]
    assert kept == expected + long[-(MAX_PROMPT_TOKENS - MAX_HOTWORD_TOKENS) :]
    assert ENGLISH.text(ENGLISH.prompt(long)) == long[-MAX_PROMPT_TOKENS:]


@settings(deadline=None)
@given(ANY_TEXT)
def test_the_bytes_of_the_tokens_are_those_of_the_text(text: str) -> None:
    tokens = ENGLISH.encode(text)
    spoken = b"".join(ENGLISH.utf8(token) for token in tokens)
    assert spoken == (f" {text.strip()}".encode() if text.strip() else b"")
    assert ENGLISH.text(tokens) == spoken.decode()


def test_every_text_token_stands_for_its_own_byte() -> None:
    assert {ENGLISH.utf8(token) for token in range(N_BYTES)} == {
        bytes([value]) for value in range(256)
    }


def test_text_holds_neither_control_tokens_nor_timestamps() -> None:
    said = ENGLISH.encode("said")
    mixed = [ENGLISH.first_timestamp, *said, *ids("nospeech"), ENGLISH.first_timestamp + 50]
    assert ENGLISH.text(mixed) == " said"
    assert ENGLISH.text_tokens(mixed) == said


def test_the_latest_time_is_read_from_the_timestamps() -> None:
    zero = ENGLISH.first_timestamp
    assert ENGLISH.last_time_s([zero, 1, 2, zero + 150]) == pytest.approx(3.0)
    assert ENGLISH.last_time_s([1, 2]) == ENGLISH.last_time_s([]) == 0.0
    assert ids("0.00") == [zero]


@settings(deadline=None)
@given(ANY_TEXT)
@example("日本語 and Ünïcode 👩‍🚀!")
def test_words_hold_every_token_once(text: str) -> None:
    for vocabulary in (ENGLISH, CHINESE):
        tokens = vocabulary.encode(text)
        words = vocabulary.words(tokens)
        assert "".join(word.text for word in words) == vocabulary.text(tokens)
        assert sum(word.n_tokens for word in words) == len(tokens)


def test_words_are_split_at_spaces_or_into_characters() -> None:
    english = ENGLISH.words(ENGLISH.encode("two words"))
    assert [(word.text, word.n_tokens) for word in english] == [(" two", 4), (" words", 6)]
    chinese = CHINESE.words(CHINESE.encode("太乙"))
    assert [(word.text, word.n_tokens) for word in chinese] == [(" ", 1), ("太", 3), ("乙", 3)]


@given(st.lists(st.integers(0, N_BYTES - 1), max_size=12))
@example([156, 94])
def test_words_hold_every_token_even_where_a_character_was_not_finished(tokens: list[int]) -> None:
    for vocabulary in (ENGLISH, CHINESE):
        assert sum(word.n_tokens for word in vocabulary.words(tokens)) == len(tokens)


def test_a_vocabulary_is_made_once_for_each_task_and_language(tmp_path: Path) -> None:
    save_byte_tokenizer(tmp_path)
    known = Vocabularies(tmp_path, is_multilingual=True)
    english = known.of(Task.TRANSCRIBE, "en")
    assert known.of(Task.TRANSCRIBE, "en") is english
    assert known.of(Task.TRANSLATE, "en").start != english.start


@pytest.mark.parametrize("content", [None, "", "{}"])
def test_a_vocabulary_that_cannot_be_read_is_a_load_error(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ModelLoadError):
        Vocabularies(tmp_path, is_multilingual=True)


def test_the_control_tokens_of_these_tests_follow_the_text() -> None:
    assert [FILE.token_to_id(name) for name in CONTROL] == list(
        range(N_BYTES, N_BYTES + len(CONTROL))
    )
