"""Every spelling of a field that clients use."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.api.fields import FieldReader
from loquent.domain.errors import InvalidRequestError

ENTRIES = st.lists(st.text("abcdefgh ", min_size=1).map(str.strip).filter(bool), max_size=5).filter(
    lambda entries: "null" not in entries
)
NULLS = ["", "  ", "null", "NULL", '""', '"null"']


def spellings(name: str, entries: list[str]) -> dict[str, list[tuple[str, str]]]:
    return {
        "brackets": [(f"{name}[]", entry) for entry in entries],
        "indices": [(f"{name}[{i}]", entry) for i, entry in enumerate(entries)],
        "repeats": [(name, entry) for entry in entries],
        "commas": [(name, ", ".join(entries))],
        "json": [(name, json.dumps(entries))],
        "json in brackets": [(f"{name}[]", json.dumps([*entries, None]))],
        "quoted": [(f"{name}[]", f'"{entry}"') for entry in entries],
        "with nulls": [(name, "null"), *((f"{name}[]", entry) for entry in entries)],
    }


@given(ENTRIES)
def test_every_spelling_of_a_list_reads_the_same(entries: list[str]) -> None:
    for spelling, fields in spellings("x", entries).items():
        reader = FieldReader([("other", "1"), *fields])
        assert reader.texts("x") == reader.words("x") == tuple(entries), spelling
        assert reader.unknown() == ("other",)


def test_a_comma_in_brackets_belongs_to_free_text_but_separates_words() -> None:
    reader = FieldReader([("x[]", "New York, NY")])
    assert reader.texts("x") == ("New York, NY",)
    assert reader.words("x") == ("New York", "NY")


def test_a_bracket_that_opens_no_json_is_text() -> None:
    assert FieldReader([("x[]", "[sic")]).texts("x") == ("[sic",)


URLS = ("data:audio/wav;base64,UklGRg==", "DATA:;base64,AA==")


@pytest.mark.parametrize(
    "fields",
    [
        [("x[]", URLS[0]), ("x[]", URLS[1])],
        [("x[1]", URLS[0]), ("x[2]", URLS[1])],
        [("x", URLS[0]), ("x", URLS[1])],
        [("x", ", ".join(URLS))],
        [("x[]", ",".join(URLS))],
        [("x", json.dumps([*URLS, None]))],
        [("x", "null"), ("x[]", f'"{URLS[0]}"'), ("x[]", URLS[1])],
    ],
)
def test_every_spelling_of_a_list_of_urls_reads_the_same(fields: list[tuple[str, str]]) -> None:
    reader = FieldReader(fields)
    assert reader.data_urls("x") == URLS
    assert reader.unknown() == ()


@pytest.mark.parametrize(("value", "number"), [("2", 2), ("2.0", 2), ("5e0", 5), ("", None)])
def test_a_whole_number_may_be_written_in_any_way(value: str, number: int | None) -> None:
    assert FieldReader([("x", value)]).whole_number("x", 1, 5) == number


@pytest.mark.parametrize(
    ("value", "said"),
    [("1.5", "whole number, not 1.5"), ("0", "from 1 to 5"), ("6", "from 1 to 5")],
)
def test_other_numbers_are_refused(value: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        FieldReader([("x", value)]).whole_number("x", 1, 5)
    assert caught.value.param == "x"


def test_a_list_of_objects_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="list of texts"):
        FieldReader([("x", '[{"a": 1}]')]).texts("x")


@pytest.mark.parametrize("value", NULLS)
def test_empty_and_null_mean_absent(value: str) -> None:
    reader = FieldReader([("x", value), ("y[]", value), ("z[a]", value)])
    assert reader.text("x") is None
    assert reader.flag("x") is None
    assert reader.number("x", 0, 1) is None
    assert reader.choice("x", ("a",)) is None
    assert reader.words("y") == ()
    assert reader.mapping("z") == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('"whisper-1"', "whisper-1"),
        ("'whisper-1'", "whisper-1"),
        (" whisper-1\n", "whisper-1"),
        ('"Hi", she said, "come"', '"Hi", she said, "come"'),
        ('"', '"'),
    ],
)
def test_a_value_in_stray_quotes_is_unquoted(value: str, text: str) -> None:
    assert FieldReader([("x", value)]).text("x") == text


@pytest.mark.parametrize(
    ("value", "flag"), [("true", True), ("True", True), ("1", True), ("FALSE", False), ("0", False)]
)
def test_booleans_come_in_any_case_and_as_digits(value: str, flag: bool) -> None:
    assert FieldReader([("x", value)]).flag("x") is flag


def test_other_booleans_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="true or false, not 'yes'") as caught:
        FieldReader([("x", "yes")]).flag("x")
    assert caught.value.param == "x"


@pytest.mark.parametrize("value", ["nan", "inf", "-0.1", "1.1", "0,5", "one"])
def test_numbers_outside_the_range_are_refused_naming_it(value: str) -> None:
    with pytest.raises(InvalidRequestError, match="from 0 to 1"):
        FieldReader([("x", value)]).number("x", 0, 1)


def test_a_choice_is_read_in_any_case_and_refused_with_the_valid_ones() -> None:
    assert FieldReader([("x", "SRT")]).choice("x", ("srt", "vtt")) == "srt"
    with pytest.raises(InvalidRequestError, match="valid values: srt, vtt"):
        FieldReader([("x", "doc")]).choice("x", ("srt", "vtt"))


def test_repeats_must_agree() -> None:
    assert FieldReader([("x", "a"), ("x", ""), ("x", '"a"')]).text("x") == "a"
    with pytest.raises(InvalidRequestError, match="different values"):
        FieldReader([("x", "a"), ("x", "b")]).text("x")


@pytest.mark.parametrize(
    "fields",
    [
        [("x[a]", "1"), ("x[b]", "true"), ("x[c]", "")],
        [("x", '{"a": 1, "b": true, "c": null}')],
        [("x", '{"a": 1}'), ("x[b]", "true"), ("x[a]", "1")],
    ],
)
def test_every_spelling_of_an_object_reads_the_same(fields: list[tuple[str, str]]) -> None:
    reader = FieldReader(fields)
    assert reader.mapping("x") == {"a": "1", "b": "true"}
    assert reader.unknown() == ()


@pytest.mark.parametrize("value", ["{", "[1]", "5", '{"a": "\\ud800"}', "[" * 60_000])
def test_what_is_no_object_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequestError, match="JSON object") as caught:
        FieldReader([("x", value)]).mapping("x")
    assert len(caught.value.message) < 300


def test_a_word_may_stand_for_the_empty_object() -> None:
    assert FieldReader([("x", "Auto")]).mapping("x", word_for_empty="auto") == {}


def test_names_never_asked_for_are_unknown() -> None:
    reader = FieldReader([("b", "1"), ("x[sub]", "1"), ("x", "1"), ("b", "2")])
    assert reader.text("x") == "1"
    assert reader.unknown() == ("b", "x[sub]")
    assert reader.known == ("x",)
