"""Answers on a database for those who ask twice: who is first, what was said; seals nothing.

Whoever is first holds a lease, which the store renews as long as this process lives; after its end
the next one takes the work over. Servers that share a database must agree on the time within some
seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Delete, Update
from sqlalchemy.engine import Connection

from loquent.domain.idempotency import (
    AnsweredClaim,
    Claim,
    FirstClaim,
    OtherClaim,
    RunningClaim,
)
from loquent.ports.idempotency import Claimed
from loquent.storage.answer_statements import (
    delete_expired,
    delete_unanswered,
    end_lease,
    insert_or_replace_expired,
    keep_first,
    renew_lease,
    select_answer,
    take_over,
)
from loquent.storage.chores import Chore, Chores
from loquent.storage.columns import us_of
from loquent.storage.opening import Database

KEPT: Final = timedelta(hours=24)
LEASE: Final = timedelta(seconds=30)
RENEW_S: Final = 10.0
"""Two renewals may fail, and no lease ends."""

CLEAR_S: Final = 60.0

_N_CLEARED_AT_ONCE: Final = 20
"""Answers may be large, and whoever wants to write meanwhile must not wait for long."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlAnswerStore:
    """Keeps answers for a day in SQLite or PostgreSQL; `open` it before use.

    Args:
        database: opened by whoever owns it.
        now: the time, UTC.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime] = _utc_now) -> None:
        self._database = database
        self._now = now
        self._held: set[Claim] = set()
        self._chores = Chores(Chore(self.renew, RENEW_S, RENEW_S), Chore(self.clear, CLEAR_S, 0.0))

    async def open(self) -> None:
        """Begin to renew the leases of what is claimed here, and to remove what has expired."""
        self._chores.start()

    async def close(self) -> None:
        """End that; what is still claimed can be taken over half a minute later."""
        await self._chores.close()

    async def claim(self, claim: Claim) -> Claimed:
        """Begin to work on a request, unless that has been done or is being done.

        A caller who is cancelled here may have claimed it; that ends with the lease.

        Raises: LedgerUnavailableError.
        """
        # Who asks again and again must not hold up those who write.
        async with self._database.reading() as connection:
            claimed = await connection.run_sync(partial(self._found, claim))
        while claimed is None:
            claimed = await self._database.write(partial(self._claimed, claim))
        if isinstance(claimed, FirstClaim):
            self._held.add(claim)
        return claimed

    async def keep(self, claim: Claim, sealed: bytes | None) -> None:
        """Keep the answer; when this returns it is on the disk. The first answer stays.

        Raises: LedgerUnavailableError: then the claim ends with its lease, unless this is repeated.
        """
        self._held.discard(claim)
        row = {**self._row(claim), "is_answered": True, "sealed": sealed}

        def keep(connection: Connection) -> None:
            connection.execute(keep_first(connection.dialect.name, claim), row)

        await self._database.write(keep)

    async def drop(self, claim: Claim) -> None:
        """Give a claim up, so that the request can be sent again.

        One with an answer stays, and one that somebody else has taken over.

        Raises: LedgerUnavailableError: then the claim ends with its lease.
        """
        self._held.discard(claim)
        await self._database.write(partial(_execute, delete_unanswered(claim)))

    async def release(self, claim: Claim) -> None:
        """End a claim of which nobody knows whether its row of usage was written.

        Raises: LedgerUnavailableError: then it ends with its lease.
        """
        self._held.discard(claim)
        await self._database.write(partial(_execute, end_lease(claim)))

    async def renew(self) -> None:
        """Renew the leases of what is claimed here and neither kept nor dropped.

        Raises: LedgerUnavailableError.
        """
        until_us = us_of(self._now() + LEASE)
        held = [
            {"held_id": claim.id, "held_by": claim.request_id, "until_us": until_us}
            for claim in self._held
        ]
        if held:
            await self._database.write(lambda connection: connection.execute(renew_lease(), held))

    async def clear(self) -> None:
        """Remove what has expired.

        Raises: LedgerUnavailableError: then some of it may be removed already.
        """
        now_us = us_of(self._now())
        n_cleared = _N_CLEARED_AT_ONCE
        while n_cleared == _N_CLEARED_AT_ONCE:
            removing = delete_expired(now_us, _N_CLEARED_AT_ONCE)
            n_cleared = await self._database.write(partial(_execute, removing))

    def _claimed(self, claim: Claim, connection: Connection) -> Claimed | None:
        """Return None where the claim that was in the way has just been given up."""
        row, now_us = self._row(claim), us_of(self._now())
        inserting = insert_or_replace_expired(connection.dialect.name, now_us)
        if connection.execute(inserting, row).first():
            return FirstClaim(claim.request_id)
        taking = take_over(claim, now_us, us_of(self._now() + LEASE))
        if taken := connection.execute(taking).first():
            return FirstClaim(taken.request_id)
        return self._found(claim, connection)

    def _found(self, claim: Claim, connection: Connection) -> Claimed | None:
        """Return what there is that nobody may take over, None where there is no such thing."""
        now_us = us_of(self._now())
        found = connection.execute(select_answer(claim)).first()
        if found is None or found.expires_at_us <= now_us:
            return None
        is_over = not found.is_answered and found.lease_until_us <= now_us
        if is_over and found.digest == claim.digest:
            return None
        if found.digest != claim.digest:
            return OtherClaim()
        return AnsweredClaim(found.sealed) if found.is_answered else RunningClaim()

    def _row(self, claim: Claim) -> Mapping[str, str | int | bytes | None]:
        now = self._now()
        return {
            "id": claim.id,
            "digest": claim.digest,
            "request_id": claim.request_id,
            "holder": claim.request_id,
            "lease_until_us": us_of(now + LEASE),
            "expires_at_us": us_of(now + KEPT),
            "is_answered": False,
            "sealed": None,
        }


def _execute(statement: Delete | Update, connection: Connection) -> int:
    """Return how many rows a statement touched."""
    return connection.execute(statement).rowcount
