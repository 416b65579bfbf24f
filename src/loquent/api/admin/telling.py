"""From accounts to the answers about them; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loquent.accounting.standing import KeyState
from loquent.accounting.terms import LIMIT_NAMES, instant
from loquent.api.admin.schemas import (
    AccountBudget,
    AccountLimits,
    AuditAnswer,
    KeyAnswer,
    OrganisationAnswer,
    ProjectAnswer,
)
from loquent.api.served import in_units
from loquent.domain.accounts import AuditEntry, Budget, Key, Organisation, Project, Terms
from loquent.domain.limits import Balance


@dataclass(frozen=True, slots=True)
class Teller:
    """Words answers.

    Attributes:
        currency: of all budgets.
    """

    currency: str

    def organisation(
        self, organisation: Organisation, balance: Balance | None = None
    ) -> OrganisationAnswer:
        """Return the answer about an organisation."""
        return OrganisationAnswer(
            id=organisation.id,
            name=organisation.name,
            created_at=instant(organisation.created_at),
            closed_at=_optional(organisation.closed_at),
            **self._terms(organisation.terms, balance),
        )

    def project(self, project: Project, balance: Balance | None = None) -> ProjectAnswer:
        """Return the answer about a project."""
        return ProjectAnswer(
            id=project.id,
            organisation_id=project.organisation_id,
            name=project.name,
            retention_days=project.retention_days,
            created_at=instant(project.created_at),
            closed_at=_optional(project.closed_at),
            **self._terms(project.terms, balance),
        )

    def key(self, key: Key, state: KeyState, balance: Balance | None = None) -> KeyAnswer:
        """Return the answer about a key."""
        return KeyAnswer(
            id=key.id,
            project_id=key.project_id,
            parent_id=key.parent_id,
            name=key.name,
            scopes=sorted(key.scopes),
            reach=key.reach,
            state=state,
            created_at=instant(key.created_at),
            expires_at=_optional(key.expires_at),
            revoked_at=_optional(key.revoked_at),
            rotating_until=_optional(key.old_until if state is KeyState.ROTATING else None),
            **self._terms(key.terms, balance),
        )

    def _terms(self, terms: Terms, balance: Balance | None) -> dict[str, Any]:
        bounds, limits = terms.bounds, terms.limits
        return {
            "models": _sorted(bounds.models),
            "allowed_providers": _sorted(bounds.providers),
            "eu_native": bounds.eu_native,
            "allow_quantization": bounds.allow_quantization,
            "deployments": _sorted(bounds.deployments),
            "limits": AccountLimits(**{name: getattr(limits, name) for name in LIMIT_NAMES}),
            "budget": self._budget(terms.budget, balance) if terms.budget else None,
        }

    def _budget(self, budget: Budget, balance: Balance | None) -> AccountBudget:
        return AccountBudget(
            period=budget.period,
            hard=_amount(budget.hard_micros),
            soft=_amount(budget.soft_micros),
            currency=self.currency,
            spent=_amount(balance.spent_micros) if balance else None,
            remaining=_amount(balance.remaining_micros) if balance else None,
        )


def act_answer(entry: AuditEntry) -> AuditAnswer:
    """Return the answer about an act."""
    return AuditAnswer(
        at=instant(entry.at),
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        details=dict(entry.details),
    )


def _optional(at: datetime | None) -> str | None:
    return instant(at) if at else None


def _sorted(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _amount(micros: int | None) -> str | None:
    """Write an amount; what is overspent has nothing left."""
    return None if micros is None else in_units(max(0, micros))
