"""What administrators send: read strictly, turned into wishes; decides no right."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final, TypeAlias, TypeVar

from pydantic import Field, StringConstraints, ValidationError
from starlette.requests import Request

from loquent.accounting.deployment_wishes import ID_PATTERN
from loquent.accounting.key_acts import DEFAULT_OVERLAP_S, MAX_OVERLAP_S
from loquent.accounting.wishes import (
    MAX_NAME_CHARACTERS,
    KeyWish,
    OrganisationWish,
    ProjectWish,
)
from loquent.api.admin.amounts import Instant, Micros
from loquent.api.json_body import receive_json
from loquent.api.live.openai_fields import StrictPart, complaint
from loquent.domain.accounts import (
    FREE,
    Bounds,
    Budget,
    BudgetPeriod,
    Reach,
    Scope,
    Terms,
)
from loquent.domain.errors import InvalidRequestError
from loquent.domain.rates import NO_LIMITS, RateLimits

MAX_BODY_BYTES: Final = 64 * 1024
MAX_LISTED: Final = 1_000
MAX_LIMIT: Final = 1_000_000_000
MAX_RETENTION_DAYS: Final = 36_500

_Name: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME_CHARACTERS, description="what people call it"),
]
_Id: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Ids: TypeAlias = Annotated[list[_Id], Field(min_length=1, max_length=MAX_LISTED)]
_DeploymentId: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{ID_PATTERN}$")]
_DeploymentIds: TypeAlias = Annotated[
    list[_DeploymentId], Field(min_length=1, max_length=MAX_LISTED)
]
_Limit: TypeAlias = Annotated[int, Field(ge=1, le=MAX_LIMIT)]
_Days: TypeAlias = Annotated[int, Field(ge=1, le=MAX_RETENTION_DAYS)]
_RETENTION: Final = Field(
    default=None, description="after so many, what points to a person is erased from its usage"
)
_Scope: TypeAlias = Annotated[Scope, Field(strict=False)]
_Reach: TypeAlias = Annotated[Reach, Field(strict=False)]
_Period: TypeAlias = Annotated[BudgetPeriod, Field(strict=False)]

BodyT = TypeVar("BodyT", bound=StrictPart)


async def read_body(request: Request, kind: type[BodyT]) -> BodyT:
    """Return the body of a request.

    Raises: InvalidRequestError: naming the field at fault; and as `receive_json` does.
    """
    content_type = request.headers.get("content-type")
    return read(await receive_json(content_type, request.stream(), MAX_BODY_BYTES), kind)


def read(body: object, kind: type[BodyT]) -> BodyT:
    """Return a body.

    Raises: InvalidRequestError: naming the field at fault.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise complaint(error) from error


class LimitFields(StrictPart):
    """How much may be asked for at a time; null for any."""

    requests_per_minute: _Limit | None = None
    audio_seconds_per_minute: _Limit | None = None
    characters_per_minute: _Limit | None = None
    concurrent_requests: _Limit | None = None
    concurrent_sessions: _Limit | None = None

    def over(self, limits: RateLimits) -> RateLimits:
        """Return what becomes of limits."""
        return replace(limits, **{name: getattr(self, name) for name in self.model_fields_set})


class BudgetFields(StrictPart):
    """How much may be spent in a time; nothing goes beyond `hard`, `soft` warns."""

    period: _Period = BudgetPeriod.MONTH
    hard: Micros | None = None
    soft: Micros | None = None

    def over(self, budget: Budget | None) -> Budget:
        """Return what becomes of a budget.

        Raises: InvalidRequestError: if it says nothing, or contradicts itself.
        """
        given, before = self.model_fields_set, budget or Budget()
        period = self.period if "period" in given else before.period
        hard = self.hard if "hard" in given else before.hard_micros
        soft = self.soft if "soft" in given else before.soft_micros
        if hard is None and soft is None:
            raise InvalidRequestError(
                "budget: say an amount as `hard` or `soft`; null for no budget at all.",
                param="budget",
            )
        if hard is not None and soft is not None and soft > hard:
            raise InvalidRequestError(
                "budget.soft: it lies above `hard`, so that it would never warn.",
                param="budget.soft",
            )
        return Budget(period, hard, soft)


