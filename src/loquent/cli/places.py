"""`loquent projects` and `loquent organisations`: list them, make them, close them."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import BaseModel
from rich.markup import escape
from rich.table import Column, Table

from loquent.api.admin.schemas import (
    Ended,
    OrganisationAnswer,
    OrganisationList,
    ProjectAnswer,
    ProjectList,
)
from loquent.cli import key_options as options
from loquent.cli.administering import Office, administered
from loquent.cli.console import answers, tell
from loquent.cli.homes import organisation_id
from loquent.render.lines import on_one_line
from loquent.settings import load_settings

projects_app = typer.Typer(no_args_is_help=True, help="List, make and close projects.")
organisations_app = typer.Typer(no_args_is_help=True, help="List, make and close organisations.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="What you will know it by.")]
_Id = Annotated[str, typer.Argument(metavar="ID", help="As `ls` shows it.")]
_Home = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name or id of the one it belongs to.")
]
_Days = Annotated[
    int | None,
    typer.Option(min=1, help="Erase what points to persons from its usage after so many days."),
]


@projects_app.command("ls")
def list_projects(*, server: options.Server = None, json: options.Json = False) -> None:
    """List projects."""

    async def find(office: Office) -> tuple[ProjectList, OrganisationList]:
        return await office.projects(), await office.organisations()

    found, homes = administered(server, load_settings(), find)
    names = {each.id: each.name for each in homes.data}
    if json:
        _print(found)
        return
    table = Table(Column("id", no_wrap=True), "name", "organisation", "state", box=None)
    for each in found.data:
        home = names.get(each.organisation_id, each.organisation_id)
        table.add_row(each.id, _shown(each.name), _shown(home), _state(each))
    answers.print(table)


@projects_app.command("create")
def create_project(
    name: _Name,
    *,
    organisation: _Home = None,
    retention_days: _Days = None,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """Make a project, and write its id to standard output."""

    async def create(office: Office) -> ProjectAnswer:
        home = await organisation_id(office, organisation)
        given = {"organisation_id": home, "retention_days": retention_days}
        named = {field: value for field, value in given.items() if value is not None}
        return await office.create_project({"name": name, **named})

    _tell_made(administered(server, load_settings(), create), json=json)


@projects_app.command("close")
def close_project(
    project_id: _Id, *, server: options.Server = None, json: options.Json = False
) -> None:
    """Close a project for good; its keys end, what they used stays written down."""

    async def close(office: Office) -> Ended:
        return await office.close_project(project_id)

    _tell_ended(administered(server, load_settings(), close), json=json)


@organisations_app.command("ls")
def list_organisations(*, server: options.Server = None, json: options.Json = False) -> None:
    """List organisations."""

    async def find(office: Office) -> OrganisationList:
        return await office.organisations()

    found = administered(server, load_settings(), find)
    if json:
        _print(found)
        return
    table = Table(Column("id", no_wrap=True), "name", "state", box=None)
    for each in found.data:
        table.add_row(each.id, _shown(each.name), _state(each))
    answers.print(table)


@organisations_app.command("create")
def create_organisation(
    name: _Name, *, server: options.Server = None, json: options.Json = False
) -> None:
    """Make an organisation, and write its id to standard output."""

    async def create(office: Office) -> OrganisationAnswer:
        return await office.create_organisation({"name": name})

    _tell_made(administered(server, load_settings(), create), json=json)


@organisations_app.command("close")
def close_organisation(
    organisation: _Id, *, server: options.Server = None, json: options.Json = False
) -> None:
    """Close an organisation for good, with its projects; their keys end."""

    async def close(office: Office) -> Ended:
        return await office.close_organisation(organisation)

    _tell_ended(administered(server, load_settings(), close), json=json)


def _tell_made(made: ProjectAnswer | OrganisationAnswer, *, json: bool) -> None:
    if json:
        _print(made)
    else:
        typer.echo(made.id)


def _tell_ended(ended: Ended, *, json: bool) -> None:
    if json:
        _print(ended)
    tell(f"{ended.id}: closed")


def _print(answer: BaseModel) -> None:
    typer.echo(answer.model_dump_json(indent=2))


def _state(place: ProjectAnswer | OrganisationAnswer) -> str:
    return "closed" if place.closed_at else "open"


def _shown(text: str) -> str:
    return escape(on_one_line(text))
