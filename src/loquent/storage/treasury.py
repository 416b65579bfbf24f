"""Money that is kept for requests that run: granted, renewed, expired; knows nobody's key.

Whoever grants or spends on PostgreSQL first takes the locks of all accounts concerned, in one
order everywhere, so that nothing of them changes between reading and writing. In SQLite there is
one writer at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from types import MappingProxyType
from typing import Final, TypeAlias

from sqlalchemy import delete, func, insert, select, text, tuple_, update
from sqlalchemy.engine import Connection

from loquent.domain.accounts import Budget, BudgetPeriod
from loquent.domain.errors import BudgetExceededError
from loquent.domain.limits import Balance, Expense, Reservation
from loquent.storage.columns import us_of
from loquent.storage.spending import Span, select_spent, span_of
from loquent.storage.tables import RESERVATIONS, USAGE

LEASE: Final = timedelta(seconds=30)
"""How long a reservation is kept for a process that does not renew it."""

Grant: TypeAlias = tuple[Balance, ...]

_N_RENEWED_AT_ONCE: Final = 1000

_KIND: Final[Mapping[BudgetPeriod, str]] = MappingProxyType(
    {
        BudgetPeriod.DAY: "per day",
        BudgetPeriod.WEEK: "per week",
        BudgetPeriod.MONTH: "per month",
        BudgetPeriod.TOTAL: "in total",
    }
)

_LOCK: Final = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")


def lock_accounts(connection: Connection, account_ids: Iterable[str]) -> None:
    """Keep everybody else from spending of these accounts until the transaction ends.

    To be called once in a transaction, before anything else: who took more later could wait for
    somebody who waits in turn.
    """
    keys = sorted({_lock_key(account_id) for account_id in account_ids})
    if keys and connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"keys": keys})


def keep_money(
    connection: Connection, reservations: Sequence[Reservation], now: datetime
) -> list[Grant | BudgetExceededError]:
    """Keep what budgets have, one reservation after the other; return what became of each.

    The caller holds the locks of all accounts.
    """
    till = _till(connection, reservations, now)
    answers = [till.keep(reservation) for reservation in reservations]
    if till.changed:
        expires_at_us = us_of(now + LEASE)
        rows = [
            {
                "request_id": request_id,
                "account_id": account_id,
                "micros": micros,
                "expires_at_us": expires_at_us,
            }
            for request_id in sorted(till.changed)
            for account_id, micros in till.kept[request_id].items()
        ]
        ids = list(till.changed)
        connection.execute(delete(RESERVATIONS).where(RESERVATIONS.c.request_id.in_(ids)))
        connection.execute(insert(RESERVATIONS), rows)
    return answers


def look_up(connection: Connection, reservation: Reservation, now: datetime) -> Grant:
    """Return what is left of each budget, without keeping anything."""
    till = _till(connection, [reservation], now)
    return till.balances(reservation, {})


def renew(connection: Connection, request_ids: Iterable[str], now: datetime) -> frozenset[str]:
    """Keep the reservations of requests for longer; return which of them still have any."""
    ids, found = sorted(request_ids), set[str]()
    for start in range(0, len(ids), _N_RENEWED_AT_ONCE):
        some = ids[start : start + _N_RENEWED_AT_ONCE]
        renewing = (
            update(RESERVATIONS)
            .where(RESERVATIONS.c.request_id.in_(some))
            .values(expires_at_us=us_of(now + LEASE))
            .returning(RESERVATIONS.c.request_id)
        )
        found.update((connection.execute(renewing)).scalars())
    return frozenset(found)


def delete_expired(connection: Connection, now: datetime) -> None:
    """Delete what nobody renewed; it counts for nothing already."""
    key = (RESERVATIONS.c.request_id, RESERVATIONS.c.account_id)
    # Who never waits for a row holds up nobody who waits for this.
    expired = (
        select(*key)
        .where(RESERVATIONS.c.expires_at_us <= us_of(now))
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(RESERVATIONS).where(tuple_(*key).in_(expired)))


@dataclass(slots=True)
class _Till:
    """What some accounts have spent and reserved, and what requests have kept so far.

    Attributes:
        spent: by accounts in spans; what is missing is nothing.
        reserved: by accounts, for all requests.
        kept: by accounts, for each of the requests that ask now.
        over: requests whose row is written, so that nothing needs to be kept for them.
        changed: requests that keep something else than before.
    """

    spent: Mapping[tuple[str, Span], int]
    reserved: Counter[str]
    kept: dict[str, dict[str, int]]
    over: frozenset[str]
    changed: set[str]

    def keep(self, reservation: Reservation) -> Grant | BudgetExceededError:
        """Keep the money for a request instead of what it kept before, if all budgets have it."""
        request_id = reservation.request_id
        if request_id in self.over:
            return self.balances(reservation, {})
        former = self.kept.get(request_id, {})
        wanted = {expense.account_id: reservation.micros for expense in reservation.expenses}
        added = {account: micros - former.get(account, 0) for account, micros in wanted.items()}
        for expense in reservation.expenses:
            hard_micros = expense.budget.hard_micros
            total = self._total(expense, reservation.at) + added[expense.account_id]
            if hard_micros is not None and total > hard_micros:
                return _exceeded(expense.budget, reservation.at)
        balances = self.balances(reservation, added)
        self.reserved.subtract(former)
        self.reserved.update(wanted)
        self.kept[request_id] = wanted
        self.changed.add(request_id)
        return balances

    def balances(self, reservation: Reservation, added: Mapping[str, int]) -> Grant:
        """Return what is left of each budget if so much more is reserved."""
        return tuple(
            _balance(
                expense, self._total(expense, reservation.at) + added.get(expense.account_id, 0)
            )
            for expense in reservation.expenses
        )

    def _total(self, expense: Expense, at: datetime) -> int:
        span = span_of(expense.budget.period, at)
        return self.spent.get((expense.account_id, span), 0) + self.reserved[expense.account_id]


def _till(connection: Connection, reservations: Sequence[Reservation], now: datetime) -> _Till:
    accounts = {e.account_id for each in reservations for e in each.expenses}
    request_ids = [each.request_id for each in reservations]
    unexpired = RESERVATIONS.c.expires_at_us > us_of(now)
    reserved = connection.execute(
        select(RESERVATIONS.c.account_id, func.sum(RESERVATIONS.c.micros))
        .where(RESERVATIONS.c.account_id.in_(list(accounts)), unexpired)
        .group_by(RESERVATIONS.c.account_id)
    )
    own = connection.execute(
        select(RESERVATIONS.c.request_id, RESERVATIONS.c.account_id, RESERVATIONS.c.micros).where(
            RESERVATIONS.c.request_id.in_(request_ids), unexpired
        )
    )
    over = connection.execute(select(USAGE.c.request_id).where(USAGE.c.request_id.in_(request_ids)))
    kept: dict[str, dict[str, int]] = {}
    for request_id, account_id, micros in own:
        kept.setdefault(request_id, {})[account_id] = micros
    return _Till(
        # Read last: what is written down meanwhile, where nobody locks, counts twice, not never.
        reserved=Counter({account_id: int(micros) for account_id, micros in reserved}),
        kept=kept,
        over=frozenset(over.scalars()),
        spent=_spent(connection, reservations),
        changed=set(),
    )


def _spent(
    connection: Connection, reservations: Sequence[Reservation]
) -> dict[tuple[str, Span], int]:
    accounts: dict[Span, set[str]] = {}
    for reservation in reservations:
        for expense in reservation.expenses:
            span = span_of(expense.budget.period, reservation.at)
            accounts.setdefault(span, set()).add(expense.account_id)
    spent: dict[tuple[str, Span], int] = {}
    for span, some in accounts.items():
        for account_id, micros in connection.execute(select_spent(span, some)):
            # PostgreSQL sums whole numbers to decimals.
            spent[account_id, span] = int(micros)
    return spent


def _balance(expense: Expense, spent_micros: int) -> Balance:
    hard_micros, soft_micros = expense.budget.hard_micros, expense.budget.soft_micros
    return Balance(
        account_id=expense.account_id,
        budget=expense.budget,
        spent_micros=spent_micros,
        is_beyond_soft=soft_micros is not None and spent_micros > soft_micros,
        remaining_micros=None if hard_micros is None else max(0, hard_micros - spent_micros),
    )


def _exceeded(budget: Budget, at: datetime) -> BudgetExceededError:
    begins = span_of(budget.period, at).next_date
    anew = f"It begins anew on {begins:%Y-%m-%d}, 00:00 UTC." if begins else "It never begins anew."
    return BudgetExceededError(
        f"This request may cost more than is left of a budget {_KIND[budget.period]}. {anew}"
        " Ask for less, or have the budget raised."
    )


def _lock_key(account_id: str) -> int:
    digest = blake2b(account_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
