"""Tell in headers what is left of limits and budgets; counts nothing."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, isinf

from loquent.api.served import in_units
from loquent.domain.limits import Allowance, Balance, Quantity


def rate_headers(allowances: Iterable[Allowance]) -> dict[str, str]:
    """Name the tightest limit of each quantity. Source: the OpenAI API, rate limits in headers."""
    tightest: dict[Quantity, Allowance] = {}
    for allowance in allowances:
        quantity = allowance.demand.quantity
        if quantity not in tightest or allowance.remaining < tightest[quantity].remaining:
            tightest[quantity] = allowance
    headers: dict[str, str] = {}
    for quantity, allowance in tightest.items():
        headers[f"x-ratelimit-limit-{quantity}"] = str(allowance.demand.limit)
        headers[f"x-ratelimit-remaining-{quantity}"] = str(allowance.remaining)
        if not isinf(allowance.reset_s):
            headers[f"x-ratelimit-reset-{quantity}"] = _duration(allowance.reset_s)
    return headers


def balance_headers(
    balances: Iterable[Balance], returned_micros: int, currency: str
) -> dict[str, str]:
    """Name the budget of which the least is left, and warn if one is beyond its soft end.

    Args:
        returned_micros: what of the money that was kept is given back.
    """
    told = list(balances)
    left = [each.remaining_micros for each in told if each.remaining_micros is not None]
    headers: dict[str, str] = {}
    if left:
        amount = in_units(max(0, min(left) + returned_micros))
        headers["x-loquent-budget-remaining"] = f"{amount} {currency}"
    beyond = [each.budget.soft_micros for each in told if each.is_beyond_soft]
    soft = [micros for micros in beyond if micros is not None]
    if soft:
        headers["x-loquent-budget-warning"] = f"more than {in_units(min(soft))} {currency} is spent"
    return headers


def _duration(seconds: float) -> str:
    """Write a length of time as OpenAI does: "12s", "1m3s"."""
    minutes, rest = divmod(max(0, ceil(seconds)), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
