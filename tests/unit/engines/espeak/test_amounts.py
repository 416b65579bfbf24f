"""Sums of money are read as people say them, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.espeak.amounts import with_spoken_amounts


@pytest.mark.parametrize(
    ("written", "language", "spoken"),
    [
        ("It costs $3.50.", "en-US", "It costs 3 dollars 50."),
        ("$1", "en-GB", "1 dollar"),
        ("$1,200 and £5.99", "en", "1200 dollars and 5 pounds 99"),
        ("$1,234,567.89!", "en", "1234567 dollars 89!"),
        ("€20.00, ¥100", "en", "20 euros, 100 yen"),
        ("Das kostet 3,50 €.", "de", "Das kostet 3 Euro 50."),
        ("1.200 €", "de", "1200 Euro"),
        ("Cuesta $3.50", "es", "Cuesta 3 dólares con 50"),
        ("2,05€", "it", "2 euro e 5"),
    ],
)
def test_amounts_are_spoken(written: str, language: str, spoken: str) -> None:
    assert with_spoken_amounts(written, language) == spoken


@pytest.mark.parametrize(
    "text", ["3.14 and 1,000", "cash $ only", "$3.14159", "US$", "version 1.2.3", "$"]
)
def test_other_writing_stays(text: str) -> None:
    assert with_spoken_amounts(text, "en") == text


def test_languages_without_words_for_money_stay() -> None:
    assert with_spoken_amounts("$3.50", "hi") == "$3.50"


@given(st.text(st.sampled_from("$€£ 0123456789.,a"), max_size=30), st.sampled_from(["en", "de"]))
def test_no_digit_but_a_leading_zero_of_the_hundredths_is_lost(text: str, language: str) -> None:
    kept = with_spoken_amounts(text, language)
    assert [d for d in kept if d in "123456789"] == [d for d in text if d in "123456789"]
