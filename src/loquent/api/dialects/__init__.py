"""Which dialect is spoken under which prefix; a new dialect is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from loquent.api.dialects.dialect import Dialect
from loquent.api.dialects.openai import OPENAI
from loquent.api.dialects.v0 import V0

DIALECTS: Mapping[str, Dialect] = MappingProxyType({"/v1": OPENAI, "/v0": V0, "": OPENAI})
"""Prefix of the path -> dialect; the empty prefix owns what no other does."""


def dialect_at(path: str) -> Dialect:
    """Return the dialect that owns `path`."""
    first_part = "/" + path.removeprefix("/").partition("/")[0]
    return DIALECTS.get(first_part, DIALECTS[""])


__all__ = ["DIALECTS", "Dialect", "dialect_at"]
