"""Who may ask for what, and how much: organisations, their projects, their keys; decides nothing.

What an organisation allows bounds its projects, a project its keys, and a key those that it made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from loquent.domain.deployments import Deployment
from loquent.domain.rates import NO_LIMITS, RateLimits


class Scope(StrEnum):
    """What a key is good for, as spelled on the wire."""

    INFERENCE = "inference"
    """Transcribe, translate, speak, listen."""
    USAGE = "usage"
    """Read what was used."""
    ADMIN = "admin"
    """Change organisations, projects and keys."""


class Reach(StrEnum):
    """Of whose usage and keys the scopes `usage` and `admin` speak, as spelled on the wire."""

    PROJECT = "project"
    ORGANISATION = "organisation"
    SERVER = "server"

    def covers(self, other: Reach) -> bool:
        """Tell whether this reaches at least as far."""
        order = tuple(Reach)
        return order.index(self) >= order.index(other)


class BudgetPeriod(StrEnum):
    """After what a budget begins anew, in UTC; as spelled on the wire."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"
    """Never."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much may be spent.

    Attributes:
        period: a week begins on Monday.
        hard_micros: what nothing goes beyond; None for no such end.
        soft_micros: beyond it answers carry a warning; None for none.
    """

    period: BudgetPeriod = BudgetPeriod.MONTH
    hard_micros: int | None = None
    soft_micros: int | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a request may not go beyond, whatever it says itself.

    Attributes:
        models: names of models, aliases or endpoints; None for all.
        providers: ids; None for all.
        eu_native: only providers that are based and regulated in the EU.
        allow_quantization: also weights of less than 16 bits.
        deployments: ids; only these may be asked, and then not what all share; None for all.
    """

    models: frozenset[str] | None = None
    providers: frozenset[str] | None = None
    eu_native: bool = False
    allow_quantization: bool = True
    deployments: frozenset[str] | None = None

    def within(self, outer: Bounds) -> Bounds:
        """Return what both allow."""
        return Bounds(
            models=common(self.models, outer.models),
            providers=common(self.providers, outer.providers),
            deployments=common(self.deployments, outer.deployments),
            eu_native=self.eu_native or outer.eu_native,
            allow_quantization=self.allow_quantization and outer.allow_quantization,
        )


UNBOUNDED = Bounds()


def common(some: frozenset[str] | None, others: frozenset[str] | None) -> frozenset[str] | None:
    """Return what both allow, where None allows all."""
    if some is None or others is None:
        return others if some is None else some
    return some & others


@dataclass(frozen=True, slots=True)
class Terms:
    """What an organisation, a project or a key may do."""

    bounds: Bounds = UNBOUNDED
    limits: RateLimits = NO_LIMITS
    budget: Budget | None = None


FREE = Terms()


@dataclass(frozen=True, slots=True)
class Organisation:
    """Whoever is billed.

    Attributes:
        id: "org_" and letters.
        closed_at: when it ended, with all that is in it.
    """

    id: str
    name: str
    created_at: datetime
    terms: Terms = FREE
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A piece of work of an organisation.

    Attributes:
        id: "proj_" and letters.
        retention_days: after so many, what points to a person is erased from the rows of its usage;
            None for never.
        closed_at: when it ended, with its keys.
    """

    id: str
    organisation_id: str
    name: str
    created_at: datetime
    terms: Terms = FREE
    retention_days: int | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """What a caller presents, without its secret.

    Attributes:
        id: the letters between the underscores of `lq_<id>_<secret>`.
        digest: what its secret makes with the pepper of this installation; never shown.
        old_digest: of the secret before the last rotation, empty where there is none.
        old_until: when that one ends.
        parent_id: the key that made it; None for one that was made at the machine.
    """

    id: str
    project_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    digest: bytes = field(repr=False)
    reach: Reach = Reach.PROJECT
    terms: Terms = FREE
    parent_id: str | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    old_digest: bytes = field(default=b"", repr=False)
    old_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountBook:
    """All organisations, projects, keys and deployments there are, as of one moment.

    Attributes:
        version: grows with every change.
    """

    version: int = 0
    organisations: Mapping[str, Organisation] = field(default_factory=dict)
    projects: Mapping[str, Project] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    deployments: Mapping[str, Deployment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What replaces or joins the entries of an `AccountBook`, all of it or nothing."""

    organisations: tuple[Organisation, ...] = ()
    projects: tuple[Project, ...] = ()
    keys: tuple[Key, ...] = ()
    deployments: tuple[Deployment, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act of an administrator.

    Attributes:
        at: UTC.
        actor: the id of the key that did it, or "operator" for one at the machine.
        action: such as "key.create".
        subject: id of what was changed.
        details: what was changed about it, in words that hold no secret.
    """

    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody whose limits and budget a request counts against.

    Attributes:
        id: the id of a key, a project or an organisation.
    """

    id: str
    limits: RateLimits = NO_LIMITS
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what that one may do.

    Attributes:
        key_id: "" for nobody in particular.
        accounts: the key itself, those it comes from, its project and organisation.
    """

    key_id: str = ""
    project_id: str = ""
    organisation_id: str = ""
    scopes: frozenset[Scope] = frozenset()
    reach: Reach = Reach.PROJECT
    bounds: Bounds = UNBOUNDED
    accounts: tuple[Account, ...] = ()

    @property
    def account_ids(self) -> tuple[str, ...]:
        return tuple(account.id for account in self.accounts)


OPERATOR = Caller("operator", scopes=frozenset(Scope), reach=Reach.SERVER)
"""Whoever has the machine may do all."""
