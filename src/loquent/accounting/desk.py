"""What an administrator sees of the accounts at one moment, and may lay hands on; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, Protocol, Self, TypeVar

from loquent.accounting.callers import caller_of, lineage, may_see
from loquent.accounting.rights import Rights, rights_of
from loquent.domain.accounts import (
    OPERATOR,
    AccountBook,
    AccountChange,
    Caller,
    Key,
    Organisation,
    Project,
    Reach,
    Scope,
)
from loquent.domain.deployments import Deployment
from loquent.domain.errors import (
    DeploymentNotFoundError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
)

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Act(Generic[ResultT]):
    """What is to be done, and what is to be written about it.

    Attributes:
        change: None where all is as wished already.
        details: for the audit; no secret.
    """

    result: ResultT
    change: AccountChange | None = None
    action: str = ""
    subject: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desk:
    """The accounts, and who sits before them.

    Attributes:
        rights: what the actor may give away; None for all.
    """

    book: AccountBook
    actor: Caller
    rights: Rights | None
    now: datetime

    @classmethod
    def of(cls, actor: Caller, book: AccountBook, now: datetime) -> Self:
        """Return the desk of `actor`, whose rights are looked up anew.

        Raises: PermissionDeniedError: if it may not administer anything.
        """
        if actor.key_id == OPERATOR.key_id:
            return cls(book, OPERATOR, None, now)
        key = book.keys.get(actor.key_id)
        present = caller_of(key, book, now) if key else None
        scopes = actor.scopes & (present.scopes if present else frozenset())
        if key is None or present is None or Scope.ADMIN not in scopes:
            raise PermissionDeniedError(
                f"This key may not administer anything: it lacks the scope {Scope.ADMIN}.",
                param="scopes",
            )
        return cls(book, present, rights_of(key, book), now)

    @property
    def maker_id(self) -> str | None:
        """The key that what is made here comes from."""
        return self.actor.key_id if self.rights else None

    def seen_organisations(self) -> tuple[Organisation, ...]:
        """Return those the actor administers."""
        return tuple(each for each in self.book.organisations.values() if self._has(each))

    def seen_projects(self) -> tuple[Project, ...]:
        """Return those whose keys the actor administers."""
        return tuple(each for each in self.book.projects.values() if may_see(self.actor, each))

    def seen_keys(self) -> tuple[Key, ...]:
        """Return those the actor may see."""
        seen = {project.id for project in self.seen_projects()}
        return tuple(key for key in self.book.keys.values() if key.project_id in seen)

    def seen_deployments(self) -> tuple[Deployment, ...]:
        """Return those the actor administers; what serves all projects takes the widest reach."""
        seen: set[str | None] = {project.id for project in self.seen_projects()}
        if self.actor.reach is Reach.SERVER:
            seen.add(None)
        bound = self.actor.bounds.deployments
        return tuple(
            each
            for each in self.book.deployments.values()
            if each.project_id in seen and (bound is None or each.id in bound)
        )

    def subjects(self) -> frozenset[str]:
        """Return the ids of all that the actor may see."""
        seen: tuple[Iterable[_Entry], ...] = (
            self.seen_organisations(),
            self.seen_projects(),
            self.seen_keys(),
            self.seen_deployments(),
        )
        return frozenset(each.id for kind in seen for each in kind)

    def organisation(self, organisation_id: str) -> Organisation:
        """Raises: NotFoundError: also if there is one that the actor may not know of."""
        return _found(self.seen_organisations(), organisation_id, "organisation")

    def project(self, project_id: str) -> Project:
        """Raises: NotFoundError: also if there is one that the actor may not know of."""
        return _found(self.seen_projects(), project_id, "project")

    def key(self, key_id: str) -> Key:
        """Raises: NotFoundError: also if there is one that the actor may not know of."""
        return _found(self.seen_keys(), key_id, "key")

    def deployment(self, deployment_id: str) -> Deployment:
        """Raises: DeploymentNotFoundError: also if the actor may not know of it."""
        for each in self.seen_deployments():
            if each.id == deployment_id:
                return each
        raise DeploymentNotFoundError(
            "There is no such deployment within the reach of this key. `GET /v1/deployments` lists"
            " those there are.",
            param="deployment_id",
        )

    def line(self) -> frozenset[str]:
        """Return the ids of the actor's key and of those that it comes from."""
        key = self.book.keys.get(self.actor.key_id)
        return frozenset(each.id for each in lineage(key, self.book)) if key else frozenset()

    def ensure_reach(self, reach: Reach, what: str) -> None:
        """Raises: PermissionDeniedError: if the actor does not reach so far."""
        if not self.actor.reach.covers(reach):
            raise PermissionDeniedError(
                f"{what} needs a key whose reach is {_at_least(reach)}; that of this one is"
                f" {self.actor.reach}.",
                param="reach",
            )

    def ensure_open(self, place: Organisation | Project) -> None:
        """Raises: InvalidRequestError: if it is closed, or what it is part of."""
        outer = place
        if isinstance(place, Project):
            outer = self.book.organisations[place.organisation_id]
        if place.closed_at or outer.closed_at:
            raise InvalidRequestError(
                f"{place.id} is closed, and stays as it is. Make another one.",
                param="organisation_id" if isinstance(place, Organisation) else "project_id",
            )

    def _has(self, organisation: Organisation) -> bool:
        if self.actor.reach is Reach.SERVER:
            return True
        is_own = organisation.id == self.actor.organisation_id
        return is_own and self.actor.reach is Reach.ORGANISATION


def changed_book(book: AccountBook, change: AccountChange) -> AccountBook:
    """Return what `book` becomes by a change."""
    return replace(
        book,
        organisations=_with(book.organisations, change.organisations),
        projects=_with(book.projects, change.projects),
        keys=_with(book.keys, change.keys),
        deployments=_with(book.deployments, change.deployments),
    )


def widest_admin(book: AccountBook, now: datetime) -> int:
    """Return how far the key reaches that administers most, 0 if none administers anything."""
    admins = (key for key in book.keys.values() if Scope.ADMIN in key.scopes)
    callers = (caller_of(key, book, now) for key in admins)
    order = tuple(Reach)
    reaches = (order.index(c.reach) + 1 for c in callers if c and Scope.ADMIN in c.scopes)
    return max(reaches, default=0)


class _Entry(Protocol):
    @property
    def id(self) -> str: ...


EntryT = TypeVar("EntryT", bound=_Entry)


def _found(seen: Iterable[EntryT], wanted: str, kind: str) -> EntryT:
    for entry in seen:
        if entry.id == wanted:
            return entry
    raise NotFoundError(
        f"There is no such {kind} within the reach of this key.", param=f"{kind}_id"
    )


def _with(old: Mapping[str, EntryT], new: Iterable[EntryT]) -> Mapping[str, EntryT]:
    return {**old, **{entry.id: entry for entry in new}}


def _at_least(reach: Reach) -> str:
    order = tuple(Reach)
    return " or ".join(order[order.index(reach) :])
