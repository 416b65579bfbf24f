"""The table of readers names classes that are there."""

from __future__ import annotations

import importlib
from dataclasses import is_dataclass

import pytest

from loquent.engines.host.readers import READERS


@pytest.mark.parametrize("engine", READERS)
def test_the_table_names_a_reader_and_its_options(engine: str) -> None:
    address = READERS[engine]
    module = importlib.import_module(address.module)
    assert callable(getattr(module, address.reader).read)
    assert is_dataclass(getattr(module, address.options))
