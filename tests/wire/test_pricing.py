"""The price list over the wire: filters, order, exact amounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from loquent.api.app import ApiOptions
from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.model import Capability
from loquent.domain.pricing import Price, PriceUnit
from tests.unit.routing.places import TODAY, per_hour, place
from tests.wire.conftest import KEY
from tests.wire.envelopes import assert_envelope
from tests.wire.routed import Places, routed

HEARS = Capability.TRANSCRIPTION
PLAIN = frozenset({Detail.LANGUAGE})
CHEAP = place("near", "large", HEARS, details=PLAIN, prices=per_hour(40_001))
DEAR = place("far", "large", HEARS, details=PLAIN, prices=per_hour(360_000))
TALKS = place(
    "far",
    "voice",
    Capability.SPEECH,
    details=PLAIN,
    prices=(Price(PriceUnit.MILLION_CHARACTERS, 15_000_000),),
)
EVERYWHERE = (DEAR, TALKS, CHEAP)


async def listed(
    *endpoints: Endpoint, path: str = "/v1/pricing", **query: str
) -> list[dict[str, Any]]:
    async with routed(Places(endpoints)) as http:
        response = await http.get(path, params=query)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["object"], answer["currency"]) == ("list", "USD")
    return list(answer["data"])


def ids(lines: list[dict[str, Any]]) -> list[str]:
    return [line["endpoint"] for line in lines]


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
async def test_the_cheapest_of_each_feature_comes_first(prefix: str) -> None:
    lines = await listed(*EVERYWHERE, path=f"{prefix}/pricing")
    features = list(dict.fromkeys(line["feature"] for line in lines))
    assert features[:2] == ["speech_to_text", "text_to_speech"]
    heard = ids([line for line in lines if line["feature"] == "speech_to_text"])
    assert heard[-2:] == ["near/large", "far/large"]
    assert {id_.partition("/")[0] for id_ in heard[:-2]} == {"local"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"feature": "text_to_speech"}, ["far/voice"]),
        ({"model": "large"}, ["near/large", "far/large"]),
        ({"model": "far/large"}, ["far/large"]),
        ({"provider": "far"}, ["far/large", "far/voice"]),
        ({"provider": "far", "feature": "speech_to_text"}, ["far/large"]),
        ({"provider": "far", "model": "near/large"}, []),
        ({"model": "nothing"}, []),
        ({"provider": "nobody"}, []),
    ],
)
async def test_the_list_is_filtered(query: dict[str, str], found: list[str]) -> None:
    assert ids(await listed(*EVERYWHERE, **query)) == found


@pytest.mark.parametrize("prefix", ["/v1", "/v0"])
async def test_a_feature_that_does_not_exist_is_refused_naming_those_that_do(prefix: str) -> None:
    async with routed(Places()) as http:
        response = await http.get(f"{prefix}/pricing", params={"feature": "flying"})
    error = assert_envelope(response, 422 if prefix == "/v0" else 400)
    assert error["param"] == "feature"
    assert "'speech_to_text'" in error["message"]


@pytest.mark.parametrize(
    ("micros", "price"),
    [
        (0, "0"),
        (1, "0.000001"),
        (100_000, "0.1"),
        (360_000, "0.36"),
        (15_000_000, "15"),
        (123_456_789, "123.456789"),
        (10**15 + 1, "1000000000.000001"),
    ],
)
async def test_amounts_are_exact_decimals(micros: int, price: str) -> None:
    endpoint = replace(CHEAP, prices=per_hour(micros))
    (line,) = await listed(endpoint, provider="near")
    assert line["price"] == price
    assert Decimal(line["price"]) * 1_000_000 == micros


async def test_a_line_says_everything_that_is_stated_of_it() -> None:
    price = Price(PriceUnit.MINUTE, 4_300, HEARS, 15.0, 10.0, date(2026, 1, 1), date(2026, 12, 31))
    endpoint = replace(
        CHEAP, prices=(price,), region="eu-fr", eu_native=True, checked_on="2026-08-01"
    )
    (line,) = await listed(endpoint, provider="near")
    assert line == {
        "feature": "speech_to_text",
        "model": "large",
        "endpoint": "near/large",
        "provider": "near",
        "unit": "minute",
        "price": "0.0043",
        "standard_price": "0.258",
        "billed_in_steps_of_seconds": 15.0,
        "minimum_seconds": 10.0,
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
        "checked_on": "2026-08-01",
        "region": "eu-fr",
        "eu_native": True,
    }


async def test_only_lines_that_hold_today_are_listed() -> None:
    past = Price(PriceUnit.HOUR, 1, valid_until=date(2026, 10, 31))
    now = Price(PriceUnit.HOUR, 2, valid_from=TODAY, valid_until=TODAY)
    future = Price(PriceUnit.HOUR, 3, valid_from=date(2026, 11, 2))
    (line,) = await listed(replace(CHEAP, prices=(past, now, future)), provider="near")
    assert line["price"] == "0.000002"


async def test_models_of_this_server_are_free_unless_told_otherwise() -> None:
    lines = await listed(provider="local")
    assert {line["price"] for line in lines} == {"0"}
    assert {line["feature"] for line in lines} >= {"speech_to_text", "translation", "realtime"}


async def test_prices_are_in_the_currency_of_the_operator() -> None:
    async with routed(Places(), ApiOptions(api_key=KEY, currency="EUR")) as http:
        assert (await http.get("/v1/pricing")).json()["currency"] == "EUR"
