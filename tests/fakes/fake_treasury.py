"""A treasury in memory, which knows what was spent because a test says so."""

from __future__ import annotations

from collections.abc import Sequence

from loquent.domain.errors import BudgetExceededError
from loquent.domain.limits import Balance, Expense, Reservation


class FakeTreasury:
    """Keeps money by request.

    Attributes:
        spent_micros: by the ids of accounts.
        reserved: the last reservation of each request.
        asked: reservations of which only the balance was asked.
    """

    def __init__(self, **spent_micros: int) -> None:
        self.spent_micros = spent_micros
        self.reserved: dict[str, Reservation] = {}
        self.asked: list[Reservation] = []

    async def reserve(self, reservation: Reservation) -> Sequence[Balance]:
        balances = [self._balance(each, reservation) for each in reservation.expenses]
        if any(
            each.remaining_micros is not None and each.remaining_micros < 0 for each in balances
        ):
            raise BudgetExceededError("The budget of this month is spent.")
        self.reserved[reservation.request_id] = reservation
        return balances

    async def balances(self, reservation: Reservation) -> Sequence[Balance]:
        self.asked.append(reservation)
        return [self._balance(each, reservation) for each in reservation.expenses]

    def _balance(self, expense: Expense, reservation: Reservation) -> Balance:
        budget, account_id = expense.budget, expense.account_id
        others = [
            each.micros
            for each in self.reserved.values()
            if each.request_id != reservation.request_id
            and account_id in {one.account_id for one in each.expenses}
        ]
        spent = self.spent_micros.get(account_id, 0) + sum(others) + reservation.micros
        return Balance(
            account_id,
            budget,
            spent,
            is_beyond_soft=budget.soft_micros is not None and spent > budget.soft_micros,
            remaining_micros=None if budget.hard_micros is None else budget.hard_micros - spent,
        )
