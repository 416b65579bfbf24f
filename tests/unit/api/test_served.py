"""What headers tell of who served, and at which price."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.api.served import consumption_of, in_units, price_header, served_headers
from loquent.domain.endpoints import Attempt, Detail, Endpoint, Served
from loquent.domain.model import Capability
from loquent.domain.pricing import Consumption, Price, PriceUnit
from loquent.domain.transcript import Task, TokenCount, Transcript
from tests.fakes.fake_transcriber import HELLO
from tests.unit.routing.places import per_hour, place

HEARING, SPEAKING = Capability.TRANSCRIPTION, Capability.SPEECH

PER_CHARACTERS, PER_TOKENS = PriceUnit.MILLION_CHARACTERS, PriceUnit.MILLION_AUDIO_TOKENS


def served(endpoint: Endpoint | None = None) -> Served:
    return Served(endpoint or place("near"), (Attempt("near/large", "ok", 0.5),))


def priced(consumption: Consumption, *prices: Price) -> str | None:
    headers = price_header(served(place("near", prices=prices)), HEARING, consumption, "EUR")
    return headers.get("x-loquent-price")


def test_where_there_was_no_choice_only_what_nobody_read_is_told() -> None:
    assert served_headers(None, ()) == {}
    assert served_headers(None, ("pitch",)) == {"x-loquent-ignored": "pitch"}


def test_all_attempts_are_told_in_their_order() -> None:
    tried = (Attempt("far/large", "upstream_timeout", 4.0), Attempt("near/large", "ok", 0.5))
    headers = served_headers(Served(place("near"), tried), ())
    assert headers == {
        "x-loquent-provider": "near",
        "x-loquent-attempts": "far/large=upstream_timeout, near/large=ok",
    }


def test_what_was_made_here_and_what_had_no_effect_is_told() -> None:
    details = (Detail.SEGMENTS, Detail.SPEAKERS)
    told = Served(place("near"), (), derived=details, ignored=("prompt", "tier"))
    headers = served_headers(told, ("pitch",))
    assert headers["x-loquent-derived"] == "segments, speakers"
    assert headers["x-loquent-ignored"] == "pitch, prompt, tier"


def test_names_that_no_header_can_hold_are_mended() -> None:
    tried = Attempt("near/größe\r\nx: y", "ok", 0.5)
    headers = served_headers(Served(place("near"), (tried,)), ())
    assert headers["x-loquent-attempts"] == "near/gr??e??x: y=ok"


@pytest.mark.parametrize(
    ("price", "consumption", "told"),
    [
        (Price(PriceUnit.HOUR, 360_000), Consumption(audio_s=2.47), "0.000247 EUR"),
        (Price(PriceUnit.MINUTE, 6_000, minimum_s=10), Consumption(audio_s=1), "0.001000 EUR"),
        (Price(PriceUnit.REQUEST, 1_500_000), Consumption(), "1.500000 EUR"),
        (Price(PER_CHARACTERS, 15_000_000), Consumption(n_characters=7), "0.000105 EUR"),
        (Price(PER_TOKENS, 6_000_000), Consumption(n_audio_tokens=25), "0.000150 EUR"),
    ],
)
def test_a_price_is_exact(price: Price, consumption: Consumption, told: str) -> None:
    assert priced(consumption, price) == told


def test_all_lines_are_added_up() -> None:
    lines = (Price(PriceUnit.REQUEST, 100), Price(PriceUnit.SECOND, 10))
    assert priced(Consumption(audio_s=3), *lines) == "0.000130 EUR"


def test_a_price_for_something_else_is_not_charged() -> None:
    lines = (Price(PriceUnit.REQUEST, 100), Price(PriceUnit.REQUEST, 9, capability=SPEAKING))
    assert priced(Consumption(), *lines) == "0.000100 EUR"


def test_what_charges_nothing_costs_nothing() -> None:
    assert priced(Consumption()) == "0.000000 EUR"


@pytest.mark.parametrize(
    "unit",
    [
        PriceUnit.HOUR,
        PriceUnit.MILLION_CHARACTERS,
        PriceUnit.MILLION_TEXT_TOKENS,
        PriceUnit.MILLION_OUTPUT_TOKENS,
    ],
)
def test_no_price_is_told_where_what_is_charged_for_is_not_known(unit: PriceUnit) -> None:
    assert priced(Consumption(), Price(unit, 1), Price(PriceUnit.REQUEST, 1)) is None


def test_no_price_is_told_where_there_was_no_choice() -> None:
    assert price_header(None, HEARING, Consumption(audio_s=1), "EUR") == {}


def test_tokens_are_those_that_the_provider_counted() -> None:
    transcript = Transcript(Task.TRANSCRIBE, "x", "en", 2.5, HELLO, "large")
    assert consumption_of(transcript) == Consumption(2.5, n_output_tokens=2)
    counted = TokenCount(n_text=3, n_audio=40, n_output=9)
    told = Transcript(Task.TRANSCRIBE, "x", "en", 2.5, HELLO, "large", counted=counted)
    assert consumption_of(told) == Consumption(
        2.5, n_text_tokens=3, n_audio_tokens=40, n_output_tokens=9
    )


@given(st.integers(min_value=0, max_value=10**15))
def test_an_amount_is_written_without_loss(micros: int) -> None:
    whole, _, part = in_units(micros).partition(".")
    assert int(whole) * 1_000_000 + int(part) == micros
    assert len(part) == 6


def test_the_price_list_and_the_header_speak_of_the_same_line() -> None:
    an_hour = Consumption(audio_s=3_600)
    assert priced(an_hour, *per_hour(40_000)) == "0.040000 EUR"
