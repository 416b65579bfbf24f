"""Money by hand: units, steps, minimums and dates, and that more audio never costs less."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.pricing import Consumption, Price, PriceUnit, price_micros

TODAY = date(2026, 8, 1)

_PER_AUDIO = st.sampled_from([PriceUnit.SECOND, PriceUnit.MINUTE, PriceUnit.HOUR])
_MICROS = st.integers(min_value=0, max_value=10**9)
_LINES = st.builds(
    Price,
    unit=_PER_AUDIO,
    micros=_MICROS,
    step_s=st.sampled_from([0.0, 0.5, 1.0, 15.0, 60.0]),
    minimum_s=st.sampled_from([0.0, 10.0, 15.0]),
)
_LENGTHS_S = st.floats(min_value=0, max_value=10 * 3600, allow_nan=False)


def _heard(price: Price, audio_s: float) -> int:
    return price_micros([price], Consumption(audio_s=audio_s), TODAY)


@pytest.mark.parametrize(
    ("price", "audio_s", "micros"),
    [
        # Groq: 0.04 USD an hour, and nothing is shorter than 10 s.
        (Price(PriceUnit.HOUR, 40_000, minimum_s=10), 3, 111),
        (Price(PriceUnit.HOUR, 40_000, minimum_s=10), 10, 111),
        (Price(PriceUnit.HOUR, 40_000, minimum_s=10), 9 * 3600, 360_000),
        # Deepgram: 0.0043 USD a minute.
        (Price(PriceUnit.MINUTE, 4_300), 60, 4_300),
        (Price(PriceUnit.MINUTE, 4_300), 90, 6_450),
        (Price(PriceUnit.MINUTE, 4_300), 1, 72),
        # OpenAI: 0.006 USD a minute, seconds rounded up.
        (Price(PriceUnit.MINUTE, 6_000, step_s=1), 0.1, 100),
        (Price(PriceUnit.MINUTE, 6_000, step_s=1), 9.14, 1_000),
        # Started blocks of 15 s.
        (Price(PriceUnit.MINUTE, 24_000, step_s=15), 15, 6_000),
        (Price(PriceUnit.MINUTE, 24_000, step_s=15), 15.001, 12_000),
        (Price(PriceUnit.MINUTE, 24_000, step_s=15), 0, 0),
        # A minimum is rounded up to whole steps as well.
        (Price(PriceUnit.SECOND, 100, step_s=15, minimum_s=20), 1, 3_000),
        (Price(PriceUnit.SECOND, 100), 1.5, 150),
    ],
)
def test_audio_costs_what_the_price_list_says(price: Price, audio_s: float, micros: int) -> None:
    assert _heard(price, audio_s) == micros


@pytest.mark.parametrize(("audio_s", "micros"), [(0.499, 0), (0.5, 1), (1.499, 1), (1.5, 2)])
def test_half_a_micro_is_rounded_up(audio_s: float, micros: int) -> None:
    assert _heard(Price(PriceUnit.SECOND, 1), audio_s) == micros


def test_lines_are_added_before_they_are_rounded() -> None:
    thirds = [Price(PriceUnit.MINUTE, 20), Price(PriceUnit.MINUTE, 20)]
    assert price_micros(thirds, Consumption(audio_s=1), TODAY) == 1
    assert price_micros(thirds[:1], Consumption(audio_s=1), TODAY) == 0


@pytest.mark.parametrize(
    ("unit", "consumption", "micros"),
    [
        (PriceUnit.REQUEST, Consumption(), 15_000_000),
        (PriceUnit.MILLION_CHARACTERS, Consumption(n_characters=4_096), 61_440),
        (PriceUnit.MILLION_TEXT_TOKENS, Consumption(n_text_tokens=1), 15),
        (PriceUnit.MILLION_AUDIO_TOKENS, Consumption(n_audio_tokens=600), 9_000),
        (PriceUnit.MILLION_OUTPUT_TOKENS, Consumption(n_output_tokens=200), 3_000),
    ],
)
def test_each_unit_counts_its_own_thing(
    unit: PriceUnit, consumption: Consumption, micros: int
) -> None:
    assert price_micros([Price(unit, 15_000_000)], consumption, TODAY) == micros
    if unit is not PriceUnit.REQUEST:
        assert price_micros([Price(unit, 15_000_000)], Consumption(), TODAY) == 0


def test_tokens_of_a_minute_are_the_sum_of_what_went_in_and_came_out() -> None:
    lines = [
        Price(PriceUnit.MILLION_AUDIO_TOKENS, 2_500_000),
        Price(PriceUnit.MILLION_TEXT_TOKENS, 2_500_000),
        Price(PriceUnit.MILLION_OUTPUT_TOKENS, 10_000_000),
    ]
    minute = Consumption(audio_s=60, n_audio_tokens=600, n_text_tokens=10, n_output_tokens=200)
    assert price_micros(lines, minute, TODAY) == 1_500 + 25 + 2_000


def test_nothing_is_charged_without_a_price() -> None:
    assert price_micros([], Consumption(audio_s=3_600), TODAY) == 0


@pytest.mark.parametrize(
    ("day", "micros"),
    [(date(2026, 7, 31), 7_700), (date(2026, 8, 1), 4_800), (date(2026, 12, 31), 4_800)],
)
def test_the_line_of_the_day_is_in_force(day: date, micros: int) -> None:
    change = date(2026, 8, 1)
    old = Price(PriceUnit.MINUTE, 7_700, valid_until=change - timedelta(days=1))
    new = Price(PriceUnit.MINUTE, 4_800, valid_from=change)
    assert price_micros([old, new], Consumption(audio_s=60), day) == micros


@given(_LINES, _LENGTHS_S, _LENGTHS_S)
def test_more_audio_never_costs_less(price: Price, one_s: float, other_s: float) -> None:
    shorter_s, longer_s = sorted((one_s, other_s))
    assert _heard(price, shorter_s) <= _heard(price, longer_s)


@given(_LINES, st.integers(min_value=10, max_value=600))
def test_whole_minutes_cost_whole_multiples_wherever_a_step_divides_them(
    price: Price, n_minutes: int
) -> None:
    per_minute = replace(price, unit=PriceUnit.MINUTE)
    cost = _heard(per_minute, n_minutes * 60)
    assert cost == n_minutes * price.micros
    assert type(cost) is int


@given(_LINES, _LENGTHS_S)
def test_steps_and_minimums_only_ever_add(price: Price, audio_s: float) -> None:
    assert _heard(price, audio_s) >= _heard(replace(price, step_s=0, minimum_s=0), audio_s)
