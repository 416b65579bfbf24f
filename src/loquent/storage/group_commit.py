"""Rows that come at the same time share one write; knows no database and no table."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Generic, TypeVar

from loquent.domain.errors import LedgerUnavailableError

N_TOGETHER: Final = 1000
"""Rows in one write: more of them would make the first wait for the last."""

N_WAITING: Final = 10_000
"""Rows that are kept for a database that is away; some 10 MB."""

_RETRY_S: Final = 0.2
_FRESH_S: Final = 0.5
_FAREWELL_S: Final = 5.0

_logger = logging.getLogger(__name__)

RowT = TypeVar("RowT")


class RowRefusedError(Exception):
    """The database is there, but does not want one of these rows."""


def _future() -> asyncio.Future[bool]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class _Waiting(Generic[RowT]):
    row: RowT
    told: asyncio.Future[bool] = field(default_factory=_future)

    def tell(self, *, is_written: bool) -> None:
        if not self.told.done():
            self.told.set_result(is_written)


class GroupCommit(Generic[RowT]):
    """One task that writes all rows that wait, then those that came meanwhile, and so on.

    A row that was taken is kept until it is written or refused, also when its caller has gone or
    was told that it took too long: what it stands for has happened.

    Args:
        write: writes rows, all or none; none at all tries whether it could. Rows that are
            already there are written again without harm.
            Raises: LedgerUnavailableError, RowRefusedError.
        unavailable: makes the error for a caller.
        limit_s: how long a caller waits.
    """

    def __init__(
        self,
        write: Callable[[Sequence[RowT]], Awaitable[None]],
        unavailable: Callable[[], LedgerUnavailableError],
        limit_s: float,
    ) -> None:
        self._write_rows = write
        self._unavailable = unavailable
        self._limit_s = limit_s
        self._waiting: deque[_Waiting[RowT]] = deque()
        self._next_round: asyncio.Future[bool] | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_failing = False
        self._written_at_s = float("-inf")
        self._ends_at_s = float("inf")

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what waits, for 5 s at most, and end."""
        if self._task is None:
            return
        self._ends_at_s = _now_s() + _FAREWELL_S
        self._wake.set()
        # Whoever is cancelled while closing still leaves the last rows to be written.
        await asyncio.shield(self._task)

    async def write(self, row: RowT) -> None:
        """Return once the row is written.

        Raises: LedgerUnavailableError: if that takes too long, or the row is refused.
        """
        if not self._is_open or len(self._waiting) >= N_WAITING:
            raise self._unavailable()
        waiting = _Waiting(row)
        self._waiting.append(waiting)
        self._wake.set()
        await self._expect(waiting.told)

    async def check(self) -> None:
        """Return if a row could be written now; asks the database twice a second at most.

        Raises: LedgerUnavailableError: at once where the last write failed.
        """
        if not self._is_open:
            raise self._unavailable()
        if self._next_round is None:
            self._next_round = _future()
        told = self._next_round
        if self._is_failing:
            self._wake.set()
            raise self._unavailable()
        if _now_s() - self._written_at_s < _FRESH_S:
            return
        self._wake.set()
        await self._expect(told)

    @property
    def _is_open(self) -> bool:
        is_running = self._task is not None and not self._task.done()
        return is_running and self._ends_at_s == float("inf")

    async def _expect(self, told: asyncio.Future[bool]) -> None:
        await asyncio.wait({told}, timeout=self._limit_s)
        if not told.done():
            self._is_failing = True
        if not told.done() or not told.result():
            raise self._unavailable()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            is_good = await self._round()
            is_over = self._ends_at_s < float("inf")
            if is_over and (not self._waiting or _now_s() >= self._ends_at_s):
                break
            if self._waiting or not is_good:
                self._wake.set()
            if not is_good:
                await asyncio.sleep(_RETRY_S)
        if self._waiting:
            _logger.error("Usage of %d requests was never written.", len(self._waiting))

    async def _round(self) -> bool:
        asked, self._next_round = self._next_round, None
        try:
            await self._write(list(islice(self._waiting, N_TOGETHER)))
        except LedgerUnavailableError:
            self._is_failing = True
            is_good = False
        else:
            self._is_failing = False
            self._written_at_s = _now_s()
            is_good = True
        if asked is not None:
            asked.set_result(is_good)
        return is_good

    async def _write(self, batch: Sequence[_Waiting[RowT]]) -> None:
        try:
            await self._write_rows([waiting.row for waiting in batch])
        except RowRefusedError:
            if len(batch) <= 1:
                self._settle(batch, is_written=False)
                return
            # Halves of halves find the row that is refused in few writes.
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])
        else:
            self._settle(batch, is_written=True)

    def _settle(self, batch: Sequence[_Waiting[RowT]], *, is_written: bool) -> None:
        for waiting in batch:
            self._waiting.popleft()
            waiting.tell(is_written=is_written)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
