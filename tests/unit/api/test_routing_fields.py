"""Every spelling of the fields that narrow who may serve, in forms, addresses and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from loquent.api.fields import FieldReader
from loquent.api.routes import RouteQuestion
from loquent.api.routing_fields import LimitFields, limits_schema, read_limits
from loquent.api.speech_call import SpeechRules, parse_captions, parse_speech
from loquent.domain.endpoints import Preference, RoutingLimits
from loquent.domain.errors import InvalidRequestError

LAST = ("allowed_providers", "local")
NOTHING = RoutingLimits()
SPEECH_RULES = SpeechRules(is_strict=True)

InJson = Callable[[dict[str, Any]], RoutingLimits]


def of_form(*fields: tuple[str, str]) -> RoutingLimits:
    return read_limits(FieldReader(fields))


def of_question(fields: dict[str, Any]) -> RoutingLimits:
    return RouteQuestion.model_validate({"model": "m", **fields}).need().limits


def of_speech(fields: dict[str, Any]) -> RoutingLimits:
    return parse_speech({"model": "m", "input": "x", **fields}, SPEECH_RULES).request.limits


def of_captions(fields: dict[str, Any]) -> RoutingLimits:
    return parse_captions({"model": "m", "input": "x", **fields}, SPEECH_RULES).request.limits


IN_JSON: list[InJson] = [of_question, of_speech, of_captions]


def providers(*names: str) -> RoutingLimits:
    return RoutingLimits(allowed_providers=frozenset(names))


@pytest.mark.parametrize("preference", Preference)
@pytest.mark.parametrize("spelled", [str, str.upper, str.title, '"{}"'.format, " {} ".format])
def test_a_preference_is_taken_in_any_case_and_in_quotes(
    preference: Preference, spelled: Callable[[str], str]
) -> None:
    expected = RoutingLimits(preference)
    assert of_form(("preference", spelled(preference.value))) == expected
    for in_json in IN_JSON:
        assert in_json({"preference": spelled(preference.value)}) == expected


@pytest.mark.parametrize(
    "fields",
    [
        [("allowed_providers", "ovh,Local")],
        [("allowed_providers", '["ovh", "LOCAL"]')],
        [("allowed_providers", "ovh"), ("allowed_providers", "local")],
        [("allowed_providers[]", "ovh"), ("allowed_providers[]", "local")],
        [("allowed_providers[]", "ovh, local")],
        [("allowed_providers[0]", "ovh"), ("allowed_providers[1]", "local")],
        [("allowed_providers[]", "null"), ("allowed_providers[]", "'ovh'"), LAST],
    ],
)
def test_a_list_of_providers_is_taken_in_every_spelling(fields: list[tuple[str, str]]) -> None:
    assert of_form(*fields) == providers("ovh", "local")


@pytest.mark.parametrize("in_json", IN_JSON)
@pytest.mark.parametrize(
    "value", [["ovh", "local"], ["OVH", " local "], "ovh,local", '["ovh", "local"]', ["ovh,local"]]
)
def test_a_list_of_providers_in_json_is_taken_in_every_spelling(
    in_json: InJson, value: object
) -> None:
    assert in_json({"allowed_providers": value}) == providers("ovh", "local")


@pytest.mark.parametrize(
    ("words", "is_set"), [(("true", "True", "TRUE", "1"), True), (("false", "False", "0"), False)]
)
def test_flags_are_taken_in_every_spelling(words: Iterable[str], *, is_set: bool) -> None:
    for word in words:
        assert of_form(("eu_native", word)).eu_native is is_set
        assert of_form(("allow_quantization", word)).allow_quantization is is_set
        for in_json in IN_JSON:
            for value in (word, is_set, int(is_set)):
                assert in_json({"eu_native": value}).eu_native is is_set
                assert in_json({"allow_quantization": value}).allow_quantization is is_set


@pytest.mark.parametrize(
    "name", ["preference", "allowed_providers", "eu_native", "allow_quantization"]
)
@pytest.mark.parametrize("value", [None, "", "null", "NULL", " "])
def test_absent_empty_and_null_mean_the_same(name: str, value: str | None) -> None:
    if value is not None:
        assert of_form((name, value)) == NOTHING
    for in_json in IN_JSON:
        assert in_json({name: value}) == NOTHING == in_json({})


@pytest.mark.parametrize("value", [[], [None], ["null"], "[]"])
def test_a_list_of_nobody_allows_everybody(value: object) -> None:
    for in_json in IN_JSON:
        assert in_json({"allowed_providers": value}) == NOTHING


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("preference", "fastest", "speed, cost, balanced"),
        ("preference", 5, "speed, cost, balanced"),
        ("preference", ["cost"], "speed, cost, balanced"),
        ("allowed_providers", 5, "a list of texts"),
        ("allowed_providers", True, "a list of texts"),
        ("allowed_providers", [["ovh"]], "a list of texts"),
        ("allowed_providers", {"ovh": 1}, "a list of texts"),
        ("allowed_providers", '[["ovh"]]', "a list of texts"),
        ("eu_native", "yes", "true or false"),
        ("eu_native", 2, "true or false"),
        ("eu_native", 1.0, "true or false"),
        ("allow_quantization", {}, "true or false"),
    ],
)
@pytest.mark.parametrize("in_json", IN_JSON)
def test_a_wrong_value_is_named_with_what_would_be_right(
    in_json: InJson, name: str, value: object, said: str
) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        in_json({name: value})
    assert caught.value.param == name
    assert caught.value.message.startswith(name)


def test_a_form_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="more than once") as caught:
        of_form(("eu_native", "true"), ("eu_native", "false"))
    assert caught.value.param == "eu_native"


def test_forms_and_json_are_described_alike() -> None:
    in_json = LimitFields.model_json_schema()["properties"]
    for name, schema in limits_schema().items():
        described = in_json[name.removesuffix("[]")]
        assert schema in described["anyOf"]
        assert {"type": "null"} in described["anyOf"]
