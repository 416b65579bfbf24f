"""Text is cut where a speaker pauses, and every language sounds, each clause with its mark."""
# ruff: noqa: RUF001 - signs of other scripts that look like Latin ones are meant as such

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.errors import EngineError
from loquent.engines.espeak.library import Espeak, espeak
from loquent.engines.espeak.phonemes import clauses, phonemised

MARKS = ".,;:!?…—"


@pytest.fixture
def library() -> Espeak:
    return espeak()


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith is here",
        "Mr. and Mrs. Jones",
        "J. R. R. Tolkien wrote it",
        "at 5 p.m. on Monday",
        "It is 3.14 or 1,000",
        "wir sehen uns z.B. heute",
        "am 3. Oktober",
    ],
)
def test_abbreviations_and_numbers_end_no_clause(text: str) -> None:
    assert list(clauses(text)) == [(text, "")]
    assert list(clauses(f"{text}.")) == [(text, ".")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world.", [("Hello", ","), ("world", ".")]),
        ("Really? Yes! Go.", [("Really", "?"), ("Yes", "!"), ("Go", ".")]),
        ("One: two; three", [("One", ":"), ("two", ";"), ("three", "")]),
        ("What?! Stop...", [("What", "?"), ("Stop", ".")]),
        ("Wait… What", [("Wait", "…"), ("What", "")]),
        ("Yes — no – perhaps", [("Yes", "—"), ("no", "—"), ("perhaps", "")]),
        ("你好，世界。", [("你好", ","), ("世界", ".")]),
        ("真的？好！", [("真的", "?"), ("好", "!")]),
        ("一、二；三：四", [("一", ","), ("二", ";"), ("三", ":"), ("四", "")]),
        ("नमस्ते। आप", [("नमस्ते", "."), ("आप", "")]),
        ("مرحبا، كيف؟", [("مرحبا", ","), ("كيف", "?")]),
    ],
)
def test_a_clause_ends_at_its_mark_which_is_written_as_models_know_it(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert list(clauses(text)) == expected


@given(st.text("abc .,;:!?—…。，", max_size=60))
def test_no_letter_is_lost_and_a_mark_is_one_that_models_know(text: str) -> None:
    found = list(clauses(text))
    letters = [sign for clause, _mark in found for sign in clause if sign.isalpha()]
    assert letters == [sign for sign in text if sign.isalpha()]
    assert all(mark == "" or mark in MARKS for _clause, mark in found)


def test_marks_are_kept_behind_the_sounds(library: Espeak) -> None:
    assert (
        phonemised(library, "Hello, world! Good?", "en").translate(
            {ord(sign): None for sign in "ˈˌː"}
        )
        == "həlo^ʊ, wɜld! ɡʊd?"
    )


def test_clauses_without_sound_leave_no_mark_behind(library: Espeak) -> None:
    assert phonemised(library, "... !", "en") == ""
    assert phonemised(library, "", "en") == ""


def test_an_abbreviation_is_read_in_full(library: Espeak) -> None:
    assert phonemised(library, "Dr. Smith", "en") == phonemised(library, "Doctor Smith", "en")


def test_a_word_of_another_language_leaves_no_note_of_it(library: Espeak) -> None:
    assert "(" in library.sounds("the word", "fr")
    assert "(" not in phonemised(library, "the word", "fr")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Good morning."),
        ("en-GB", "Good morning."),
        ("de", "Guten Morgen."),
        ("fr", "Bonjour."),
        ("es", "Buenos días."),
        ("it", "Buongiorno."),
        ("pt-BR", "Bom dia."),
        ("ru", "Доброе утро."),
        ("hi", "सुप्रभात।"),
        ("ja", "おはよう。"),
        ("zh", "早上好。"),
        ("ko", "안녕하세요."),
        ("ar", "صباح الخير."),
        ("tr", "Günaydın."),
        ("no", "God morgen."),
    ],
)
def test_many_languages_sound(library: Espeak, language: str, text: str) -> None:
    sounds = phonemised(library, text, language)
    assert sounds.endswith(".")
    assert sum(sign.isalpha() for sign in sounds) >= 4


def test_one_spelling_sounds_otherwise_in_every_language(library: Espeak) -> None:
    sounds = {library.sounds("national", code) for code in ("en", "en-gb", "de", "fr", "es")}
    assert len(sounds) == 5


@pytest.mark.parametrize("language", ["xx", "", "../../etc/passwd", "tlh"])
def test_a_language_that_espeak_does_not_know_is_an_engine_error(
    library: Espeak, language: str
) -> None:
    with pytest.raises(EngineError, match="language"):
        phonemised(library, "hello", language)


def test_after_an_unknown_language_the_next_call_works(library: Espeak) -> None:
    before = library.sounds("hello", "en")
    with pytest.raises(EngineError):
        library.sounds("hello", "xx")
    assert library.sounds("hello", "en") == before


def test_speaking_gives_sound_and_when_each_word_begins(library: Espeak) -> None:
    text = "one two three"
    library.speak("", "en", {})  # takes away what eSpeak keeps of the languages chosen before
    sound, words = library.speak(text, "en", {})
    assert [text[word.start : word.start + word.length] for word in words] == text.split()
    times_s = [word.time_s for word in words]
    assert times_s == sorted(set(times_s))
    assert times_s[-1] < len(sound) / library.sample_rate_hz
    assert abs(sound).max() > 1_000
