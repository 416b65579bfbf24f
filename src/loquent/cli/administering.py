"""Administers accounts, here by the database of the settings or there by asking a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from loquent.api.admin.administration import Administration
from loquent.api.admin.bodies import NewKey, NewOrganisation, NewProject, Rotation, read
from loquent.api.admin.routes import KEYS, ORGANISATIONS, PROJECTS
from loquent.api.admin.schemas import (
    Ended,
    KeyAnswer,
    KeyList,
    NewKeyAnswer,
    OrganisationAnswer,
    OrganisationList,
    ProjectAnswer,
    ProjectList,
)
from loquent.cli.asking import Question, asked, segment
from loquent.domain.accounts import OPERATOR
from loquent.settings import Settings, SettingsError
from loquent.wiring import Offices, open_administration

Fields = Mapping[str, Any]
"""A body as JSON has it."""

DoneT = TypeVar("DoneT")
AnswerT = TypeVar("AnswerT", bound=BaseModel)


class Office(Protocol):
    """What can be asked for wherever accounts are administered; raises LoquentError."""

    @property
    def is_here(self) -> bool: ...

    async def organisations(self) -> OrganisationList: ...

    async def create_organisation(self, fields: Fields) -> OrganisationAnswer: ...

    async def close_organisation(self, organisation_id: str) -> Ended: ...

    async def projects(self) -> ProjectList: ...

    async def create_project(self, fields: Fields) -> ProjectAnswer: ...

    async def close_project(self, project_id: str) -> Ended: ...

    async def keys(self) -> KeyList: ...

    async def key(self, key_id: str) -> KeyAnswer: ...

    async def create_key(self, fields: Fields) -> NewKeyAnswer: ...

    async def rotate_key(self, key_id: str, overlap_s: int) -> NewKeyAnswer: ...

    async def revoke_key(self, key_id: str, *, keep_children: bool) -> Ended: ...


class Here:
    """This machine, whose operator may do all."""

    is_here = True

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    async def organisations(self) -> OrganisationList:
        return await self._administration.list_organisations(OPERATOR)

    async def create_organisation(self, fields: Fields) -> OrganisationAnswer:
        body = read(fields, NewOrganisation)
        return await self._administration.create_organisation(OPERATOR, body)

    async def close_organisation(self, organisation_id: str) -> Ended:
        return await self._administration.close_organisation(OPERATOR, organisation_id)

    async def projects(self) -> ProjectList:
        return await self._administration.list_projects(OPERATOR)

    async def create_project(self, fields: Fields) -> ProjectAnswer:
        return await self._administration.create_project(OPERATOR, read(fields, NewProject))

    async def close_project(self, project_id: str) -> Ended:
        return await self._administration.close_project(OPERATOR, project_id)

    async def keys(self) -> KeyList:
        return await self._administration.list_keys(OPERATOR)

    async def key(self, key_id: str) -> KeyAnswer:
        return await self._administration.show_key(OPERATOR, key_id)

    async def create_key(self, fields: Fields) -> NewKeyAnswer:
        return await self._administration.create_key(OPERATOR, read(fields, NewKey))

    async def rotate_key(self, key_id: str, overlap_s: int) -> NewKeyAnswer:
        body = read({"overlap_seconds": overlap_s}, Rotation)
        return await self._administration.rotate_key(OPERATOR, key_id, body.overlap_seconds)

    async def revoke_key(self, key_id: str, *, keep_children: bool) -> Ended:
        return await self._administration.revoke_key(OPERATOR, key_id, keep_children=keep_children)


class There:
    """A server, which decides by the key of the settings what may be done."""

    is_here = False

    def __init__(self, server: str, settings: Settings) -> None:
        self._server = server
        self._settings = settings

    async def organisations(self) -> OrganisationList:
        return self._asked(Question("GET", ORGANISATIONS), OrganisationList)

    async def create_organisation(self, fields: Fields) -> OrganisationAnswer:
        return self._asked(Question("POST", ORGANISATIONS, body=fields), OrganisationAnswer)

    async def close_organisation(self, organisation_id: str) -> Ended:
        return self._asked(Question("DELETE", f"{ORGANISATIONS}/{segment(organisation_id)}"), Ended)

    async def projects(self) -> ProjectList:
        return self._asked(Question("GET", PROJECTS), ProjectList)

    async def create_project(self, fields: Fields) -> ProjectAnswer:
        return self._asked(Question("POST", PROJECTS, body=fields), ProjectAnswer)

    async def close_project(self, project_id: str) -> Ended:
        return self._asked(Question("DELETE", f"{PROJECTS}/{segment(project_id)}"), Ended)

    async def keys(self) -> KeyList:
        return self._asked(Question("GET", KEYS), KeyList)

    async def key(self, key_id: str) -> KeyAnswer:
        return self._asked(Question("GET", f"{KEYS}/{segment(key_id)}"), KeyAnswer)

    async def create_key(self, fields: Fields) -> NewKeyAnswer:
        return self._asked(Question("POST", KEYS, body=fields), NewKeyAnswer)

    async def rotate_key(self, key_id: str, overlap_s: int) -> NewKeyAnswer:
        body = {"overlap_seconds": overlap_s}
        return self._asked(
            Question("POST", f"{KEYS}/{segment(key_id)}/rotate", body=body), NewKeyAnswer
        )

    async def revoke_key(self, key_id: str, *, keep_children: bool) -> Ended:
        query = {"keep_children": "true"} if keep_children else None
        return self._asked(Question("DELETE", f"{KEYS}/{segment(key_id)}", query=query), Ended)

    def _asked(self, question: Question, kind: type[AnswerT]) -> AnswerT:
        return asked(self._server, question, kind, self._settings)


@asynccontextmanager
async def opened_here(settings: Settings) -> AsyncIterator[Offices]:
    """Open what is administered on this machine for as long as the context is.

    Raises: SettingsError: if there are no accounts here.
    """
    async with open_administration(settings) as offices:
        if offices is None:
            raise SettingsError(
                "ledger: keys and deployments are kept in the ledger, and that is off. Take `off`"
                " out of this setting, or name a server with --server."
            )
        yield offices


def administered(
    server: str | None, settings: Settings, act: Callable[[Office], Awaitable[DoneT]]
) -> DoneT:
    """Do something where accounts are administered: on a server, or on this machine.

    Raises: LoquentError; SettingsError: if there are no accounts here.
    """

    async def act_here() -> DoneT:
        async with opened_here(settings) as offices:
            return await act(Here(offices.accounts))

    async def act_there(url: str) -> DoneT:
        return await act(There(url, settings))

    return asyncio.run(act_there(server) if server else act_here())
