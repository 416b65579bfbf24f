"""Rows of usage, and what they add to the spending of accounts; decides who may spend nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Self

from sqlalchemy import Delete, Insert, Select, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from loquent.domain.accounts import BudgetPeriod
from loquent.domain.usage import UsageRow
from loquent.storage.columns import storable
from loquent.storage.statements import Values, insert_new, values_of
from loquent.storage.tables import RESERVATIONS, SPENDING, USAGE

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_LAST_DAY: Final = date.max.toordinal() - _EPOCH_DAY
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Span:
    """Some days, both ends included, by how many lie between them and 1970."""

    first: int
    last: int

    @property
    def next_date(self) -> date | None:
        """The day after it, None where there is none."""
        if self.last == _LAST_DAY:
            return None
        return date.fromordinal(_EPOCH_DAY + self.last + 1)


def span_of(period: BudgetPeriod, at: datetime) -> Span:
    """Return the days of the period that `at` is in, in UTC; a week begins on Monday."""
    today = at.astimezone(UTC).date()
    match period:
        case BudgetPeriod.DAY:
            first, following = today, today + timedelta(days=1)
        case BudgetPeriod.WEEK:
            first = today - timedelta(days=today.weekday())
            following = first + _WEEK
        case BudgetPeriod.MONTH:
            first = today.replace(day=1)
            following = (first + timedelta(days=31)).replace(day=1)
        case BudgetPeriod.TOTAL:
            return Span(-_EPOCH_DAY, _LAST_DAY)
    return Span(_day_of(first), _day_of(following) - 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that is to be written.

    Attributes:
        day: in whose spending its price counts.
        accounts: whose spending that is.
    """

    values: Values
    request_id: str
    day: int
    price_micros: int
    accounts: tuple[str, ...]

    @classmethod
    def of(cls, row: UsageRow, accounts: Sequence[str]) -> Self:
        """Return the entry of a row; an account that is named twice pays once.

        Raises: TypeError: if the row's time has no zone.
        """
        return cls(
            values=values_of(row),
            request_id=storable(row.request_id),
            day=_day_of(row.began_at.astimezone(UTC).date()),
            price_micros=row.price_micros,
            accounts=tuple(dict.fromkeys(accounts)),
        )

    @property
    def is_charged(self) -> bool:
        return self.price_micros != 0 and bool(self.accounts)


def write_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Insert rows, count what is new to the spending of accounts, and end its reservations.

    The caller holds the locks of all accounts that are charged.
    """
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.request_id, entry)
    inserting = insert_new(connection.dialect.name)
    free = [entry.values for entry in first.values() if not entry.is_charged]
    charged = {key: entry for key, entry in first.items() if entry.is_charged}
    if free:
        connection.execute(inserting, free)
    if charged:
        # What was there already was counted when it came.
        returning = inserting.returning(USAGE.c.request_id)
        found = connection.execute(returning, [each.values for each in charged.values()])
        _spend(connection, [charged[request_id] for request_id in found.scalars()])
    connection.execute(_delete_reservations(first))


def select_spent(span: Span, accounts: Iterable[str]) -> Select[str, int]:
    """Return what finds how much accounts spent; those that spent nothing are missing."""
    return (
        select(SPENDING.c.account_id, func.sum(SPENDING.c.micros))
        .where(SPENDING.c.account_id.in_(list(accounts)))
        .where(SPENDING.c.day.between(span.first, span.last))
        .group_by(SPENDING.c.account_id)
    )


def _spend(connection: Connection, entries: Iterable[Entry]) -> None:
    spent: Counter[tuple[str, int]] = Counter()
    for entry in entries:
        spent.update({(account, entry.day): entry.price_micros for account in entry.accounts})
    if spent:
        added = [
            {"account_id": account, "day": day, "micros": micros}
            for (account, day), micros in sorted(spent.items())
        ]
        connection.execute(_add_spending(connection.dialect.name), added)


def _add_spending(dialect: str) -> Insert:
    key = [SPENDING.c.account_id, SPENDING.c.day]
    if dialect == "sqlite":
        lite = sqlite.insert(SPENDING)
        micros = SPENDING.c.micros + lite.excluded.micros
        return lite.on_conflict_do_update(index_elements=key, set_={"micros": micros})
    postgres = postgresql.insert(SPENDING)
    micros = SPENDING.c.micros + postgres.excluded.micros
    return postgres.on_conflict_do_update(index_elements=key, set_={"micros": micros})


def _delete_reservations(request_ids: Iterable[str]) -> Delete:
    return delete(RESERVATIONS).where(RESERVATIONS.c.request_id.in_(list(request_ids)))


def _day_of(day: date) -> int:
    return day.toordinal() - _EPOCH_DAY
