"""Finds projects and organisations by what people call them; makes them where that is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from loquent.api.admin.schemas import OrganisationAnswer, ProjectAnswer
from loquent.cli.administering import Office
from loquent.domain.errors import LoquentError

PlaceT = TypeVar("PlaceT", OrganisationAnswer, ProjectAnswer)


async def home_id(office: Office, project: str | None, organisation: str | None) -> str | None:
    """Return the id of a project, None for the usual one; on this machine it is made if need be.

    Raises: LoquentError: if it is not there, or there are several.
    """
    if project is None:
        return None
    outer = await organisation_id(office, organisation, is_made=office.is_here)
    there = [
        each for each in (await office.projects()).data if outer in (None, each.organisation_id)
    ]
    found = the_one(there, project, "projects")
    if found:
        return found.id
    if not office.is_here:
        raise _missing(project, "projects")
    fields = {"name": project, **({"organisation_id": outer} if outer else {})}
    return (await office.create_project(fields)).id


async def organisation_id(office: Office, name: str | None, *, is_made: bool = False) -> str | None:
    """Return the id of an organisation, None for the usual one.

    Raises: LoquentError: if it is not there and not to be made, or there are several.
    """
    if name is None:
        return None
    found = the_one((await office.organisations()).data, name, "organisations")
    if found:
        return found.id
    if not is_made:
        raise _missing(name, "organisations")
    return (await office.create_organisation({"name": name})).id


def the_one(places: Iterable[PlaceT], name: str, kind: str) -> PlaceT | None:
    """Return the open one of that id or name, None if there is none.

    Raises: LoquentError: if several have the name.
    """
    places = [place for place in places if place.closed_at is None]
    for place in places:
        if place.id == name:
            return place
    found = [place for place in places if place.name == name]
    if len(found) > 1:
        ids = ", ".join(place.id for place in found)
        raise LoquentError(f"several {kind} are called {name!r}; say which one: {ids}")
    return found[0] if found else None


def _missing(name: str, kind: str) -> LoquentError:
    return LoquentError(
        f"{name!r}: there is nothing of that name within your reach. `loquent {kind} ls` lists"
        f" what there is, `loquent {kind} create` makes more."
    )
