"""Writes rows as fast as it can and prints the id of each one that is on the disk."""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from loquent.storage.ledger import SqlLedger
from tests.unit.storage.usage_rows import numbered

N_WRITERS = 20


async def main(url: str) -> None:
    ledger = SqlLedger(url, limit_s=30)
    await ledger.open()
    numbers = count()

    async def write_on() -> None:
        while True:
            row = numbered(next(numbers))
            await ledger.record(row)
            sys.stdout.write(f"{row.request_id}\n")
            sys.stdout.flush()

    await asyncio.gather(*(write_on() for _ in range(N_WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
