"""The table of performers names classes that are there."""

from __future__ import annotations

import importlib
from dataclasses import is_dataclass

import pytest

from loquent.engines.host.performers import PERFORMERS


@pytest.mark.parametrize("engine", PERFORMERS)
def test_the_table_names_a_performer_and_its_options(engine: str) -> None:
    address = PERFORMERS[engine]
    module = importlib.import_module(address.module)
    performer = getattr(module, address.performer)
    assert any(hasattr(performer, deed) for deed in ("read", "speak", "analyse"))
    assert is_dataclass(getattr(module, address.options))
