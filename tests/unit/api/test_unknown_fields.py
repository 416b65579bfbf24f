"""Fields that nobody asked for: handed on to who has them, listed, or refused."""

from __future__ import annotations

import pytest

from loquent.api.fields import FieldReader
from loquent.api.unknown_fields import part_unknown_fields
from loquent.domain.errors import InvalidRequestError

EXTENSIONS = frozenset({"tier", "smart_format"})


def parted(
    *fields: tuple[str, str], is_strict: bool = False
) -> tuple[dict[str, str], list[str], FieldReader]:
    reader = FieldReader([("temperature", "0"), *fields])
    reader.text("temperature")
    extras, names = part_unknown_fields(reader, EXTENSIONS, is_strict=is_strict)
    return extras, names, reader


@pytest.mark.parametrize(
    "field",
    [
        ("tier", "base"),
        ("model_extensions[tier]", "base"),
        ("model_extensions", '{"tier": "base"}'),
    ],
)
def test_an_extension_is_found_wherever_it_is_sent(field: tuple[str, str]) -> None:
    extras, names, _ = parted(field, is_strict=True)
    assert (extras, names) == ({"tier": "base"}, [])


@pytest.mark.parametrize("value", ["", "null"])
def test_an_extension_that_says_nothing_is_not_handed_on(value: str) -> None:
    extras, names, _ = parted(("tier", value), is_strict=True)
    assert (extras, names) == ({}, [])


def test_values_of_extensions_are_handed_on_as_text() -> None:
    extras, _, _ = parted(("model_extensions", '{"tier": {"a": [1]}, "smart_format": true}'))
    assert extras == {"tier": '{"a": [1]}', "smart_format": "true"}


def test_what_nobody_has_is_listed_with_where_it_stood() -> None:
    _, names, _ = parted(("topics", "1"), ("model_extensions", '{"pitch": 1, "tier": "x"}'))
    assert names == ["topics", "model_extensions.pitch"]


def test_an_extension_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parted(("tier", "base"), ("tier", "nova"))
    assert caught.value.param == "tier"


def test_strict_rules_refuse_the_others_naming_the_nearest() -> None:
    with pytest.raises(InvalidRequestError, match="did you mean 'temperature'") as caught:
        parted(("tier", "base"), ("temprature", "1"), is_strict=True)
    assert caught.value.param == "temprature"


def test_names_in_messages_and_headers_are_short_and_plain() -> None:
    _, names, _ = parted(("a\r\nb", "1"), ("ü" * 200, "1"))
    assert names == ["a??b", "?" * 64]
