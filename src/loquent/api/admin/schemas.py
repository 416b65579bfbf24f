"""The shapes of answers about accounts; none of them holds a secret but the one that has to."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from loquent.accounting.standing import KeyState
from loquent.api.admin.amounts import Instant
from loquent.domain.accounts import BudgetPeriod, Reach, Scope

MAX_AUDIT_ENTRIES = 1_000


class AccountLimits(BaseModel):
    """How much may be asked for at a time; null for any."""

    requests_per_minute: int | None
    audio_seconds_per_minute: int | None
    characters_per_minute: int | None
    concurrent_requests: int | None
    concurrent_sessions: int | None


class AccountBudget(BaseModel):
    """Exact amounts; `spent` and `remaining` only where a single account is asked for."""

    period: BudgetPeriod
    hard: str | None
    soft: str | None
    currency: str
    spent: str | None = None
    remaining: str | None = None


class AccountTerms(BaseModel):
    """What an account may do, by itself; what it is part of bounds it too."""

    models: list[str] | None
    allowed_providers: list[str] | None
    eu_native: bool
    allow_quantization: bool
    deployments: list[str] | None
    limits: AccountLimits
    budget: AccountBudget | None


class OrganisationAnswer(AccountTerms):
    """An organisation; moments are in UTC."""

    id: str
    object: Literal["organisation"] = "organisation"
    name: str
    created_at: str
    closed_at: str | None


class ProjectAnswer(AccountTerms):
    """A project; moments are in UTC."""

    id: str
    object: Literal["project"] = "project"
    organisation_id: str
    name: str
    retention_days: int | None
    created_at: str
    closed_at: str | None


class KeyAnswer(AccountTerms):
    """A key without its secret; moments are in UTC."""

    id: str
    object: Literal["key"] = "key"
    project_id: str
    parent_id: str | None
    name: str
    scopes: list[Scope]
    reach: Reach
    state: KeyState
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    rotating_until: str | None


class NewKeyAnswer(KeyAnswer):
    """A key that has just got a secret; `key` is all of it, and nobody can tell it again."""

    key: str


class OrganisationList(BaseModel):
    """The oldest first."""

    object: Literal["list"] = "list"
    data: list[OrganisationAnswer]


class ProjectList(BaseModel):
    """The oldest first."""

    object: Literal["list"] = "list"
    data: list[ProjectAnswer]


class KeyList(BaseModel):
    """The oldest first."""

    object: Literal["list"] = "list"
    data: list[KeyAnswer]


class Ended(BaseModel):
    """What was closed or revoked; it stays listed."""

    id: str
    object: Literal["organisation", "project", "key"]
    deleted: Literal[True] = True


class Erased(BaseModel):
    """From how many rows of a project's usage what points to persons was erased."""

    id: str
    object: Literal["personal_data"] = "personal_data"
    deleted: Literal[True] = True
    rows: int


class AuditAnswer(BaseModel):
    """One act of an administrator; `actor` is a key, or the operator of the machine."""

    at: str
    actor: str
    action: str
    subject: str
    details: dict[str, str]


class AuditPage(BaseModel):
    """Acts, the latest first; `next` is `before` of the page after, null at the end."""

    object: Literal["list"] = "list"
    data: list[AuditAnswer]
    next: str | None


class Strict(BaseModel):
    """A question in an address; what is misspelled would otherwise not be asked at all."""

    model_config = ConfigDict(extra="forbid")


class ProjectsQuestion(Strict):
    """Which projects."""

    organisation: str | None = Field(default=None, description="only those of this one")


class KeysQuestion(Strict):
    """Which keys."""

    project: str | None = Field(default=None, description="only those of this one")


class RevokeQuestion(Strict):
    """How a key ends."""

    keep_children: bool = Field(
        default=False, description="what it made goes on, with what bounded it as its own"
    )


class AuditQuestion(Strict):
    """Which acts."""

    before: Instant | None = Field(default=None, description="only what was done before")
    limit: int = Field(default=100, ge=1, le=MAX_AUDIT_ENTRIES, description="so many acts at most")
