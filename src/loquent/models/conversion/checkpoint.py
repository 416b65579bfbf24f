"""Reads the tensors of a torch checkpoint; needs no torch and trusts nothing in the file.

A checkpoint is a zip: a pickle that describes tensors, and a file of raw numbers for each storage.
Source: torch/serialization.py and torch/_utils.py of PyTorch 2.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loquent.models.conversion.errors import CheckpointError
from loquent.models.conversion.pickles import Call, Named, Stored, read_pickle

Tensors = Mapping[str, NDArray[np.float32]]
"""By name."""

MAX_BYTES: Final = 1 << 28
"""Cap for a checkpoint, and for its tensors: ten times those of CAM++."""

MAX_AXES: Final = 8

_REBUILD: Final = Named("torch._utils", "_rebuild_tensor_v2")
_STORAGES: Final[Mapping[Named, np.dtype[Any]]] = {
    Named("torch", "FloatStorage"): np.dtype("<f4"),
    Named("torch", "HalfStorage"): np.dtype("<f2"),
    Named("torch", "DoubleStorage"): np.dtype("<f8"),
    Named("torch", "LongStorage"): np.dtype("<i8"),
    Named("torch", "IntStorage"): np.dtype("<i4"),
}
_HARMLESS: Final = frozenset({_REBUILD, Named("collections", "OrderedDict"), *_STORAGES})
_HARMLESS_MODULES: Final = frozenset({"pyannote.audio.core.task", "torch.torch_version"})
"""Descriptions that trainers put beside the weights."""

_UNREADABLE: Final = (
    zipfile.BadZipFile, EOFError, LookupError, OverflowError, RuntimeError, ValueError,
)  # fmt: skip


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of the checkpoint at `path`, those of its `state_dict` where it has one.

    Raises: CheckpointError; OSError: if the file cannot be read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise CheckpointError("the checkpoint is too large")
    raw = io.BytesIO(path.read_bytes())  # where it lies is then no matter of what is in it
    try:
        with zipfile.ZipFile(raw) as archive:
            return _Checkpoint(archive).tensors()
    except CheckpointError:
        raise
    except _UNREADABLE as error:
        raise CheckpointError(f"{path.name} is no checkpoint, or a broken one") from error


class _Checkpoint:
    """An open checkpoint."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MAX_BYTES:
            raise CheckpointError("the checkpoint is too large")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise CheckpointError("the checkpoint is compressed, which torch never does")
        pickles = [member for member in members if member.filename.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise CheckpointError(f"the checkpoint has {len(pickles)} descriptions of its tensors")
        self._archive = archive
        self._pickle = pickles[0]
        self._folder = self._pickle.filename.removesuffix("data.pkl")
        self._storages: dict[tuple[str, Named], NDArray[Any]] = {}
        self._n_bytes = 0

    def tensors(self) -> Tensors:
        """Raises: CheckpointError, and what zipfile raises."""
        content = read_pickle(self._archive.read(self._pickle), _is_harmless)
        state = content.get("state_dict", content) if isinstance(content, dict) else None
        if not isinstance(state, dict):
            raise CheckpointError("the checkpoint holds no weights")
        return {
            name: self._tensor(value)
            for name, value in state.items()
            if isinstance(name, str) and isinstance(value, Call) and value.function == _REBUILD
        }

    def _tensor(self, call: Call) -> NDArray[np.float32]:
        """Cut a tensor out of its storage.

        Raises: CheckpointError: if it is not contiguous, lies outside, or is one too many.
        """
        match call.arguments:
            case (Stored(description), int(offset), tuple(shape), tuple(strides), *_):
                storage = self._storage(description)
            case _:
                raise CheckpointError("a tensor of the checkpoint is described in another way")
        n_numbers = _n_numbers(shape, strides)
        if offset < 0 or offset + n_numbers > len(storage):
            raise CheckpointError("a tensor of the checkpoint lies outside its storage")
        self._n_bytes += n_numbers * np.dtype(np.float32).itemsize
        if self._n_bytes > MAX_BYTES:
            raise CheckpointError("the tensors of the checkpoint are too large")
        return storage[offset : offset + n_numbers].reshape(shape).astype(np.float32)

    def _storage(self, description: tuple[Any, ...]) -> NDArray[Any]:
        """Return the numbers of one storage."""
        match description:
            case ("storage", Named() as kind, str(key), _, int(n_numbers)) if kind in _STORAGES:
                pass
            case _:
                raise CheckpointError("the checkpoint refers to something that is no storage")
        if (key, kind) not in self._storages:
            raw = self._archive.read(f"{self._folder}data/{key}")
            self._storages[key, kind] = np.frombuffer(raw, _STORAGES[kind])
        storage = self._storages[key, kind]
        if len(storage) != n_numbers:
            raise CheckpointError("a storage of the checkpoint has another length than announced")
        return storage


def _is_harmless(named: Named) -> bool:
    return named in _HARMLESS or named.module in _HARMLESS_MODULES


def _n_numbers(shape: tuple[Any, ...], strides: tuple[Any, ...]) -> int:
    """Return how many numbers a contiguous tensor has.

    Raises: CheckpointError: if it is not contiguous, or has no sizes.
    """
    sizes = (*shape, *strides)
    are_sizes = all(isinstance(size, int) and size >= 0 for size in sizes)
    if not are_sizes or len(shape) > MAX_AXES or len(shape) != len(strides):
        raise CheckpointError("a tensor of the checkpoint has no sound shape")
    steps = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    for size, stride, step in zip(shape, strides, steps, strict=True):
        if size > 1 and stride != step:
            raise CheckpointError("a tensor of the checkpoint is not contiguous")
    return math.prod(shape)
