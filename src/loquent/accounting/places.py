"""What may be done to organisations and projects; keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final, TypeVar

from loquent.accounting.desk import Act, Desk
from loquent.accounting.keys import new_letters
from loquent.accounting.rights import ensure_modest, ensure_not_widened
from loquent.accounting.terms import stated, told
from loquent.accounting.wishes import OrganisationWish, ProjectWish, checked_name
from loquent.domain.accounts import (
    UNBOUNDED,
    Account,
    AccountChange,
    Organisation,
    Project,
    Reach,
)
from loquent.domain.deployments import Deployment

_N_LETTERS: Final = 16
_FIRST: Final = "default"

OrganisationEdit = Callable[[OrganisationWish], OrganisationWish]
ProjectEdit = Callable[[ProjectWish], ProjectWish]


def created_organisation(desk: Desk, wish: OrganisationWish) -> Act[Organisation]:
    """Make an organisation.

    Raises: PermissionDeniedError, InvalidRequestError.
    """
    desk.ensure_reach(Reach.SERVER, "To make an organisation")
    _ensure_modest(desk, wish)
    made = _new_organisation(desk, checked_name(wish.name), wish)
    return Act(
        made,
        AccountChange(organisations=(made,)),
        "organisation.create",
        made.id,
        told(_organisation_fields(OrganisationWish("")), _organisation_fields(_wish_of(made))),
    )


def changed_organisation(
    desk: Desk, organisation_id: str, edit: OrganisationEdit
) -> Act[Organisation]:
    """Change an organisation.

    Raises: NotFoundError, PermissionDeniedError, InvalidRequestError.
    """
    before = desk.organisation(organisation_id)
    desk.ensure_reach(Reach.SERVER, "To change an organisation")
    desk.ensure_open(before)
    wish = edit(_wish_of(before))
    after = replace(before, name=checked_name(wish.name), terms=wish.terms)
    if desk.rights:
        ensure_not_widened(before.terms, after.terms, desk.rights.caller, None, UNBOUNDED)
    details = told(_organisation_fields(_wish_of(before)), _organisation_fields(_wish_of(after)))
    change = AccountChange(organisations=(after,)) if details else None
    return Act(after, change, "organisation.change", after.id, details)


def closed_organisation(desk: Desk, organisation_id: str) -> Act[Organisation]:
    """End an organisation, its projects, their keys and deployments.

    Raises: NotFoundError, PermissionDeniedError.
    """
    before = desk.organisation(organisation_id)
    desk.ensure_reach(Reach.SERVER, "To close an organisation")
    if before.closed_at:
        return Act(before)
    after = replace(before, closed_at=desk.now)
    within = (each for each in desk.book.projects.values() if each.organisation_id == after.id)
    ended = _ended_deployments(desk, {project.id for project in within})
    change = AccountChange(organisations=(after,), deployments=ended)
    return Act(after, change, "organisation.close", after.id, {"name": after.name})


def created_project(desk: Desk, wish: ProjectWish) -> Act[Project]:
    """Make a project.

    Raises: NotFoundError, PermissionDeniedError, InvalidRequestError.
    """
    desk.ensure_reach(Reach.ORGANISATION, "To make a project")
    _ensure_modest(desk, wish)
    home, change = _home(desk, wish.organisation_id)
    made = _new_project(desk, checked_name(wish.name), home, wish)
    return Act(
        made,
        replace(change, projects=(made,)),
        "project.create",
        made.id,
        told(_project_fields(ProjectWish("")), _project_fields(_project_wish(made))),
    )


def changed_project(desk: Desk, project_id: str, edit: ProjectEdit) -> Act[Project]:
    """Change a project.

    Raises: NotFoundError, PermissionDeniedError, InvalidRequestError.
    """
    before = desk.project(project_id)
    desk.ensure_reach(Reach.ORGANISATION, "To change a project")
    desk.ensure_open(before)
    wish = edit(_project_wish(before))
    after = replace(
        before,
        name=checked_name(wish.name),
        terms=wish.terms,
        retention_days=wish.retention_days,
    )
    if desk.rights:
        home = desk.book.organisations[before.organisation_id]
        outer = Account(home.id, home.terms.limits, home.terms.budget)
        caller, within = desk.rights.caller, home.terms.bounds
        ensure_not_widened(before.terms, after.terms, caller, outer, within)
    details = told(_project_fields(_project_wish(before)), _project_fields(_project_wish(after)))
    change = AccountChange(projects=(after,)) if details else None
    return Act(after, change, "project.change", after.id, details)


def closed_project(desk: Desk, project_id: str) -> Act[Project]:
    """End a project, its keys and its deployments.

    Raises: NotFoundError, PermissionDeniedError.
    """
    before = desk.project(project_id)
    desk.ensure_reach(Reach.ORGANISATION, "To close a project")
    if before.closed_at:
        return Act(before)
    after = replace(before, closed_at=desk.now)
    ended = _ended_deployments(desk, {after.id})
    change = AccountChange(projects=(after,), deployments=ended)
    return Act(after, change, "project.close", after.id, {"name": after.name})


def erased_project(desk: Desk, project_id: str) -> Act[Project]:
    """Write down that what points to persons is erased from a project's usage.

    Raises: NotFoundError, PermissionDeniedError.
    """
    project = desk.project(project_id)
    desk.ensure_reach(Reach.ORGANISATION, "To erase personal data")
    return Act(project, AccountChange(), "project.erase", project.id, {"name": project.name})


def home_of_key(desk: Desk, project_id: str | None) -> tuple[Project, AccountChange]:
    """Return where a key is made, and what has to be made for that.

    Raises: NotFoundError, InvalidRequestError.
    """
    if project_id is None and desk.rights:
        project_id = desk.rights.caller.project_id
    if project_id is not None:
        project = desk.project(project_id)
        desk.ensure_open(project)
        return project, AccountChange()
    there = _first(project for project in desk.seen_projects() if _is_open(desk, project))
    if there:
        return there, AccountChange()
    home, change = _home(desk, None)
    made = _new_project(desk, _FIRST, home, ProjectWish(_FIRST))
    return made, replace(change, projects=(made,))


def _ended_deployments(desk: Desk, project_ids: AbstractSet[str]) -> tuple[Deployment, ...]:
    return tuple(
        replace(each, closed_at=desk.now)
        for each in desk.book.deployments.values()
        if each.project_id in project_ids and not each.closed_at
    )


def _home(desk: Desk, organisation_id: str | None) -> tuple[Organisation, AccountChange]:
    if organisation_id is None and desk.rights:
        organisation_id = desk.rights.caller.organisation_id
    if organisation_id is not None:
        organisation = desk.organisation(organisation_id)
        desk.ensure_open(organisation)
        return organisation, AccountChange()
    there = _first(each for each in desk.seen_organisations() if not each.closed_at)
    if there:
        return there, AccountChange()
    made = _new_organisation(desk, _FIRST, OrganisationWish(_FIRST))
    return made, AccountChange(organisations=(made,))


PlaceT = TypeVar("PlaceT", Organisation, Project)


def _first(places: Iterable[PlaceT]) -> PlaceT | None:
    return min(places, key=lambda place: (place.created_at, place.id), default=None)


def _is_open(desk: Desk, project: Project) -> bool:
    return not (project.closed_at or desk.book.organisations[project.organisation_id].closed_at)


def _new_organisation(desk: Desk, name: str, wish: OrganisationWish) -> Organisation:
    return Organisation(f"org_{new_letters(_N_LETTERS)}", name, desk.now, wish.terms)


def _new_project(desk: Desk, name: str, home: Organisation, wish: ProjectWish) -> Project:
    return Project(
        f"proj_{new_letters(_N_LETTERS)}",
        home.id,
        name,
        desk.now,
        wish.terms,
        wish.retention_days,
    )


def _ensure_modest(desk: Desk, wish: OrganisationWish | ProjectWish) -> None:
    if desk.rights:
        ensure_modest(wish.terms, desk.rights.caller)


def _wish_of(organisation: Organisation) -> OrganisationWish:
    return OrganisationWish(organisation.name, organisation.terms)


def _project_wish(project: Project) -> ProjectWish:
    return ProjectWish(project.name, project.organisation_id, project.terms, project.retention_days)


def _organisation_fields(wish: OrganisationWish) -> Mapping[str, object]:
    return {"name": wish.name, **stated(wish.terms)}


def _project_fields(wish: ProjectWish) -> Mapping[str, object]:
    return {
        "name": wish.name,
        "organisation_id": wish.organisation_id,
        "retention_days": wish.retention_days,
        **stated(wish.terms),
    }
