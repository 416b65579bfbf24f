"""Budgets, and requests that want some of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from loquent.domain.accounts import Budget, BudgetPeriod
from loquent.domain.limits import Expense, Reservation
from loquent.storage.ledger import SqlLedger
from loquent.storage.tables import RESERVATIONS
from tests.unit.storage.usage_rows import NOON


def account(
    account_id: str,
    hard_micros: int | None = None,
    period: BudgetPeriod = BudgetPeriod.MONTH,
    *,
    soft_micros: int | None = None,
) -> Expense:
    return Expense(account_id, Budget(period, hard_micros, soft_micros))


def asking(
    micros: int, *expenses: Expense, request_id: str = "req_1", at: datetime = NOON
) -> Reservation:
    return Reservation(request_id, at, micros, expenses)


def left_of(*account_ids: str, at: datetime = NOON) -> Reservation:
    """Return what asks for balances and wants nothing, of budgets that have no end."""
    return asking(0, *map(account, account_ids), request_id="nobody", at=at)


async def n_reservations(ledger: SqlLedger) -> int:
    async with ledger._database.reading() as connection:
        counted = await connection.execute(select(func.count()).select_from(RESERVATIONS))
        return counted.scalar_one()
