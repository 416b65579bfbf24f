"""Pickles are read as values, whatever they want to have done."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.models.conversion import pickles
from loquent.models.conversion.errors import CheckpointError
from loquent.models.conversion.pickles import Call, Named, Stored, read_pickle
from tests.unit.models.checkpoints import (
    ORDERED,
    call,
    dictionary,
    integer,
    name,
    pickled,
    several,
    storage,
    tensor,
    text,
)

HARMLESS = {
    Named("collections", "OrderedDict"),
    Named("torch", "FloatStorage"),
    Named("torch._utils", "_rebuild_tensor_v2"),
    Named("trainer", "Notes"),
}
_NOTES = name("trainer", "Notes")


def read(raw: bytes) -> Any:
    return read_pickle(raw, HARMLESS.__contains__)


class Wish:
    """Wants to have something called when it is read."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._wish = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._wish


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        (),
        (1, -5, 70_000, 1 << 40, 2.5, "déjà vu"),
        {"a": [1, [2, 3], {}], "b": (("c",), ("c", "c"), ("c", 1, 2))},
        [],
    ],
)
def test_plain_values_are_read_as_they_are(value: object) -> None:
    assert read(pickle.dumps(value, protocol=2)) == value


def test_what_is_to_be_called_is_noted_and_ordered_dictionaries_are_dictionaries() -> None:
    read_back = read(pickled(dictionary({"w": tensor(storage("0", 4), (2, 2), (2, 1))})))
    kind = Named("torch", "FloatStorage")
    stored = Stored(("storage", kind, "0", "cpu", 4))
    rebuild = Named("torch._utils", "_rebuild_tensor_v2")
    assert read_back == {"w": Call(rebuild, (stored, 0, (2, 2), (2, 1), False, {}))}


def test_the_state_of_an_object_is_left_out() -> None:
    state = dictionary({"items": _NOTES, "__class__": _NOTES})
    assert read(pickled(ORDERED + text("w") + integer(1) + b"s" + state + b"b")) == {"w": 1}
    assert read(pickled(_NOTES + b")\x81" + state + b"b")) == Call(Named("trainer", "Notes"), ())


@pytest.mark.parametrize(
    "function",
    [os.system, os.popen, builtins.eval, builtins.exec, builtins.getattr, subprocess.run,
     builtins.__import__, np.load, pickle.loads],
    ids=lambda function: str(function.__name__),
)  # fmt: skip
@pytest.mark.parametrize("depth", [0, 3])
def test_a_function_that_no_checkpoint_needs_is_refused_and_not_called(
    tmp_path: Path, function: Callable[..., object], depth: int
) -> None:
    marker = tmp_path / "it ran"
    wish: object = Wish(function, f"touch '{marker}'")
    for _ in range(depth):
        wish = {"a": [(wish,)]}
    with pytest.raises(CheckpointError, match="names"):
        read(pickle.dumps(wish, protocol=2))
    assert not marker.exists()


@pytest.mark.parametrize("protocol", [0, 1, 3, 4, 5])
def test_no_other_protocol_opens_another_way(tmp_path: Path, protocol: int) -> None:
    with pytest.raises(CheckpointError):
        read(pickle.dumps(Wish(os.system, f"touch '{tmp_path / 'it ran'}'"), protocol=protocol))
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize(
    "value",
    [
        b"(ios\nsystem\n",
        b"(" + _NOTES + b"o",
        _NOTES + b")}\x92",
        b"\x82\x01",
        text("os") + text("system") + b"\x93",
        b"Ppid\n",
        b"I1\n",
    ],
    ids=["INST", "OBJ", "NEWOBJ_EX", "EXT1", "STACK_GLOBAL", "PERSID", "INT"],
)
def test_operations_that_no_checkpoint_needs_are_refused(value: bytes) -> None:
    with pytest.raises(CheckpointError, match="none needs"):
        read(pickled(value))


@pytest.mark.parametrize(
    "value",
    [
        call(storage("0", 1)),
        call(call(_NOTES)),
        call(ORDERED),
        call(text("os.system"), text("true")),
        several() + several() + b"R",
        _NOTES + text("x") + b"R",
        _NOTES + text("x") + b"\x81",
        text("x") + b"Q",
    ],
    ids=["storage", "call", "dictionary", "text", "tuple", "no arguments", "no tuple", "pid"],
)
def test_what_is_no_function_is_not_called(value: bytes) -> None:
    with pytest.raises(CheckpointError):
        read(pickled(value))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"0",
        b"t",
        b"R",
        b"h\x05",
        b"j\xff\xff\xff\x7f",
        b"(q\x00",
        b"}" + text("a") + b"(s",
        b"}(" + text("a") + b"u",
        b"}" + several(integer(1)) + integer(1) + b"s",
        _NOTES + text("a") + integer(1) + b"s",
        several() + integer(1) + b"a",
        text("a") + b"(" + integer(1) + b"e",
        b"X\xff\xff\xff\x7fabc",
        b"\xfe",
        b"cos",
        b"X\x02\x00\x00\x00\xff\xfe",
        b"c\\o\n\\o\n",
    ],
)
def test_what_makes_no_sense_is_refused(value: bytes) -> None:
    with pytest.raises(CheckpointError):
        read(pickled(value))


def test_a_pickle_that_does_not_end_is_refused() -> None:
    with pytest.raises(CheckpointError, match="cut off"):
        read(pickled(integer(1))[:-1])


def test_a_name_nested_too_deep_to_be_hashed_is_refused_and_ends_nothing() -> None:
    deep = b")" + b"\x85" * 500_000
    with pytest.raises(CheckpointError, match="no text"):
        read(pickled(b"}" + deep + integer(1) + b"s"))
    assert isinstance(read(pickled(deep)), tuple)


def test_numbers_of_remembered_values_cost_no_memory() -> None:
    assert read(pickled(integer(7) + b"r\xff\xff\xff\xff" + b"j\xff\xff\xff\xff" + b"\x86")) == (
        7,
        7,
    )


def test_a_value_may_hold_itself() -> None:
    found = read(pickled(b"]q\x00h\x00a"))
    assert found[0] is found


def test_a_description_that_is_too_long_is_not_even_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MAX_PICKLE_BYTES", 10)
    with pytest.raises(CheckpointError, match="too long"):
        read(pickled(text("x" * 10)))


SOUND = pickled(dictionary({"w": tensor(storage("0", 4), (2, 2), (2, 1)), "n": ORDERED}))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        read(raw)
    except CheckpointError as error:
        assert str(error)  # noqa: PT017  either outcome is right


@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=6))
def test_a_damaged_pickle_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(SOUND)
    for place, value in changes:
        raw[place] = value
    try:
        read(bytes(raw))
    except CheckpointError as error:
        assert str(error)  # noqa: PT017  either outcome is right
