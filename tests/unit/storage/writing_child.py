"""Writes rows as fast as it can, or reserves money, and prints the id of each that is on the disk.

Arguments: the URL of the database, and of whose budget it reserves, if it does.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from loquent.domain.accounts import Budget
from loquent.domain.limits import Expense, Reservation
from loquent.storage.ledger import SqlLedger
from tests.unit.storage.ledgers import opened_ledger
from tests.unit.storage.usage_rows import NOON, numbered

N_WRITERS = 20


async def main(url: str, account_id: str = "") -> None:
    numbers = count()

    async def write_on(ledger: SqlLedger) -> None:
        while True:
            row = numbered(next(numbers))
            if account_id:
                expense = Expense(account_id, Budget())
                await ledger.reserve(Reservation(row.request_id, NOON, 1, (expense,)))
            else:
                await ledger.record(row)
            sys.stdout.write(f"{row.request_id}\n")
            sys.stdout.flush()

    async with opened_ledger(url) as ledger:
        await asyncio.gather(*(write_on(ledger) for _ in range(N_WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
