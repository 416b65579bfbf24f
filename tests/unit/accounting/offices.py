"""A registry over accounts in memory, and what the tests of it ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from loquent.accounting.callers import caller_of
from loquent.accounting.keyring import KeyRing
from loquent.accounting.keys import KeyHasher
from loquent.accounting.registry import KeyWish, OrganisationWish, ProjectWish, Registry
from loquent.domain.accounts import (
    FREE,
    OPERATOR,
    AccountBook,
    Bounds,
    Budget,
    BudgetPeriod,
    Caller,
    Key,
    Organisation,
    Project,
    Reach,
    Scope,
    Terms,
)
from loquent.domain.rates import RateLimits
from tests.fakes.fake_accounts import FakeAccounts

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ALL = frozenset(Scope)
HASHER = KeyHasher(bytes(range(32)))


@dataclass
class Clock:
    """Moves when a test says so."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def wait(self, **time: float) -> None:
        self.at += timedelta(**time)


@dataclass
class Office:
    """A registry, and the accounts behind it."""

    store: FakeAccounts = field(default_factory=FakeAccounts)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.keyring = KeyRing(self.store, HASHER, now=self.clock)
        self.registry = Registry(self.store, self.keyring, HASHER, self.clock)

    async def book(self) -> AccountBook:
        return await self.store.book()

    async def key(self, key_id: str) -> Key:
        return (await self.book()).keys[key_id]

    async def caller(self, key: Key) -> Caller | None:
        book = await self.book()
        return caller_of(book.keys[key.id], book, self.clock())

    async def open_caller(self, key: Key) -> Caller:
        caller = await self.caller(key)
        assert caller is not None
        return caller

    async def admin(
        self,
        project: Project | None = None,
        reach: Reach = Reach.SERVER,
        terms: Terms = FREE,
        expires_at: datetime | None = None,
    ) -> Caller:
        """Have the operator make a key that administers, and return who holds it."""
        wish = KeyWish(
            "admin",
            project.id if project else None,
            ALL,
            reach,
            terms,
            expires_at,
        )
        minted = await self.registry.create_key(OPERATOR, wish)
        return await self.open_caller(minted.key)

    async def organisation(self, name: str = "acme", terms: Terms = FREE) -> Organisation:
        return await self.registry.create_organisation(OPERATOR, OrganisationWish(name, terms))

    async def project(
        self,
        name: str = "site",
        home: Organisation | None = None,
        terms: Terms = FREE,
    ) -> Project:
        wish = ProjectWish(name, home.id if home else None, terms)
        return await self.registry.create_project(OPERATOR, wish)


def bounded(
    models: frozenset[str] | None = None,
    providers: frozenset[str] | None = None,
    *,
    eu_native: bool = False,
    allow_quantization: bool = True,
    deployments: frozenset[str] | None = None,
) -> Terms:
    return Terms(Bounds(models, providers, eu_native, allow_quantization, deployments))


def limited(**limits: int) -> Terms:
    return Terms(limits=RateLimits(**limits))


def budgeted(hard_micros: int | None, period: BudgetPeriod = BudgetPeriod.MONTH) -> Terms:
    return Terms(budget=Budget(period, hard_micros))
