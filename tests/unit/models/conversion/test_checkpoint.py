"""Tensors of checkpoints, sound ones and those that mean harm."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from loquent.models.conversion import checkpoint
from loquent.models.conversion.checkpoint import read_tensors
from loquent.models.conversion.errors import CheckpointError
from tests.unit.models.checkpoints import (
    ORDERED,
    call,
    checkpoint_of,
    dictionary,
    integer,
    name,
    pickled,
    several,
    storage,
    tensor,
    text,
    write_checkpoint,
)

NUMBERS = np.arange(6, dtype=np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.pt"


def _with_tensor(path: Path, described: bytes) -> Path:
    return write_checkpoint(path, pickled(dictionary({"w": described})), {"0": NUMBERS})


def test_tensors_are_read_by_name(path: Path) -> None:
    wanted = {"a": NUMBERS.reshape(2, 3), "b": np.array(2.5, np.float32), "c": NUMBERS[:0]}
    found = read_tensors(checkpoint_of(path, wanted))
    assert found.keys() == wanted.keys()
    for key, values in wanted.items():
        assert found[key].dtype == np.float32
        assert np.array_equal(found[key], values)
        assert found[key].shape == values.shape


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("HalfStorage", "<f2"),
        ("DoubleStorage", "<f8"),
        ("LongStorage", "<i8"),
        ("IntStorage", "<i4"),
    ],
)
def test_numbers_of_any_kind_become_floats(path: Path, kind: str, dtype: str) -> None:
    pickle_ = pickled(dictionary({"w": tensor(storage("0", 6, kind), (6,), (1,))}))
    write_checkpoint(path, pickle_, {"0": NUMBERS.astype(dtype)})
    assert np.array_equal(read_tensors(path)["w"], NUMBERS)


def test_tensors_may_share_a_storage(path: Path) -> None:
    shared = storage("0", 6)
    rows = {"a": tensor(shared, (4,), (1,), 2), "b": tensor(shared, (1, 2), (999, 1))}
    write_checkpoint(path, pickled(dictionary(rows)), {"0": NUMBERS})
    found = read_tensors(path)
    assert found["a"].tolist() == [2, 3, 4, 5]
    assert found["b"].tolist() == [[0, 1]]


def test_the_weights_are_found_among_what_a_trainer_keeps(path: Path) -> None:
    state = ORDERED + text("w") + tensor(storage("0", 6), (6,), (1,)) + b"s"
    notes = name("pyannote.audio.core.task", "Specifications") + b")\x81" + dictionary({}) + b"b"
    rows = {
        "state_dict": state + dictionary({"_metadata": ORDERED}) + b"b",
        "notes": notes,
        "version": call(name("torch.torch_version", "TorchVersion"), text("2.1")),
        "epoch": integer(3),
    }
    write_checkpoint(path, pickled(dictionary(rows)), {"0": NUMBERS})
    assert read_tensors(path).keys() == {"w"}


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((7,), (1,), 0),
        ((6,), (1,), 1),
        ((6,), (1,), -1),
        ((-6,), (1,), 0),
        ((-2, -3), (3, 1), 0),
        ((1 << 40,), (1,), 0),
        ((1 << 40, 1 << 40), (1 << 40, 1), 0),
        ((6, 6), (1, 1), 0),
        ((2, 3), (0, 1), 0),
        ((2, 3), (1, 2), 0),
        ((6,), (-1,), 5),
        ((6,), (), 0),
        ((), (1,), 0),
        ((1,) * 9, (1,) * 9, 0),
    ],
)  # fmt: skip
def test_a_tensor_that_is_not_laid_out_plainly_in_its_storage_is_refused(
    path: Path, shape: Sequence[int], strides: Sequence[int], offset: int
) -> None:
    with pytest.raises(CheckpointError, match="tensor of the checkpoint"):
        read_tensors(_with_tensor(path, tensor(storage("0", 6), shape, strides, offset)))


@pytest.mark.parametrize(
    "stored",
    [
        storage("0", 5),
        storage("0", 7),
        storage("0", -6),
        storage("0", 6, "DoubleStorage"),
        storage("1", 6),
        storage("../data.pkl", 6),
        several(text("storage"), text("float"), text("0"), text("cpu"), integer(6)) + b"Q",
        several(text("else"), name("torch", "FloatStorage"), text("0"), text("cpu"), integer(6))
        + b"Q",
        several() + b"Q",
        integer(6),
        ORDERED,
    ],
    ids=["short", "long", "negative", "kind", "key", "other file", "no kind", "no storage",
         "nothing", "number", "dictionary"],
)  # fmt: skip
def test_a_storage_that_is_not_what_it_says_is_refused(path: Path, stored: bytes) -> None:
    with pytest.raises(CheckpointError):
        read_tensors(_with_tensor(path, tensor(stored, (6,), (1,))))


@pytest.mark.parametrize(
    "described",
    [
        call(name("torch._utils", "_rebuild_tensor_v2")),
        call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 6), text("0")),
        call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 6), integer(0), text("6"),
             text("1")),
        call(name("torch._utils", "_rebuild_tensor_v2"), storage("0", 6), integer(0),
             several(text("6")), several(integer(1))),
    ],
)  # fmt: skip
def test_a_tensor_that_is_described_otherwise_is_refused(path: Path, described: bytes) -> None:
    with pytest.raises(CheckpointError, match="tensor of the checkpoint"):
        read_tensors(_with_tensor(path, described))


@pytest.mark.parametrize(
    "value",
    [
        call(name("torch", "FloatStorage"), integer(1 << 30)),
        call(name("torch.torch_version", "TorchVersion"), text("x")),
        name("torch", "FloatStorage"),
        text("weights"),
    ],
    ids=["storage called", "description called", "a name", "text"],
)
def test_what_is_no_tensor_is_left_out(path: Path, value: bytes) -> None:
    assert read_tensors(_with_tensor(path, value)) == {}


class Wish:
    """Wants a file to be made when it is read."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._marker),)


