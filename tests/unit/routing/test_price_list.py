"""Rows, their order and their filters, over a few endpoints as a server might have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import pytest

from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.model import Capability
from loquent.domain.pricing import Price, PriceUnit
from loquent.routing.price_list import Feature, PriceQuery, PriceRow, price_list, standard_micros

TODAY = date(2026, 8, 1)
LISTEN, TRANSLATE = Capability.TRANSCRIPTION, Capability.TRANSLATION


def _endpoint(name: str, *prices: Price, does: Iterable[Capability] = (LISTEN,)) -> Endpoint:
    provider, model = name.split("/")
    return Endpoint(provider, model, model, frozenset(does), prices=prices, checked_on="2026-08")


DEAR = _endpoint("openai/whisper-1", Price(PriceUnit.MINUTE, 6_000, step_s=1), does=(LISTEN,))
CHEAP = _endpoint("groq/turbo", Price(PriceUnit.HOUR, 40_000, minimum_s=10))
BOTH = _endpoint("groq/large", Price(PriceUnit.HOUR, 111_000), does=(LISTEN, TRANSLATE))
FREE = _endpoint("local/whisper-base", does=(LISTEN, TRANSLATE))
VOICE = _endpoint(
    "openai/tts-1", Price(PriceUnit.MILLION_CHARACTERS, 15_000_000), does=(Capability.SPEECH,)
)
TOKENS = _endpoint(
    "openai/gpt-4o-transcribe",
    Price(PriceUnit.MILLION_AUDIO_TOKENS, 2_500_000),
    Price(PriceUnit.MILLION_OUTPUT_TOKENS, 10_000_000),
)
ALL = (VOICE, DEAR, TOKENS, BOTH, CHEAP, FREE)


def _ids(rows: Iterable[PriceRow]) -> list[str]:
    return [row.endpoint for row in rows]


def test_rows_go_by_feature_and_then_from_the_cheapest_on() -> None:
    rows = price_list(ALL, TODAY)
    assert [(row.feature, row.endpoint) for row in rows] == [
        (Feature.SPEECH_TO_TEXT, "local/whisper-base"),
        (Feature.SPEECH_TO_TEXT, "groq/turbo"),
        (Feature.SPEECH_TO_TEXT, "groq/large"),
        (Feature.SPEECH_TO_TEXT, "openai/gpt-4o-transcribe"),
        (Feature.SPEECH_TO_TEXT, "openai/gpt-4o-transcribe"),
        (Feature.SPEECH_TO_TEXT, "openai/whisper-1"),
        (Feature.TEXT_TO_SPEECH, "openai/tts-1"),
        (Feature.TRANSLATION, "local/whisper-base"),
        (Feature.TRANSLATION, "groq/large"),
    ]


def test_the_order_of_the_endpoints_does_not_matter() -> None:
    assert price_list(ALL, TODAY) == price_list(reversed(ALL), TODAY)


def test_units_of_all_kinds_are_compared_by_what_an_hour_costs() -> None:
    assert standard_micros(DEAR, Feature.SPEECH_TO_TEXT, TODAY) == 360_000
    assert standard_micros(CHEAP, Feature.SPEECH_TO_TEXT, TODAY) == 40_000
    # 36,000 tokens of sound and 12,000 of text.
    assert standard_micros(TOKENS, Feature.SPEECH_TO_TEXT, TODAY) == 90_000 + 120_000
    assert standard_micros(VOICE, Feature.TEXT_TO_SPEECH, TODAY) == 15_000_000


def test_a_row_says_all_that_a_bill_depends_on() -> None:
    (row,) = price_list([CHEAP], TODAY)
    assert row == PriceRow(
        feature=Feature.SPEECH_TO_TEXT,
        model="turbo",
        endpoint="groq/turbo",
        provider="groq",
        unit=PriceUnit.HOUR,
        micros=40_000,
        standard_micros=40_000,
        step_s=0.0,
        minimum_s=10,
        valid_from=None,
        valid_until=None,
        checked_on="2026-08",
        region="",
        eu_native=False,
    )


@pytest.mark.parametrize(
    ("micros", "price"),
    [
        (4_300, "0.0043"),
        (1, "0.000001"),
        (161_687, "0.161687"),
        (15_000_000, "15"),
        (100_000_000, "100"),
        (2_500_000, "2.5"),
    ],
)
def test_a_price_is_written_out_exactly(micros: int, price: str) -> None:
    (row,) = price_list([_endpoint("a/b", Price(PriceUnit.MINUTE, micros))], TODAY)
    assert row.price == price


def test_whoever_tells_speakers_is_listed_for_diarization() -> None:
    told = replace(DEAR, details=frozenset({Detail.SPEAKERS}))
    alone = _endpoint("local/pyannote", does=(Capability.DIARIZATION,))
    rows = price_list([told, alone, CHEAP], TODAY, PriceQuery(feature=Feature.DIARIZATION))
    assert _ids(rows) == ["local/pyannote", "openai/whisper-1"]


def test_what_costs_nothing_has_a_row_that_says_so() -> None:
    (heard,) = price_list([FREE], TODAY, PriceQuery(feature=Feature.SPEECH_TO_TEXT))
    assert (heard.unit, heard.price) == (PriceUnit.HOUR, "0")
    (spoken,) = price_list([_endpoint("local/kokoro", does=(Capability.SPEECH,))], TODAY)
    assert (spoken.unit, spoken.price) == (PriceUnit.MILLION_CHARACTERS, "0")


def test_only_lines_of_the_day_are_listed_and_counted() -> None:
    change = date(2026, 8, 1)
    old = Price(PriceUnit.HOUR, 200_000, valid_until=date(2026, 7, 31))
    new = Price(PriceUnit.HOUR, 100_000, valid_from=change)
    endpoint = _endpoint("a/b", old, new)
    before, after = price_list([endpoint], date(2026, 7, 31)), price_list([endpoint], change)
    assert [(row.micros, row.standard_micros) for row in before] == [(200_000, 200_000)]
    assert [(row.micros, row.standard_micros) for row in after] == [(100_000, 100_000)]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (PriceQuery(feature=Feature.TRANSLATION), ["local/whisper-base", "groq/large"]),
        (PriceQuery(provider="groq"), ["groq/turbo", "groq/large", "groq/large"]),
        (PriceQuery(model="whisper-1"), ["openai/whisper-1"]),
        (PriceQuery(model="groq/turbo"), ["groq/turbo"]),
        (PriceQuery(provider="groq", feature=Feature.TRANSLATION), ["groq/large"]),
        (PriceQuery(feature=Feature.REALTIME), []),
        (PriceQuery(model="turbo", provider="openai"), []),
    ],
)
def test_a_query_narrows_the_list(query: PriceQuery, ids: list[str]) -> None:
    assert _ids(price_list(ALL, TODAY, query)) == ids
