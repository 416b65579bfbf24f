"""The scripts of texts, and who is thought to read them."""
# ruff: noqa: RUF001 - letters of other scripts look like Latin ones

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.api.sample_sentences import SAMPLE_SENTENCES
from loquent.domain.scripts import LANGUAGE_OF_SCRIPT, LATIN, can_read, main_script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Guten Morgen", LATIN),
        ("Доброе утро", "CYRILLIC"),
        ("안녕하세요", "HANGUL"),
        ("早上好", "CJK"),
        ("おはよう", "HIRAGANA"),
        ("コーヒー", "KATAKANA"),
        ("Καλημέρα", "GREEK"),
        ("नमस्ते", "DEVANAGARI"),
    ],
)
def test_a_text_has_the_script_of_its_letters(text: str, script: str) -> None:
    assert main_script(text) == script


@pytest.mark.parametrize("text", ["", "   ", "42, 43!", "😀😀", "—…?!", "\u0301"])
def test_a_text_without_letters_counts_as_latin(text: str) -> None:
    assert main_script(text) == LATIN


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("The word да means yes", LATIN),
        ("Слово yes значит да", "CYRILLIC"),
        ("2024年の東京都", "HIRAGANA"),
        ("東京タワー", "HIRAGANA"),
    ],
)
def test_the_script_of_most_letters_counts_and_kana_make_chinese_characters_japanese(
    text: str, script: str
) -> None:
    assert main_script(text) == script


@pytest.mark.parametrize("text", ["5 µm", "1ª", "ｈｅｌｌｏ", "𝐇𝐢", "ｱｲｳ", "300 \u212a"])
def test_compatible_forms_of_letters_count_as_those_letters(text: str) -> None:
    assert main_script(text) in LANGUAGE_OF_SCRIPT


@given(st.text(max_size=50))
def test_any_text_has_one_script_whatever_it_is_repeated(text: str) -> None:
    assert main_script(text)
    assert main_script(" ".join([text] * 3)) == main_script(text)


@pytest.mark.parametrize("language", sorted(SAMPLE_SENTENCES))
def test_a_sentence_of_a_language_is_in_a_script_that_it_is_read_in(language: str) -> None:
    assert can_read(language, main_script(SAMPLE_SENTENCES[language]))


@pytest.mark.parametrize(("script", "language"), sorted(LANGUAGE_OF_SCRIPT.items()))
def test_the_usual_language_of_a_script_is_written_so(script: str, language: str) -> None:
    assert can_read(language, script)


@pytest.mark.parametrize(
    ("language", "script"),
    [
        ("uk", "CYRILLIC"),
        ("fa", "ARABIC"),
        ("mr", "DEVANAGARI"),
        ("ja", "CJK"),
        ("yue", "CJK"),
        ("sr", LATIN),
        ("sr", "CYRILLIC"),
        ("vi", LATIN),
        ("tlh", LATIN),
    ],
)
def test_a_language_is_written_in_its_scripts(language: str, script: str) -> None:
    assert can_read(language, script)


@pytest.mark.parametrize(
    ("language", "script"),
    [("en", "CJK"), ("zh", "HIRAGANA"), ("ru", LATIN), ("ko", "CJK"), ("de", "CYRILLIC")],
)
def test_a_language_is_not_written_in_others(language: str, script: str) -> None:
    assert not can_read(language, script)


@pytest.mark.parametrize(
    ("language", "text"),
    [("or", "ଶୁଭ ସକାଳ"), ("ba", "Хәйерле иртә"), ("ti", "ከመይ ሓዲርካ")],
)
def test_further_languages_of_the_stand_in_are_written_in_their_scripts(
    language: str, text: str
) -> None:
    assert can_read(language, main_script(text))
