"""Compare what one may do with what another may do; pure, and changes nothing.

Nobody gives more than they have. What a key does not state itself it takes from those that made
it and from its project, so only what is not bounded there has to be stated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from loquent.accounting.callers import caller_of, lineage
from loquent.accounting.terms import LIMIT_NAMES, differing, in_words, stated
from loquent.domain.accounts import (
    FREE,
    Account,
    AccountBook,
    Bounds,
    Budget,
    BudgetPeriod,
    Caller,
    Key,
    Reach,
    Scope,
    Terms,
)
from loquent.domain.errors import PermissionDeniedError

_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)
"""Nothing has expired yet."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a key is good for.

    Attributes:
        expires_at: when it, or the first of those that it comes from, expires; None for never.
    """

    caller: Caller
    expires_at: datetime | None = None


def rights_of(key: Key, book: AccountBook) -> Rights | None:
    """Return what a key is good for, expired or not; None if it, or what it is in, was ended."""
    caller = caller_of(key, book, _BEFORE_ALL)
    if caller is None:
        return None
    ends = [each.expires_at for each in lineage(key, book) if each.expires_at]
    return Rights(caller, min(ends, default=None))


def ensure_no_more(wanted: Rights, maker: Rights) -> None:
    """Refuse what has more than its maker, all that holds for both being counted.

    Raises: PermissionDeniedError: naming the first such field.
    """
    new, own = wanted.caller, maker.caller
    _refuse_first(_beyond_scopes(new.scopes, own.scopes))
    _refuse_first(_beyond_reach(new.reach, own.reach))
    _refuse_first(_beyond_bounds(new.bounds, own.bounds))
    apart = [account for account in own.accounts if account.id not in new.account_ids]
    _refuse_first(_beyond_limits(new.accounts, apart))
    _refuse_first(_beyond_budgets(new.accounts, apart))
    _refuse_first(_beyond_end(wanted.expires_at, maker.expires_at))


def ensure_modest_key(key: Key, maker: Rights, before: Key | None = None) -> None:
    """Refuse a key that states more than its maker has, even where something else bounds it.

    Args:
        before: what need not be looked at, because it was so already.

    Raises: PermissionDeniedError: naming the first such field.
    """
    own = maker.caller
    _refuse_first(_beyond_scopes(key.scopes - (before.scopes if before else set()), own.scopes))
    if before is None or key.reach is not before.reach:
        _refuse_first(_beyond_reach(key.reach, own.reach))
    ensure_modest(key.terms, own, before.terms if before else FREE)
    if before is None or key.expires_at != before.expires_at:
        _refuse_first(_beyond_end(key.expires_at, maker.expires_at))


def ensure_modest(terms: Terms, maker: Caller, before: Terms = FREE) -> None:
    """Refuse terms that state more than their maker has, even where something else bounds them.

    Args:
        before: what need not be looked at, because it was so already.

    Raises: PermissionDeniedError: naming the first such field.
    """
    values, own = stated(terms), (Account("", terms.limits, terms.budget),)
    said = {name for name in differing(stated(before), values) if values[name] is not None}
    faults = (
        *_beyond_bounds(terms.bounds, maker.bounds),
        *_beyond_limits(own, maker.accounts),
        *_above_budgets(terms.budget, maker.accounts),
    )
    _refuse_first(fault for fault in faults if fault[0] in said)


def ensure_not_widened(
    before: Terms, after: Terms, maker: Caller, outer: Account | None, within: Bounds
) -> None:
    """Refuse changes by which those who are bounded by these terms would have more than `maker`.

    Args:
        outer: whom both count against, beside what is changed.
        within: what bounds them beside it.

    Raises: PermissionDeniedError: naming the first such field.
    """
    touched = differing(stated(before), stated(after))
    ensure_modest(after, maker, before)
    own = [Account("", after.limits, after.budget)]
    apart = [account for account in maker.accounts if outer is None or account.id != outer.id]
    faults = (
        *_beyond_bounds(after.bounds.within(within), maker.bounds),
        *_beyond_limits(own, apart),
        *_beyond_budgets(own, apart),
    )
    _refuse_first(fault for fault in faults if fault[0] in touched)


_BOUNDS: Final = {
    "models": "your key has fewer models",
    "allowed_providers": "your key has fewer providers",
    "eu_native": "your key is bound to providers of the EU",
    "allow_quantization": "your key is bound to full weights",
    "deployments": "your key is bound to fewer deployments",
}

Fault = tuple[str, str]
"""A field, and what is wrong with it."""


def _beyond_scopes(new: AbstractSet[Scope], own: AbstractSet[Scope]) -> Iterator[Fault]:
    if not new <= own:
        more = in_words(frozenset(scope.value for scope in new - own))
        yield "scopes", f"your key does not have {more} itself"


def _beyond_reach(new: Reach, own: Reach) -> Iterator[Fault]:
    if not own.covers(new):
        yield "reach", f"your key reaches no further than its {own}"


def _beyond_end(new: datetime | None, own: datetime | None) -> Iterator[Fault]:
    if own and (new is None or new > own):
        yield "expires_at", f"your key ends at {in_words(own)}, this one later"


def _beyond_bounds(new: Bounds, own: Bounds) -> Iterator[Fault]:
    both = new.within(own)
    for name, value in stated(Terms(both)).items():
        if name in _BOUNDS and value != stated(Terms(new))[name]:
            yield name, _BOUNDS[name]


def _beyond_limits(new: Iterable[Account], own: Iterable[Account]) -> Iterator[Fault]:
    having, bounding = tuple(new), tuple(own)
    for name in LIMIT_NAMES:
        most, stated_one = _least(bounding, name), _least(having, name)
        if most is not None and (stated_one is None or stated_one > most):
            yield f"limits.{name}", f"your key has {most}; state no more"


def _least(accounts: Iterable[Account], name: str) -> int | None:
    values: list[int | None] = [getattr(account.limits, name) for account in accounts]
    return min((value for value in values if value is not None), default=None)


def _beyond_budgets(new: Iterable[Account], own: Iterable[Account]) -> Iterator[Fault]:
    having = [account.budget for account in new if account.budget]
    for account in own:
        there = account.budget
        if there is None or there.hard_micros is None:
            continue
        if not any(_implies(budget, there) for budget in having):
            yield "budget", f"your key has {in_words(there)}; state no more"


def _implies(new: Budget, own: Budget) -> bool:
    """Tell whether whoever keeps to `new` keeps to `own` as well."""
    if new.hard_micros is None or own.hard_micros is None or new.hard_micros > own.hard_micros:
        return False
    is_day_in_more = own.period is BudgetPeriod.DAY
    return new.period is own.period or new.period is BudgetPeriod.TOTAL or is_day_in_more


def _above_budgets(new: Budget | None, own: Iterable[Account]) -> Iterator[Fault]:
    """Yield where a budget promises more than there is, in a time that is no longer."""
    order = tuple(BudgetPeriod)
    for account in own:
        there = account.budget
        if new is None or there is None or new.hard_micros is None or there.hard_micros is None:
            continue
        is_longer = order.index(new.period) > order.index(there.period)
        if new.hard_micros > there.hard_micros and not is_longer:
            yield "budget", f"your key has {in_words(there)}; state no more"


def _refuse_first(faults: Iterable[Fault]) -> None:
    for param, reason in faults:
        raise _denied(param, reason)


def _denied(param: str, reason: str) -> PermissionDeniedError:
    return PermissionDeniedError(
        f"{param}: {reason}. Nobody gives more than they have.", param=param
    )
