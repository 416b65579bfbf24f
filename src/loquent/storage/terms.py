"""From the terms of accounts to text and back, refusing what it does not know; decides no right.

Only what differs from the defaults is written. A bound that a newer Loquent wrote must not be read
as none at all, so a name that is not known here makes the whole unreadable.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from loquent.domain.accounts import Bounds, Budget, BudgetPeriod, RateLimits, Terms
from loquent.storage.database import StorageError

ValueT = TypeVar("ValueT", Bounds, Budget, RateLimits, Terms)


def text_of(terms: Terms) -> str:
    """Return terms as JSON, in ASCII; equal terms make equal texts."""
    return json.dumps(_written(terms), sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=4096)
def terms_of(text: str) -> Terms:
    """Return the terms that `text_of` wrote.

    Raises: StorageError: if this version cannot know what all of it means.
    """
    try:
        return _read(Terms, _TERMS, json.loads(text))
    except (ValueError, RecursionError) as error:
        message = "What an account may do was written by a newer Loquent, or by hand: run that one."
        raise StorageError(message) from error


def _written(value: Bounds | Budget | RateLimits | Terms) -> dict[str, Any]:
    found = ((each.name, getattr(value, each.name), each.default) for each in fields(value))
    return {name: _plain(field) for name, field, default in found if field != default}


def _plain(value: Any) -> object:
    match value:
        case Bounds() | Budget() | RateLimits() | Terms():
            return _written(value)
        case frozenset():
            return sorted(value)
        case _:
            return value


def _number(found: object) -> int:
    if isinstance(found, bool) or not isinstance(found, int):
        raise ValueError("not a whole number")  # noqa: TRY004 - all that cannot be read is one kind
    return found


def _flag(found: object) -> bool:
    if not isinstance(found, bool):
        raise ValueError("neither true nor false")  # noqa: TRY004 - as above
    return found


def _names(found: object) -> frozenset[str]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError("not names")
    return frozenset(found)


def _period(found: object) -> BudgetPeriod:
    if not isinstance(found, str):
        raise ValueError("not a word")  # noqa: TRY004 - as above
    return BudgetPeriod(found)


Readers: TypeAlias = Mapping[str, Callable[[object], Any]]


def _read(kind: type[ValueT], readers: Readers, found: object) -> ValueT:
    if not isinstance(found, dict) or not found.keys() <= readers.keys():
        raise ValueError("names that are not known")
    return kind(**{name: readers[name](value) for name, value in found.items()})


_BOUNDS: Final[Readers] = MappingProxyType(
    {"models": _names, "providers": _names, "eu_native": _flag, "allow_quantization": _flag}
)
_LIMITS: Final[Readers] = MappingProxyType({each.name: _number for each in fields(RateLimits)})
_BUDGET: Final[Readers] = MappingProxyType(
    {"period": _period, "hard_micros": _number, "soft_micros": _number}
)
_TERMS: Final[Readers] = MappingProxyType(
    {
        "bounds": partial(_read, Bounds, _BOUNDS),
        "limits": partial(_read, RateLimits, _LIMITS),
        "budget": partial(_read, Budget, _BUDGET),
    }
)
