"""Whatever happens in whatever order, the treasury does as a few lines of Python do."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Final, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loquent.domain.accounts import Budget, BudgetPeriod
from loquent.domain.errors import BudgetExceededError
from loquent.domain.limits import Expense
from loquent.storage.ledger import SqlLedger
from tests.unit.storage.databases import Place
from tests.unit.storage.ledgers import Clock, opened_ledger
from tests.unit.storage.money import asking
from tests.unit.storage.usage_rows import NOON, ONE

_ACCOUNTS: Final = ("key", "project", "org")
_REQUESTS: Final = ("q", "r", "s", "t")


@dataclass(frozen=True)
class Reserve:
    """Also extends, where the same request has reserved before."""

    request: str
    micros: int


@dataclass(frozen=True)
class Record:
    """Ends a request; what it costs is no more than it has reserved, as the API sees to.

    Attributes:
        share: of what is reserved, in hundredths, that it costs.
        n_times: that the row comes.
    """

    request: str
    share: int
    n_times: int


@dataclass(frozen=True)
class Pass:
    """Time goes by; what is held here is renewed every 10 s of it, if it is."""

    hours: int
    seconds: int
    is_renewed: bool


Step: TypeAlias = Reserve | Record | Pass

_STEPS = st.lists(
    st.one_of(
        st.builds(Reserve, st.sampled_from(_REQUESTS), st.integers(0, 40)),
        st.builds(Record, st.sampled_from(_REQUESTS), st.integers(0, 100), st.integers(1, 3)),
        st.builds(
            Pass, st.sampled_from([0, 0, 0, 26]), st.sampled_from([0, 15, 29, 30]), st.booleans()
        ),
    ),
    max_size=25,
)
_BUDGETS = st.builds(
    Budget,
    st.sampled_from(BudgetPeriod),
    st.none() | st.integers(0, 100),
    st.none() | st.integers(0, 100),
)
_SEVERAL_BUDGETS = st.lists(_BUDGETS, min_size=len(_ACCOUNTS), max_size=len(_ACCOUNTS))


@dataclass
class Kept:
    micros: int
    expires_at_s: float


@dataclass
class Model:
    """What is spent by account and day, and what is reserved by request."""

    budgets: dict[str, Budget]
    clock: Clock
    spent: Counter[tuple[str, int]] = field(default_factory=Counter)
    kept: dict[str, Kept] = field(default_factory=dict)

    def reserve(self, request: str, micros: int) -> list[int] | None:
        """Return what is then spent of each budget, None if it is refused."""
        others = sum(each.micros for name, each in self._open().items() if name != request)
        totals = [self._spent(name) + others + micros for name in _ACCOUNTS]
        ends = [self.budgets[name].hard_micros for name in _ACCOUNTS]
        if any(end is not None and total > end for total, end in zip(totals, ends, strict=True)):
            return None
        self.kept[request] = Kept(micros, self._now_s + 30)
        return totals

    def reserved(self, request: str) -> int:
        found = self._open().get(request)
        return found.micros if found else 0

    def record(self, request: str, micros: int) -> None:
        self.kept.pop(request, None)
        for name in _ACCOUNTS:
            self.spent[name, self.clock.at.toordinal()] += micros

    def renew(self) -> None:
        for each in self.kept.values():
            each.expires_at_s = self._now_s + 30

    def expire(self) -> None:
        self.kept = self._open()

    def totals(self) -> list[int]:
        reserved = sum(each.micros for each in self._open().values())
        return [self._spent(name) + reserved for name in _ACCOUNTS]

    def _open(self) -> dict[str, Kept]:
        return {name: each for name, each in self.kept.items() if each.expires_at_s > self._now_s}

    def _spent(self, name: str) -> int:
        """Add up the days that share the period with today, looked at one by one."""
        today = self.clock.at.date()
        period = self.budgets[name].period
        return sum(
            micros
            for (whose, ordinal), micros in self.spent.items()
            if whose == name and _shares(period, today.fromordinal(ordinal), today)
        )

    @property
    def _now_s(self) -> float:
        return self.clock.at.timestamp()


def _shares(period: BudgetPeriod, one: object, other: object) -> bool:
    formats = {
        BudgetPeriod.DAY: "{:%Y-%m-%d}",
        BudgetPeriod.WEEK: "{:%G-%V}",
        BudgetPeriod.MONTH: "{:%Y-%m}",
        BudgetPeriod.TOTAL: "always",
    }
    return formats[period].format(one) == formats[period].format(other)


@dataclass
class Comparison:
    """Runs the same steps on both; names are made unlike those of all other comparisons."""

    ledger: SqlLedger
    model: Model
    number: int
    _generations: Counter[str] = field(default_factory=Counter)

    async def take(self, step: Step) -> None:
        match step:
            case Reserve():
                await self._reserve(step)
            case Record():
                await self._record(step)
            case Pass():
                await self._pass(step)
        balances = await self.ledger.balances(asking(0, *self._expenses, at=self.model.clock.at))
        totals = self.model.totals()
        assert [balance.spent_micros for balance in balances] == totals
        for balance, total in zip(balances, totals, strict=True):
            hard_micros, soft_micros = balance.budget.hard_micros, balance.budget.soft_micros
            assert hard_micros is None or total <= hard_micros
            assert balance.remaining_micros == (hard_micros and hard_micros - total)
            assert balance.is_beyond_soft == (soft_micros is not None and total > soft_micros)

    async def _reserve(self, step: Reserve) -> None:
        wanted = asking(
            step.micros,
            *self._expenses,
            request_id=self._request_id(step.request),
            at=self.model.clock.at,
        )
        granted: list[int] | None = None
        with suppress(BudgetExceededError):
            granted = [balance.spent_micros for balance in await self.ledger.reserve(wanted)]
        assert granted == self.model.reserve(step.request, step.micros)

    async def _record(self, step: Record) -> None:
        micros = self.model.reserved(step.request) * step.share // 100
        row = replace(
            ONE,
            request_id=self._request_id(step.request),
            began_at=self.model.clock.at,
            price_micros=micros,
        )
        accounts = [expense.account_id for expense in self._expenses]
        await asyncio.gather(*(self.ledger.record(row, accounts) for _ in range(step.n_times)))
        self.model.record(step.request, micros)
        self._generations[step.request] += 1

    async def _pass(self, step: Pass) -> None:
        self.model.clock.at += timedelta(hours=step.hours)
        if step.is_renewed:
            await self.ledger._renew()
            self.model.renew()
        self.model.clock.pass_by(step.seconds)
        await self.ledger._expire()
        self.model.expire()

    @property
    def _expenses(self) -> list[Expense]:
        return [Expense(f"{name}-{self.number}", self.model.budgets[name]) for name in _ACCOUNTS]

    def _request_id(self, request: str) -> str:
        return f"{request}-{self.number}-{self._generations[request]}"


_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def test_any_steps_in_any_order_end_as_they_do_in_python(place: Place) -> None:
    clock, numbers = Clock(), count()
    runner = asyncio.Runner()

    async def compare(ledger: SqlLedger, budgets: list[Budget], steps: list[Step]) -> None:
        clock.at = NOON
        ledger._held.clear()
        model = Model(dict(zip(_ACCOUNTS, budgets, strict=True)), clock)
        comparison = Comparison(ledger, model, next(numbers))
        for step in steps:
            await comparison.take(step)

    @settings(max_examples=120, deadline=None, suppress_health_check=_SLOW)
    @given(budgets=_SEVERAL_BUDGETS, steps=_STEPS)
    def explore(budgets: list[Budget], steps: list[Step]) -> None:
        runner.run(compare(ledger, budgets, steps))

    with runner:
        opening = opened_ledger(place.url, now=clock)
        ledger = runner.run(opening.__aenter__())
        try:
            explore()
        finally:
            runner.run(opening.__aexit__(None, None, None))
