"""Tells which fields of a form nobody has read; knows no field by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from loquent.api.fields import FieldReader
from loquent.domain.errors import InvalidRequestError

_UNPRINTABLE = re.compile(r"[^\w\[\].-]", re.ASCII)
_LONGEST_NAME = 64


def unknown_fields(reader: FieldReader, *, is_strict: bool) -> list[str]:
    """List the fields that nobody asked for, as they may stand in a header.

    Raises: InvalidRequestError: under strict rules, naming them and the nearest valid names.
    """
    extensions = reader.mapping("model_extensions")
    unknown = [*reader.unknown(), *(f"model_extensions.{key}" for key in extensions)]
    names = [_UNPRINTABLE.sub("?", name)[:_LONGEST_NAME] for name in unknown]
    if names and is_strict:
        hints = (_with_hint(name, reader.known) for name in names)
        raise InvalidRequestError(f"Unknown fields: {', '.join(hints)}.", param=names[0])
    return names


def _with_hint(name: str, known: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(name.partition("[")[0], known, n=1)
    return f"'{name}' (did you mean '{nearest[0]}'?)" if nearest else f"'{name}'"
