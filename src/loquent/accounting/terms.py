"""Look at terms field by field, as they are spelled on the wire; compares no two callers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from loquent.domain.accounts import (
    Budget,
    BudgetPeriod,
    Terms,
)
from loquent.domain.rates import RateLimits

LIMIT_NAMES: Final = tuple(field.name for field in fields(RateLimits))

_MICRO_DIGITS: Final = 6


def stated(terms: Terms) -> Mapping[str, object]:
    """Return each field of terms by its name on the wire."""
    bounds, limits = terms.bounds, terms.limits
    return {
        "models": bounds.models,
        "allowed_providers": bounds.providers,
        "eu_native": bounds.eu_native,
        "allow_quantization": bounds.allow_quantization,
        "deployments": bounds.deployments,
        **{f"limits.{name}": getattr(limits, name) for name in LIMIT_NAMES},
        "budget": terms.budget,
    }


def differing(before: Mapping[str, object], after: Mapping[str, object]) -> frozenset[str]:
    """Return the names of what is not the same in both."""
    return frozenset(name for name, value in after.items() if value != before[name])


def told(before: Mapping[str, object], after: Mapping[str, object]) -> Mapping[str, str]:
    """Say in words what became of what, field by field, where anything did."""
    names = sorted(differing(before, after))
    return {name: f"{in_words(before[name])} -> {in_words(after[name])}" for name in names}


def in_words(value: object) -> str:
    """Say one value, so that a person understands it without a list of codes."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case frozenset():
            return ", ".join(sorted(map(str, value)))
        case datetime():
            return instant(value)
        case Budget():
            return _budget(value)
        case _:
            return str(value)


def instant(at: datetime) -> str:
    """Write a moment in UTC: "2026-11-30T12:00:00Z"."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _budget(budget: Budget) -> str:
    ends = (("", budget.hard_micros), ("a warning beyond ", budget.soft_micros))
    amounts = [f"{word}{_units(micros)}" for word, micros in ends if micros is not None]
    is_endless = budget.period is BudgetPeriod.TOTAL
    return f"{', '.join(amounts)} {'in total' if is_endless else f'a {budget.period}'}"


def _units(micros: int) -> str:
    return f"{Decimal(micros).scaleb(-_MICRO_DIGITS):f}"
