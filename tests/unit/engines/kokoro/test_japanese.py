"""Katakana as it is pronounced becomes the signs of Kokoro's training."""
# ruff: noqa: RUF001 - letters of the phonetic alphabet look like others

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.kokoro.japanese import signs
from loquent.engines.kokoro.symbols import known


@pytest.mark.parametrize(
    ("reading", "spoken"),
    [
        ("キョー", "kʲoː"),
        ("テンキ", "teŋkʲi"),
        ("ガッコー", "ɡaʔkoː"),
        ("シンブン", "ɕimbɯɴ"),
        ("オンナ", "onna"),
        ("ティー", "tʲiː"),
        ("ウィスキー", "βisɨkʲiː"),
        ("クォーツ", "kᵝoːʦɨ"),
        ("ジュース", "ʥɨːsɨ"),
        ("ファン", "ɸaɴ"),
        ("ニャ", "ɲa"),
        ("フュ", "ɸʲɨ"),
        ("ワヲン", "βaoɴ"),
        ("ヤユヨ", "jajɯjo"),
    ],
)
def test_readings(reading: str, spoken: str) -> None:
    assert signs(reading) == spoken


@given(st.text(st.characters(min_codepoint=0x30A1, max_codepoint=0x30FC), max_size=20))
def test_every_sign_is_one_that_the_model_knows(reading: str) -> None:
    spoken = signs(reading)
    assert known(spoken) == spoken
