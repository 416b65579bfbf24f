"""From the terms of accounts to text and back, refusing what it does not know; decides no right.

A bound that a newer Loquent wrote must not be read as none at all.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Final

from loquent.domain.accounts import (
    Bounds,
    Budget,
    BudgetPeriod,
    Terms,
)
from loquent.domain.rates import RateLimits
from loquent.storage.database import StorageError
from loquent.storage.written import Readers, encoded, flag, names, number, read, word, written


def text_of(terms: Terms) -> str:
    """Return terms as JSON, in ASCII; equal terms make equal texts."""
    return encoded(written(terms))


@lru_cache(maxsize=4096)
def terms_of(text: str) -> Terms:
    """Return the terms that `text_of` wrote.

    Raises: StorageError: if this version cannot know what all of it means.
    """
    try:
        return read(Terms, _TERMS, json.loads(text))
    except (ValueError, RecursionError) as error:
        message = "What an account may do was written by a newer Loquent, or by hand: run that one."
        raise StorageError(message) from error


def _period(found: object) -> BudgetPeriod:
    return BudgetPeriod(word(found))


LIMITS: Final[Readers] = MappingProxyType({each.name: number for each in fields(RateLimits)})

_BOUNDS: Final[Readers] = MappingProxyType(
    {
        "models": names,
        "providers": names,
        "eu_native": flag,
        "allow_quantization": flag,
        "deployments": names,
    }
)
_BUDGET: Final[Readers] = MappingProxyType(
    {"period": _period, "hard_micros": number, "soft_micros": number}
)
_TERMS: Final[Readers] = MappingProxyType(
    {
        "bounds": partial(read, Bounds, _BOUNDS),
        "limits": partial(read, RateLimits, LIMITS),
        "budget": partial(read, Budget, _BUDGET),
    }
)
