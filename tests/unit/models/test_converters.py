"""Converters by name: found when needed, and no sooner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from loquent.models.catalog import Catalog
from loquent.models.conversion.errors import CheckpointError
from loquent.models.converters import CONVERTERS, Converter
from tests.unit.models.checkpoints import checkpoint_of

_WEIGHTS = {"w": np.ones((2, 3), np.float32)}


def shapes(tensors: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]) -> bytes:
    """Convert tensors to a description of them, for these tests."""
    return repr({name: values.shape for name, values in tensors.items()}).encode()


def stumble(tensors: object) -> bytes:
    """Convert nothing."""
    del tensors
    return bytes(np.concatenate([np.zeros((1, 2)), np.zeros((1, 3))]))


def test_a_converter_is_given_the_tensors(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(tmp_path / "w.pt", _WEIGHTS)
    assert Converter(__name__, "shapes")(checkpoint) == b"{'w': (2, 3)}"


def test_tensors_of_other_shapes_than_expected_are_a_fault_of_the_checkpoint(
    tmp_path: Path,
) -> None:
    checkpoint = checkpoint_of(tmp_path / "w.pt", _WEIGHTS)
    with pytest.raises(CheckpointError, match="other shapes"):
        Converter(__name__, "stumble")(checkpoint)


@pytest.mark.parametrize("name", CONVERTERS)
def test_every_converter_refuses_the_weights_of_another_network(name: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="lacks"):
        CONVERTERS[name](checkpoint_of(tmp_path / "w.pt", _WEIGHTS))


def test_every_converter_of_the_catalog_is_there() -> None:
    files = (file for entry in Catalog.load().entries.values() for file in entry.files)
    assert {file.made_by for file in files} == {None, *CONVERTERS}


def test_the_library_of_the_converters_is_imported_by_no_command_that_converts_nothing() -> None:
    program = "import sys, loquent.cli.app; sys.exit('onnx' in sys.modules)"
    command = [sys.executable, "-c", program]
    assert (
        subprocess.run(command, check=False, env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0
    )
