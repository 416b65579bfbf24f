"""Tells which fields of a form nobody has read; knows no field by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from loquent.api.fields import FieldReader
from loquent.domain.errors import InvalidRequestError

_UNPRINTABLE = re.compile(r"[^\w\[\].-]", re.ASCII)
_LONGEST_NAME = 64


def part_unknown_fields(
    reader: FieldReader, extensions: AbstractSet[str], *, is_strict: bool
) -> tuple[dict[str, str], list[str]]:
    """Part the fields that nobody asked for into those that some endpoint reads, and the others.

    Args:
        extensions: names of fields that endpoints have of their own.

    Returns: values by name; and names as they may stand in a header.
    Raises: InvalidRequestError: under strict rules, naming the others and the nearest valid names.
    """
    wishes = reader.mapping("model_extensions")
    extras = {name: value for name, value in wishes.items() if name in extensions}
    for name in extensions & set(reader.unknown()):
        value = reader.text(name)
        if value is not None:
            extras[name] = value
    unread = (f"model_extensions.{name}" for name in wishes if name not in extras)
    names = [_UNPRINTABLE.sub("?", name)[:_LONGEST_NAME] for name in (*reader.unknown(), *unread)]
    if names and is_strict:
        hints = (_with_hint(name, reader.known) for name in names)
        raise InvalidRequestError(f"Unknown fields: {', '.join(hints)}.", param=names[0])
    return extras, names


def _with_hint(name: str, known: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(name.partition("[")[0], known, n=1)
    return f"'{name}' (did you mean '{nearest[0]}'?)" if nearest else f"'{name}'"
