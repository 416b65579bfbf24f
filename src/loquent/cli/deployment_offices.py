"""Administers deployments, here by the database of the settings or there by asking a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from pydantic import BaseModel

from loquent.api.admin.bodies import read
from loquent.api.admin.deployment_bodies import DeploymentPatch, NewDeployment
from loquent.api.admin.deployment_schemas import DeploymentAnswer, DeploymentList, EndedDeployment
from loquent.api.admin.deployments import DEPLOYMENTS
from loquent.cli.administering import Fields, Here, Office, There, opened_here
from loquent.cli.asking import Question, asked, segment
from loquent.domain.accounts import OPERATOR
from loquent.settings import Settings
from loquent.wiring import Offices

DoneT = TypeVar("DoneT")
AnswerT = TypeVar("AnswerT", bound=BaseModel)


class DeploymentOffice(Protocol):
    """What can be asked for wherever deployments are administered; raises LoquentError."""

    @property
    def accounts(self) -> Office: ...

    async def deployments(self) -> DeploymentList: ...

    async def deployment(self, deployment_id: str) -> DeploymentAnswer: ...

    async def create_deployment(self, fields: Fields) -> DeploymentAnswer: ...

    async def change_deployment(self, deployment_id: str, fields: Fields) -> DeploymentAnswer: ...

    async def close_deployment(self, deployment_id: str) -> EndedDeployment: ...


def deployed(
    server: str | None, settings: Settings, act: Callable[[DeploymentOffice], Awaitable[DoneT]]
) -> DoneT:
    """Do something where deployments are administered: on a server, or on this machine.

    Raises: LoquentError; SettingsError: if there are no accounts here.
    """

    async def act_here() -> DoneT:
        async with opened_here(settings) as offices:
            return await act(_DeploymentsHere(offices))

    async def act_there(url: str) -> DoneT:
        return await act(_DeploymentsThere(url, settings))

    return asyncio.run(act_there(server) if server else act_here())


def path_of(deployment_id: str) -> str:
    """Return where a server is asked about a deployment."""
    return f"{DEPLOYMENTS}/{segment(deployment_id)}"


class _DeploymentsHere:
    """This machine, whose operator may do all."""

    def __init__(self, offices: Offices) -> None:
        self.accounts = Here(offices.accounts)
        self._administration = offices.deployments

    async def deployments(self) -> DeploymentList:
        return await self._administration.list_deployments(OPERATOR)

    async def deployment(self, deployment_id: str) -> DeploymentAnswer:
        return await self._administration.show_deployment(OPERATOR, deployment_id)

    async def create_deployment(self, fields: Fields) -> DeploymentAnswer:
        body = read(fields, NewDeployment)
        return await self._administration.create_deployment(OPERATOR, body)

    async def change_deployment(self, deployment_id: str, fields: Fields) -> DeploymentAnswer:
        body = read(fields, DeploymentPatch)
        return await self._administration.change_deployment(OPERATOR, deployment_id, body)

    async def close_deployment(self, deployment_id: str) -> EndedDeployment:
        return await self._administration.close_deployment(OPERATOR, deployment_id)


class _DeploymentsThere:
    """A server, which decides by the key of the settings what may be done."""

    def __init__(self, server: str, settings: Settings) -> None:
        self.accounts = There(server, settings)
        self._server = server
        self._settings = settings

    async def deployments(self) -> DeploymentList:
        return self._asked(Question("GET", DEPLOYMENTS), DeploymentList)

    async def deployment(self, deployment_id: str) -> DeploymentAnswer:
        return self._asked(Question("GET", path_of(deployment_id)), DeploymentAnswer)

    async def create_deployment(self, fields: Fields) -> DeploymentAnswer:
        return self._asked(Question("POST", DEPLOYMENTS, body=fields), DeploymentAnswer)

    async def change_deployment(self, deployment_id: str, fields: Fields) -> DeploymentAnswer:
        question = Question("PATCH", path_of(deployment_id), body=fields)
        return self._asked(question, DeploymentAnswer)

    async def close_deployment(self, deployment_id: str) -> EndedDeployment:
        return self._asked(Question("DELETE", path_of(deployment_id)), EndedDeployment)

    def _asked(self, question: Question, kind: type[AnswerT]) -> AnswerT:
        return asked(self._server, question, kind, self._settings)
