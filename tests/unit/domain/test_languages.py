"""The languages by code and by name."""

from __future__ import annotations

import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.errors import UnsupportedOptionError
from loquent.domain.languages import LANGUAGES, name_of, parse_language


def test_the_table_holds_exactly_the_languages_of_the_model() -> None:
    assert set(LANGUAGES) == set(_LANGUAGE_CODES)


def test_names_are_lower_case_and_distinct() -> None:
    assert all(name == name.lower() for name in LANGUAGES.values())
    assert len(set(LANGUAGES.values())) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("code", "name"),
    [("en", "english"), ("haw", "hawaiian"), ("jw", "javanese"), ("jv", "javanese")],
)
def test_a_code_has_its_english_name(code: str, name: str) -> None:
    assert name_of(code) == name


def test_an_unknown_code_is_its_own_name() -> None:
    assert name_of("tlh") == "tlh"


@given(st.sampled_from(sorted(LANGUAGES)), st.booleans())
def test_every_code_parses_in_any_case(code: str, is_upper: bool) -> None:
    assert parse_language(f" {code.upper() if is_upper else code} ") == code


def test_the_iso_code_of_javanese_becomes_the_one_of_the_vocabulary() -> None:
    assert parse_language("jv") == "jw"


@pytest.mark.parametrize(
    ("text", "code"),
    [("english", "en"), ("German", "de"), ("en-US", "en"), ("pt_BR", "pt"), ("engish", "en")],
)
def test_a_near_miss_names_the_code_that_was_meant(text: str, code: str) -> None:
    with pytest.raises(UnsupportedOptionError, match=f"Did you mean '{code}'") as caught:
        parse_language(text)
    assert caught.value.param == "language"
    assert caught.value.code == "unsupported_value"


def test_a_refusal_lists_the_valid_codes() -> None:
    with pytest.raises(UnsupportedOptionError, match="af, am, ar") as caught:
        parse_language("klingon")
    assert "Did you mean" not in caught.value.message


@given(st.text(max_size=2000))
def test_any_text_gives_a_code_or_a_short_refusal(text: str) -> None:
    try:
        answer = parse_language(text)
    except UnsupportedOptionError as refusal:
        answer = refusal.message
    assert len(answer) < 1000
