"""From frozen values to JSON and back, refusing what is not known; knows no value by name.

Only what differs from the defaults is written. What a newer Loquent wrote must not be read as if it
were not there, so a name that is not known makes the whole unreadable.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias, TypeVar

ValueT = TypeVar("ValueT")

Readers: TypeAlias = Mapping[str, Callable[[object], Any]]
"""What reads each field of a value."""


def encoded(value: object) -> str:
    """Return a value as JSON, in ASCII; equal values make equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def written(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their defaults, as JSON has them."""
    found = ((each.name, getattr(value, each.name), each.default) for each in fields(value))
    return {name: _plain(field) for name, field, default in found if field != default}


def read(kind: Callable[..., ValueT], readers: Readers, found: object) -> ValueT:
    """Return what `written` made of a value.

    Raises: ValueError: if this version cannot know what all of it means.
    """
    if not isinstance(found, dict) or not found.keys() <= readers.keys():
        raise ValueError("names that are not known")
    return kind(**{name: readers[name](value) for name, value in found.items()})


def number(found: object) -> int:
    """Raises: ValueError."""
    if isinstance(found, bool) or not isinstance(found, int):
        raise ValueError("not a whole number")  # noqa: TRY004 - all that cannot be read is one kind
    return found


def real(found: object) -> float:
    """Raises: ValueError."""
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError("not a number")  # noqa: TRY004 - as above
    if not math.isfinite(found):
        raise ValueError("not a finite number")
    return float(found)


def flag(found: object) -> bool:
    """Raises: ValueError."""
    if not isinstance(found, bool):
        raise ValueError("neither true nor false")  # noqa: TRY004 - as above
    return found


def word(found: object) -> str:
    """Raises: ValueError."""
    if not isinstance(found, str):
        raise ValueError("not a text")  # noqa: TRY004 - as above
    return found


def words(found: object) -> tuple[str, ...]:
    """Raises: ValueError."""
    if not isinstance(found, list):
        raise ValueError("not a list of texts")  # noqa: TRY004 - as above
    return tuple(word(each) for each in found)


def names(found: object) -> frozenset[str]:
    """Raises: ValueError."""
    return frozenset(words(found))


def _plain(value: Any) -> object:
    if is_dataclass(value):
        return written(value)
    if isinstance(value, frozenset):
        return sorted(value)
    return value