def test_a_checkpoint_that_names_a_function_runs_nothing(path: Path, tmp_path: Path) -> None:
    write_checkpoint(path, pickle.dumps({"w": Wish(tmp_path / "it ran")}, protocol=2))
    with pytest.raises(CheckpointError, match=r"names '(posix|nt)\.mkdir'"):
        read_tensors(path)
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize("value", [integer(1), b"]", ORDERED + text("w") + integer(1) + b"s"])
def test_a_checkpoint_without_weights_says_so(path: Path, value: bytes) -> None:
    write_checkpoint(path, pickled(dictionary({"state_dict": value})))
    if value.startswith(b"c"):
        assert read_tensors(path) == {}
    else:
        with pytest.raises(CheckpointError, match="no weights"):
            read_tensors(path)


def test_what_is_no_checkpoint_is_refused(path: Path) -> None:
    for content in (b"", b"PK\x03\x04", b"\x80\x02}.", bytes(1_000)):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"weights\.pt is no checkpoint"):
            read_tensors(path)


def test_an_archive_without_one_description_is_refused(path: Path) -> None:
    for names in ((), ("data.pkl",), ("a/data.pkl", "b/data.pkl")):
        with zipfile.ZipFile(path, "w") as archive:
            for member in names:
                archive.writestr(member, pickled(b"}"))
        with pytest.raises(CheckpointError, match="descriptions"):
            read_tensors(path)


def test_a_compressed_archive_is_refused_before_it_grows(path: Path) -> None:
    write_checkpoint(path, pickled(b"}"), {"0": np.zeros(1 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="compressed"):
        read_tensors(path)


def test_a_damaged_archive_is_refused(path: Path) -> None:
    raw = checkpoint_of(path, {"w": NUMBERS}).read_bytes()
    for content in (raw[:-30], raw.replace(NUMBERS.tobytes(), bytes(24)), raw[100:]):
        path.write_bytes(content)
        with pytest.raises(CheckpointError):
            read_tensors(path)


def test_an_archive_that_is_too_large_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint_of(path, {"w": NUMBERS})
    monkeypatch.setattr(checkpoint, "MAX_BYTES", path.stat().st_size // 4)
    with pytest.raises(CheckpointError, match="too large"):
        read_tensors(path)


def test_a_storage_that_is_used_over_and_over_does_not_fill_the_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {str(n): tensor(storage("0", 10_000), (10_000,), (1,)) for n in range(50)}
    write_checkpoint(path, pickled(dictionary(rows)), {"0": np.zeros(10_000, np.float32)})
    assert len(read_tensors(path)) == 50
    monkeypatch.setattr(checkpoint, "MAX_BYTES", 1_000_000)
    with pytest.raises(CheckpointError, match="tensors of the checkpoint are too large"):
        read_tensors(path)