class TermsFields(StrictPart):
    """What an account may do; a field that is not named stays as it is, null clears it."""

    models: _Ids | None = Field(default=None, description="names, aliases or endpoints")
    allowed_providers: _Ids | None = Field(default=None, description="only these; else all")
    eu_native: bool | None = Field(
        default=None, description="only providers that are based and regulated in the EU"
    )
    allow_quantization: bool | None = Field(
        default=None, description="also weights of less than 16 bits"
    )
    deployments: _DeploymentIds | None = Field(
        default=None, description="only these may be asked, and not what all share"
    )
    limits: LimitFields | None = None
    budget: BudgetFields | None = None

    def over(self, terms: Terms) -> Terms:
        """Return what becomes of terms.

        Raises: InvalidRequestError.
        """
        return Terms(
            self._bounds(terms.bounds), self._limits(terms.limits), self._budget(terms.budget)
        )

    def _bounds(self, bounds: Bounds) -> Bounds:
        given = self.model_fields_set
        providers = [name.lower() for name in self.allowed_providers or ()]
        if "models" in given:
            bounds = replace(bounds, models=frozenset(self.models) if self.models else None)
        if "allowed_providers" in given:
            bounds = replace(bounds, providers=frozenset(providers) or None)
        if "eu_native" in given:
            bounds = replace(bounds, eu_native=bool(self.eu_native))
        if "allow_quantization" in given:
            bounds = replace(bounds, allow_quantization=self.allow_quantization is not False)
        if "deployments" in given:
            ids = frozenset(self.deployments) if self.deployments else None
            bounds = replace(bounds, deployments=ids)
        return bounds

    def _limits(self, limits: RateLimits) -> RateLimits:
        if "limits" not in self.model_fields_set:
            return limits
        return self.limits.over(limits) if self.limits else NO_LIMITS

    def _budget(self, budget: Budget | None) -> Budget | None:
        if "budget" not in self.model_fields_set:
            return budget
        return self.budget.over(budget) if self.budget else None


class NewOrganisation(TermsFields):
    """An organisation that is to be made."""

    name: _Name

    def wish(self) -> OrganisationWish:
        """Raises: InvalidRequestError."""
        return OrganisationWish(self.name, self.over(FREE))


class OrganisationPatch(TermsFields):
    """What is to become of an organisation."""

    name: _Name = ""

    def edit(self, wish: OrganisationWish) -> OrganisationWish:
        """Raises: InvalidRequestError."""
        return replace(wish, name=self.name or wish.name, terms=self.over(wish.terms))


class NewProject(TermsFields):
    """A project that is to be made, in the organisation of whoever asks if none is named."""

    name: _Name
    organisation_id: _Id | None = Field(default=None, description="whose project it is")
    retention_days: _Days | None = _RETENTION

    def wish(self) -> ProjectWish:
        """Raises: InvalidRequestError."""
        return ProjectWish(self.name, self.organisation_id, self.over(FREE), self.retention_days)


class ProjectPatch(TermsFields):
    """What is to become of a project."""

    name: _Name = ""
    retention_days: _Days | None = _RETENTION

    def edit(self, wish: ProjectWish) -> ProjectWish:
        """Raises: InvalidRequestError."""
        is_given = "retention_days" in self.model_fields_set
        days = self.retention_days if is_given else wish.retention_days
        name, terms = self.name or wish.name, self.over(wish.terms)
        return replace(wish, name=name, terms=terms, retention_days=days)


class NewKey(TermsFields):
    """A key that is to be made, in the project of whoever asks if none is named."""

    name: _Name
    project_id: _Id | None = Field(default=None, description="whose key it is")
    scopes: list[_Scope] = Field(default=[Scope.INFERENCE], description="what it is good for")
    reach: _Reach = Reach.PROJECT
    expires_at: Instant | None = None

    def wish(self) -> KeyWish:
        """Raises: InvalidRequestError."""
        return KeyWish(
            self.name,
            self.project_id,
            frozenset(self.scopes),
            self.reach,
            self.over(FREE),
            self.expires_at,
        )


class KeyPatch(TermsFields):
    """What is to become of a key."""

    name: _Name = ""
    scopes: list[_Scope] = Field(default=[], description="what it is good for")
    reach: _Reach = Reach.PROJECT
    expires_at: Instant | None = None

    def edit(self, wish: KeyWish) -> KeyWish:
        """Raises: InvalidRequestError."""
        given = self.model_fields_set
        return replace(
            wish,
            name=self.name or wish.name,
            scopes=frozenset(self.scopes) if "scopes" in given else wish.scopes,
            reach=self.reach if "reach" in given else wish.reach,
            terms=self.over(wish.terms),
            expires_at=self.expires_at if "expires_at" in given else wish.expires_at,
        )


class Rotation(StrictPart):
    """How long the secret before still opens."""

    overlap_seconds: int = Field(
        default=DEFAULT_OVERLAP_S,
        ge=0,
        le=MAX_OVERLAP_S,
        description="how long the secret before still opens",
    )
