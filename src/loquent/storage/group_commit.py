"""What comes at the same time shares one write; knows no database and no table."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Generic, TypeAlias, TypeVar

from loquent.domain.errors import LedgerUnavailableError

N_TOGETHER: Final = 1000
"""Items in one write: more of them would make the first wait for the last."""

N_WAITING: Final = 10_000
"""Items that are kept for a database that is away; some 10 MB."""

_RETRY_S: Final = 0.2
_FRESH_S: Final = 0.5
_FAREWELL_S: Final = 5.0

_logger = logging.getLogger(__name__)

T = TypeVar("T")
ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

Write: TypeAlias = Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]]


class RowRefusedError(Exception):
    """The database is there, but does not want one of these items."""


def _future() -> asyncio.Future[T]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class _Waiting(Generic[ItemT, ResultT]):
    """An item, and who waits for it.

    Attributes:
        told: what became of it in a tuple, which is empty if it was refused.
        is_wanted: it is to be written, whether anybody waits or not.
    """

    item: ItemT
    told: asyncio.Future[tuple[ResultT, ...]] = field(default_factory=_future)
    is_wanted: bool = True

    def tell(self, *results: ResultT) -> None:
        if not self.told.done():
            self.told.set_result(results)


class GroupCommit(Generic[ItemT, ResultT]):
    """One task that writes all items that wait, then those that came meanwhile, and so on.

    Args:
        write: writes items, all or none, and returns what became of each in order; none at all
            tries whether it could. Items that were written already are written again without
            harm.
            Raises: LedgerUnavailableError, RowRefusedError.
        unavailable: makes the error for a caller.
        limit_s: how long a caller waits while nothing is written.
    """

    def __init__(
        self,
        write: Write[ItemT, ResultT],
        unavailable: Callable[[], LedgerUnavailableError],
        limit_s: float,
    ) -> None:
        self._write_items = write
        self._unavailable = unavailable
        self._limit_s = limit_s
        self._waiting: deque[_Waiting[ItemT, ResultT]] = deque()
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
        # Whoever is cancelled while closing still leaves the last items to be written.
        await asyncio.shield(self._task)

    async def write(self, item: ItemT, *, is_kept: bool = True) -> ResultT:
        """Return what became of an item once it is written.

        Args:
            is_kept: write it also if its caller has gone or was told that it took too long: what
                it stands for has happened.

        Raises: LedgerUnavailableError: if that takes too long, or the item is refused.
        """
        if not self._is_open or len(self._waiting) >= N_WAITING:
            raise self._unavailable()
        waiting: _Waiting[ItemT, ResultT] = _Waiting(item)
        self._waiting.append(waiting)
        self._wake.set()
        try:
            results = await self._expect(waiting.told)
        finally:
            waiting.is_wanted = is_kept
        if not results:
            raise self._unavailable()
        return results[0]

    async def check(self) -> None:
        """Return if an item could be written now; asks the database twice a second at most.

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
        if not await self._expect(told):
            raise self._unavailable()

    @property
    def _is_open(self) -> bool:
        is_running = self._task is not None and not self._task.done()
        return is_running and self._ends_at_s == float("inf")

    async def _expect(self, told: asyncio.Future[T]) -> T:
        """Wait as long as the database answers, however much there is to be written."""
        while not told.done():
            waiting_since_s = _now_s()
            await asyncio.wait({told}, timeout=self._limit_s)
            if not told.done() and self._written_at_s < waiting_since_s:
                self._is_failing = True
                raise self._unavailable()
        return told.result()

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
        self._waiting = deque(waiting for waiting in self._waiting if waiting.is_wanted)
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

    async def _write(self, batch: Sequence[_Waiting[ItemT, ResultT]]) -> None:
        try:
            results = await self._write_items([waiting.item for waiting in batch])
        except RowRefusedError:
            if len(batch) <= 1:
                self._settle(batch, [()] * len(batch))
                return
            # Halves of halves find the item that is refused in few writes.
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])
        else:
            self._settle(batch, [(result,) for result in results])

    def _settle(
        self,
        batch: Sequence[_Waiting[ItemT, ResultT]],
        results: Sequence[tuple[ResultT, ...]],
    ) -> None:
        for waiting, told in zip(batch, results, strict=True):
            self._waiting.popleft()
            waiting.tell(*told)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
