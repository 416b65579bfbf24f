"""Chinese is read in the sounds and tones that Kokoro knows, and numbers as one says them."""
# ruff: noqa: RUF001 - signs of other scripts that look like Latin ones are meant as such

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.kokoro.mandarin import is_han, mandarin, number, with_spoken_numbers
from loquent.engines.kokoro.symbols import known

DIGITS = "零一二三四五六七八九"
UNITS = {"十": 10, "百": 100, "千": 1_000}
GROUPS = {"万": 10_000, "亿": 100_000_000}


def value_of(written: str) -> int:
    """Read a number as it is said."""
    whole = section = 0
    digit: int | None = None
    for sign in written:
        if sign in GROUPS:
            whole = (whole + section + (digit or 0)) * GROUPS[sign] if whole == 0 else whole
            section, digit = 0, None
        elif sign in UNITS:
            section += (1 if digit is None else digit or 1) * UNITS[sign]
            digit = None
        else:
            digit = DIGITS.index(sign)
    return whole + section + (digit or 0)


@pytest.mark.parametrize(
    ("digits", "written"),
    [
        ("0", "零"),
        ("7", "七"),
        ("10", "十"),
        ("11", "十一"),
        ("20", "二十"),
        ("21", "二十一"),
        ("100", "一百"),
        ("101", "一百零一"),
        ("110", "一百一十"),
        ("115", "一百一十五"),
        ("1000", "一千"),
        ("1001", "一千零一"),
        ("1010", "一千零一十"),
        ("2024", "二千零二十四"),
        ("10000", "一万"),
        ("10001", "一万零一"),
        ("10500", "一万零五百"),
        ("12345", "一万二千三百四十五"),
        ("100000", "十万"),
        ("110000", "十一万"),
        ("10000001", "一千万零一"),
        ("100000000", "一亿"),
        ("100000001", "一亿零一"),
        ("100010000", "一亿零一万"),
        ("1000000000000", "一万亿"),
    ],
)
def test_a_number_is_written_as_one_says_it(digits: str, written: str) -> None:
    assert number(digits) == written


@pytest.mark.parametrize("digits", ["007", "00", "0123", "1" * 17, "1" + "0" * 16])
def test_a_code_or_a_very_long_number_is_read_digit_by_digit(digits: str) -> None:
    assert number(digits) == "".join(DIGITS[int(digit)] for digit in digits)


@pytest.mark.parametrize(("digits", "plain"), [("１２", "12"), ("٣٤", "34"), ("०७", "07")])
def test_digits_of_other_scripts_are_numbers_too(digits: str, plain: str) -> None:
    assert number(digits) == number(plain)


@given(st.integers(0, 99_999_999))
def test_what_is_written_is_worth_the_number(value: int) -> None:
    assert value_of(number(str(value))) == value


@given(st.integers(0, 10**16 - 1))
def test_a_number_says_zero_once_and_never_at_its_end(value: int) -> None:
    written = number(str(value))
    assert "零零" not in written
    assert written == "零" or not written.endswith("零")
    assert not written.startswith("一十")


@pytest.mark.parametrize(
    ("character", "signs"),
    [("妈", "ma→"), ("麻", "ma↗"), ("马", "ma↓"), ("骂", "ma↘"), ("吗", "ma")],
)
def test_every_tone_has_its_sign_and_the_neutral_one_has_none(character: str, signs: str) -> None:
    assert mandarin(character) == signs


@pytest.mark.parametrize(
    ("characters", "signs"),
    [
        ("知", "\uab67ɨ→"),
        ("资", "ʦɨ→"),
        ("日", "ɻɨ↘"),
        ("西", "ɕi→"),
        ("绿", "ly↘"),
        ("路", "lu↘"),
        ("学", "ɕɥe↗"),
        ("月", "ɥe↘"),
        ("我", "wo↓"),
        ("儿", "ɚ↗"),
        ("爱", "ai↘"),
        ("床", "\uab67ʰwa↗ŋ"),
    ],
)
def test_syllables_are_written_as_kokoro_learned_them(characters: str, signs: str) -> None:
    assert mandarin(characters) == signs


@pytest.mark.parametrize(("phrase", "signs"), [("银行", "i↗nxa↗ŋ"), ("行人", "ɕi↗ŋɻə↗n")])
def test_a_character_of_several_sounds_is_read_by_its_word(phrase: str, signs: str) -> None:
    assert mandarin(phrase) == signs


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("有100001000人", "有一亿零一千人"),
        ("1,000元", "一千元"),
        ("3.05元", "三点零五元"),
        ("①你好", "①你好"),
    ],
)
def test_numbers_in_a_text_are_written_as_they_are_said(text: str, spoken: str) -> None:
    assert with_spoken_numbers(text) == spoken


@given(st.integers(0, 10**12))
def test_digits_sound_as_the_number_that_they_are(value: int) -> None:
    assert with_spoken_numbers(str(value)) == number(str(value))


@pytest.mark.parametrize("text", ["今天天气很好我们去公园散步吧", "他说中国的经济发展得很快", "嗯"])
def test_the_model_knows_every_sign(text: str) -> None:
    signs = mandarin(text)
    assert signs
    assert known(signs) == signs


@pytest.mark.parametrize("character", "中〇龍㐀豈")
def test_chinese_characters_are_told_from_others(character: str) -> None:
    assert is_han(character)


@pytest.mark.parametrize("character", "aé1。かア한 ，")
def test_other_characters_are_no_chinese_ones(character: str) -> None:
    assert not is_han(character)
