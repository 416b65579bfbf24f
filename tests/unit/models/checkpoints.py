"""Checkpoints of torch, written operation by operation, so that they may be as wrong as can be."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

PROTOCOL = b"\x80\x02"
STOP = b"."
FALSE = b"\x89"


def text(words: str) -> bytes:
    raw = words.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def integer(number: int) -> bytes:
    if -(1 << 31) <= number < 1 << 31:
        return b"J" + struct.pack("<i", number)
    raw = number.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def several(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def integers(numbers: Sequence[int]) -> bytes:
    return several(*map(integer, numbers))


def name(module: str, function: str) -> bytes:
    return b"c" + module.encode() + b"\n" + function.encode() + b"\n"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + several(*arguments) + b"R"


def dictionary(items: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


ORDERED = call(name("collections", "OrderedDict"))


def storage(key: str, n_numbers: int, kind: str = "FloatStorage") -> bytes:
    words = several(
        text("storage"), name("torch", kind), text(key), text("cpu"), integer(n_numbers)
    )
    return words + b"Q"


def tensor(stored: bytes, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> bytes:
    function = name("torch._utils", "_rebuild_tensor_v2")
    return call(
        function, stored, integer(offset), integers(shape), integers(strides), FALSE, ORDERED
    )


def pickled(value: bytes) -> bytes:
    return PROTOCOL + value + STOP


def write_checkpoint(
    path: Path,
    pickle: bytes,
    storages: Mapping[str, npt.NDArray[np.generic]] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickle)
        for key, numbers in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", numbers.tobytes())
    return path


def checkpoint_of(path: Path, tensors: Mapping[str, npt.NDArray[np.float32]]) -> Path:
    """Write tensors as torch does, each in a storage of its own."""
    rows = {
        key: tensor(
            storage(key, values.size),
            values.shape,
            [stride // values.itemsize for stride in values.strides],
        )
        for key, values in tensors.items()
    }
    return write_checkpoint(path, pickled(dictionary(rows)), tensors)
