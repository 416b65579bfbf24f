"""The order of the endpoints that could serve a request, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from loquent.domain.endpoints import (
    LOCAL_PROVIDER,
    DataProtection,
    Detail,
    Endpoint,
    Preference,
    RoutingLimits,
)
from loquent.domain.errors import LoquentError, NoEndpointError, UnsupportedOptionError
from loquent.domain.model import Capability
from loquent.domain.pricing import Price, PriceUnit
from loquent.routing.fitting import Rules
from loquent.routing.need import Need
from loquent.routing.ranking import (
    Candidate,
    Policy,
    Standing,
    callable_now,
    expected_consumption,
    ranked,
)
from tests.unit.routing.places import ALL_DETAILS, TODAY, per_hour, place

CHEAP = place("cheap", prices=per_hour(40_000))
MIDDLING = place("middling", prices=per_hour(120_000))
QUICK = place("quick", prices=per_hour(400_000))
HERE = place(LOCAL_PROVIDER)
TIMES = {
    CHEAP.id: Standing(expected_s=20.0),
    MIDDLING.id: Standing(expected_s=4.0),
    QUICK.id: Standing(expected_s=1.0),
    HERE.id: Standing(expected_s=9.0),
}


def need(
    preference: Preference = Preference.BALANCED,
    *details: Detail,
    capability: Capability = Capability.TRANSCRIPTION,
) -> Need:
    return Need(
        "large",
        capability,
        frozenset(details),
        audio_s=3_600.0,
        n_characters=1_000_000,
        limits=RoutingLimits(preference),
    )


def order(
    *endpoints: Endpoint,
    wish: Need | None = None,
    standings: Mapping[str, Standing] = TIMES,
    policy: Policy | None = None,
) -> list[str]:
    found = ranked(endpoints, wish or need(), standings, policy or Policy(), TODAY)
    return [candidate.endpoint.provider for candidate in found]


def refused(*endpoints: Endpoint, wish: Need, policy: Policy | None = None) -> LoquentError:
    with pytest.raises(UnsupportedOptionError) as raised:
        callable_now(ranked(endpoints, wish, {}, policy or Policy(), TODAY), wish)
    return raised.value


@pytest.mark.parametrize(
    ("preference", "expected"),
    [
        (Preference.SPEED, ["quick", "middling", "cheap"]),
        (Preference.COST, ["cheap", "middling", "quick"]),
        (Preference.BALANCED, ["middling", "quick", "cheap"]),
    ],
)
def test_each_preference_has_its_order(preference: Preference, expected: list[str]) -> None:
    assert order(CHEAP, QUICK, MIDDLING, wish=need(preference)) == expected


def test_of_equal_prices_the_faster_is_cheaper() -> None:
    slow, fast = place("a", prices=per_hour(1)), place("b", prices=per_hour(1))
    standings = {slow.id: Standing(2.0), fast.id: Standing(1.0)}
    assert order(slow, fast, wish=need(Preference.COST), standings=standings) == ["b", "a"]


def test_the_smallest_difference_in_price_outweighs_any_time() -> None:
    fast, cheap = place("fast", prices=per_hour(2)), place("slow", prices=per_hour(1))
    standings = {fast.id: Standing(0.001), cheap.id: Standing(1e6)}
    assert order(fast, cheap, wish=need(Preference.COST), standings=standings)[0] == "slow"


def test_equals_are_sorted_by_name() -> None:
    assert order(place("c"), place("a"), place("b"), standings={}) == ["a", "b", "c"]


def test_who_fails_often_counts_as_slow() -> None:
    shaky, slow = place("shaky"), place("slow")
    standings = {shaky.id: Standing(2.0, error_rate=0.8), slow.id: Standing(5.0)}
    wish = need(Preference.SPEED)
    assert order(shaky, slow, wish=wish, standings=standings) == ["slow", "shaky"]
    assert order(shaky, slow, wish=wish, standings={slow.id: Standing(11.0)}) == ["shaky", "slow"]


@pytest.mark.parametrize("preference", [Preference.COST, Preference.BALANCED])
def test_our_own_engines_come_first(preference: Preference) -> None:
    dear_here = replace(HERE, prices=per_hour(9_000_000))
    assert order(QUICK, CHEAP, dear_here, wish=need(preference))[0] == LOCAL_PROVIDER


def test_who_prefers_speed_gets_the_fastest_wherever_it_is() -> None:
    assert order(QUICK, HERE, wish=need(Preference.SPEED)) == ["quick", LOCAL_PROVIDER]
    standings = {QUICK.id: Standing(3.0), HERE.id: Standing(2.0)}
    found = order(QUICK, HERE, wish=need(Preference.SPEED), standings=standings)
    assert found == [LOCAL_PROVIDER, "quick"]


def test_an_operator_may_put_our_own_engines_into_line() -> None:
    dear_here = replace(HERE, prices=per_hour(9_000_000))
    found = order(CHEAP, dear_here, wish=need(Preference.COST), policy=Policy(local_first=False))
    assert found == ["cheap", LOCAL_PROVIDER]


@pytest.mark.parametrize("preference", Preference)
@pytest.mark.parametrize(("wait_s", "is_last"), [(5.0, False), (5.1, True)])
def test_our_own_engines_come_last_where_work_waits_too_long(
    preference: Preference, wait_s: float, *, is_last: bool
) -> None:
    standings = {HERE.id: Standing(wait_s, wait_s), CHEAP.id: Standing(100.0)}
    found = order(HERE, CHEAP, wish=need(preference), standings=standings)
    assert (found[-1] == LOCAL_PROVIDER) is is_last


def test_even_who_needs_help_comes_before_our_own_engines_where_work_waits_too_long() -> None:
    helped = replace(CHEAP, details=ALL_DETAILS - {Detail.SEGMENTS})
    standings = {HERE.id: Standing(9.0, queue_wait_s=9.0)}
    found = order(HERE, helped, wish=need(Preference.COST, Detail.SEGMENTS), standings=standings)
    assert found == ["cheap", LOCAL_PROVIDER]


def test_a_wait_elsewhere_is_no_wait_of_ours() -> None:
    standings = {CHEAP.id: Standing(1.0, queue_wait_s=99.0), QUICK.id: Standing(1.0)}
    assert order(CHEAP, QUICK, standings=standings)[0] == "cheap"


@pytest.mark.parametrize("preference", Preference)
@pytest.mark.parametrize("detail", [Detail.SEGMENTS, Detail.PROMPT])
def test_who_does_all_of_it_comes_before_who_needs_help(
    preference: Preference, detail: Detail
) -> None:
    helped = replace(CHEAP, provider="helped", details=ALL_DETAILS - {detail}, prices=())
    standings = {helped.id: Standing(0.1), QUICK.id: Standing(50.0)}
    found = order(helped, QUICK, wish=need(preference, detail), standings=standings)
    assert found == ["quick", "helped"]


def test_who_does_all_of_it_comes_before_our_own_engines_that_do_not() -> None:
    plain_here = replace(HERE, details=frozenset())
    assert order(plain_here, CHEAP, wish=need(Preference.COST, Detail.SEGMENTS))[0] == "cheap"


def test_who_cannot_serve_comes_behind_all_who_can() -> None:
    deaf = replace(QUICK, provider="deaf", capabilities=frozenset({Capability.SPEECH}))
    assert order(deaf, CHEAP, MIDDLING) == ["middling", "cheap", "deaf"]


def test_an_endpoint_that_nobody_knows_is_as_good_as_new() -> None:
    (candidate,) = ranked([CHEAP], need(), {}, Policy(), TODAY)
    assert candidate.standing == Standing()


def test_a_candidate_tells_what_the_request_would_cost() -> None:
    prices = (
        Price(PriceUnit.HOUR, 360_000, Capability.TRANSCRIPTION),
        Price(PriceUnit.MILLION_CHARACTERS, 15_000_000, Capability.SPEECH),
    )
    endpoint = place("vendor", prices=prices)
    (heard,) = ranked([endpoint], need(), {}, Policy(), TODAY)
    (spoken,) = ranked([endpoint], need(capability=Capability.SPEECH), {}, Policy(), TODAY)
    assert (heard.price_micros, spoken.price_micros) == (360_000, 15_000_000)


def test_what_is_heard_is_counted_in_tokens_too() -> None:
    used = expected_consumption(replace(need(), audio_s=60.0))
    assert (used.audio_s, used.n_audio_tokens, used.n_output_tokens) == (60.0, 600, 240)
    assert (used.n_characters, used.n_text_tokens) == (0, 0)


def test_what_is_spoken_is_counted_in_characters_sound_and_tokens() -> None:
    used = expected_consumption(replace(need(capability=Capability.SPEECH), n_characters=900))
    assert (used.n_characters, used.audio_s) == (900, 60.0)
    assert (used.n_text_tokens, used.n_audio_tokens, used.n_output_tokens) == (225, 600, 0)


def test_who_is_left_alone_is_not_called() -> None:
    standings = {CHEAP.id: Standing(retry_in_s=3.0)}
    found = callable_now(ranked([CHEAP, QUICK], need(), standings, Policy(), TODAY), need())
    assert [candidate.endpoint for candidate in found] == [QUICK]


def test_where_all_are_left_alone_the_first_to_return_is_told() -> None:
    standings = {CHEAP.id: Standing(retry_in_s=30.0), QUICK.id: Standing(retry_in_s=0.2)}
    with pytest.raises(NoEndpointError) as raised:
        callable_now(ranked([CHEAP, QUICK], need(), standings, Policy(), TODAY), need())
    assert raised.value.retry_after_s == 0.2
    assert "cheap/large: 30 s" in raised.value.message
    assert "quick/large: 1 s" in raised.value.message


def test_who_could_not_serve_anyway_is_not_waited_for() -> None:
    deaf = replace(QUICK, capabilities=frozenset({Capability.SPEECH}))
    standings = {CHEAP.id: Standing(retry_in_s=30.0)}
    with pytest.raises(NoEndpointError) as raised:
        callable_now(ranked([CHEAP, deaf], need(), standings, Policy(), TODAY), need())
    assert raised.value.retry_after_s == 30
    assert "quick" not in raised.value.message


def test_where_nobody_can_each_is_named_with_all_its_reasons() -> None:
    wish = need(Preference.COST, Detail.WORDS, Detail.LOGPROBS)
    wordless = replace(CHEAP, details=ALL_DETAILS - {Detail.WORDS})
    plain = replace(QUICK, details=ALL_DETAILS - {Detail.WORDS, Detail.LOGPROBS})
    error = refused(wordless, plain, wish=wish)
    assert error.message == (
        "No endpoint for 'large' can serve this request."
        " cheap/large: it does not offer words;"
        " quick/large: it does not offer logprobs, it does not offer words."
    )
    assert error.param == "timestamp_granularities"


def test_the_field_at_fault_is_the_one_that_all_refuse() -> None:
    limits = RoutingLimits(eu_native=True, allow_quantization=False)
    rough = place("rough", is_quantized=True, eu_native=True)
    far = place("far", is_quantized=True)
    assert refused(rough, far, wish=replace(need(), limits=limits)).param == "allow_quantization"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({Detail.LOGPROBS}, {Detail.WORDS}),
        ({Detail.LOGPROBS, Detail.WORDS}, {Detail.LOGPROBS, Detail.WORDS}),
    ],
)
def test_where_no_one_field_is_at_fault_none_is_named(one: set[Detail], other: set[Detail]) -> None:
    wish = need(Preference.COST, Detail.WORDS, Detail.LOGPROBS)
    first = replace(CHEAP, details=ALL_DETAILS - one)
    second = replace(QUICK, details=ALL_DETAILS - other)
    assert refused(first, second, wish=wish).param is None


def test_a_limit_of_the_operator_is_no_field_of_the_caller() -> None:
    lax = replace(CHEAP, gdpr=DataProtection.NO)
    error = refused(lax, wish=need(), policy=Policy(Rules(require_gdpr=True)))
    assert "this server requires the GDPR" in error.message
    assert error.param is None


def test_a_capability_is_refused_by_the_model() -> None:
    assert refused(replace(CHEAP, capabilities=frozenset()), wish=need()).param == "model"


def test_of_one_model_here_is_spoken_as_of_a_model() -> None:
    english = replace(HERE, languages=("en",), details=ALL_DETAILS - {Detail.WORDS})
    wish = replace(need(Preference.COST, Detail.WORDS), language="de")
    error = refused(english, wish=wish)
    assert error.message == "the model 'large' does not know the language 'de'; it knows en"
    assert error.param == "language"


def test_a_limit_that_keeps_a_request_from_here_is_told_as_of_any_endpoint() -> None:
    limits = RoutingLimits(allowed_providers=frozenset({"cheap"}))
    error = refused(HERE, wish=replace(need(), limits=limits))
    assert error.message == (
        "No endpoint for 'large' can serve this request."
        " local/large: allowed_providers does not hold local."
    )
    assert error.param == "allowed_providers"


def test_a_candidate_is_up_until_it_is_left_alone() -> None:
    def candidate(retry_in_s: float) -> Candidate:
        standings = {CHEAP.id: Standing(retry_in_s=retry_in_s)}
        return ranked([CHEAP], need(), standings, Policy(), TODAY)[0]

    assert candidate(0).is_up
    assert not candidate(0.1).is_up
    assert candidate(0.1).is_able
