"""Answer who administers deployments over HTTP; runs none and decides nothing about accounts."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Final

from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from loquent.api.admin.addresses import Address, actor_of, add_addresses, no_accounts
from loquent.api.admin.bodies import read_body
from loquent.api.admin.deployment_administration import DeploymentAdministration
from loquent.api.admin.deployment_bodies import DeploymentPatch, NewDeployment
from loquent.api.admin.deployment_schemas import (
    DeploymentAnswer,
    DeploymentEventAnswer,
    DeploymentEventList,
    DeploymentList,
    DeploymentsQuestion,
    EndedDeployment,
    EventsQuestion,
)
from loquent.api.admin.deployment_telling import DeploymentTeller, event_answer
from loquent.api.dialects import DIALECTS
from loquent.api.event_stream import EventStream, reports, whole
from loquent.api.openapi import Document
from loquent.api.options import ApiOptions, Services
from loquent.domain.deployments import DeploymentEvent
from loquent.ports import DeploymentBoard

DEPLOYMENTS: Final = "/deployments"

_PREFIXED: Final = {prefix: dialect for prefix, dialect in DIALECTS.items() if prefix}
"""Without a prefix, what follows /deployments/{id} is asked of the deployment itself."""

_AS_EVENTS_TOO: Final[Document] = {
    "content": {
        "application/json": {},
        "text/event-stream": {"schema": DeploymentEventAnswer.model_json_schema()},
    }
}


def add_deployment_routes(app: FastAPI, services: Services, options: ApiOptions) -> None:
    """Add deployments under every prefix but the empty one; without accounts they say so."""
    there = None
    if services.registry is not None:
        teller = DeploymentTeller(services.deployments, options.public_url, options.domain)
        there = DeploymentAdministration(services.registry, teller, services.directory)
    endpoints = DeploymentEndpoints(there, services.deployments)
    add_addresses(app, endpoints.addresses(), _PREFIXED)


class DeploymentEndpoints:
    """The endpoints over one administration.

    Args:
        there: None where there are no accounts.
        board: knows what happened; None where nothing is run.
    """

    def __init__(
        self, there: DeploymentAdministration | None, board: DeploymentBoard | None
    ) -> None:
        self._there = there
        self._board = board

    def addresses(self) -> Iterable[Address]:
        """Return all there is."""
        one = f"{DEPLOYMENTS}/{{deployment_id}}"
        return (
            Address("GET", DEPLOYMENTS, self.list_deployments),
            Address("POST", DEPLOYMENTS, self.create_deployment, NewDeployment),
            Address("GET", one, self.show_deployment),
            Address("PATCH", one, self.change_deployment, DeploymentPatch),
            Address("DELETE", one, self.close_deployment),
            Address(
                "GET",
                f"{one}/events",
                self.list_events,
                answer=DeploymentEventList,
                answers={200: _AS_EVENTS_TOO},
            ),
        )

    @property
    def _administration(self) -> DeploymentAdministration:
        """Raises: NotFoundError: if there are no accounts."""
        if self._there is None:
            raise no_accounts()
        return self._there

    async def list_deployments(
        self, request: Request, question: Annotated[DeploymentsQuestion, Query()]
    ) -> DeploymentList:
        """List the deployments that the key administers."""
        return await self._administration.list_deployments(actor_of(request), question.project)

    async def create_deployment(self, request: Request) -> DeploymentAnswer:
        """Make a deployment; it starts at once."""
        administration, body = self._administration, await read_body(request, NewDeployment)
        return await administration.create_deployment(actor_of(request), body)

    async def show_deployment(self, request: Request, deployment_id: str) -> DeploymentAnswer:
        """Show a deployment, and what it does on the server that answers."""
        return await self._administration.show_deployment(actor_of(request), deployment_id)

    async def change_deployment(self, request: Request, deployment_id: str) -> DeploymentAnswer:
        """Change what is named of a deployment; null clears it."""
        administration, body = self._administration, await read_body(request, DeploymentPatch)
        return await administration.change_deployment(actor_of(request), deployment_id, body)

    async def close_deployment(self, request: Request, deployment_id: str) -> EndedDeployment:
        """End a deployment for good; what runs may end."""
        return await self._administration.close_deployment(actor_of(request), deployment_id)

    async def list_events(
        self, request: Request, deployment_id: str, question: Annotated[EventsQuestion, Query()]
    ) -> DeploymentEventList | Response:
        """List what happened to a deployment, or follow it until it ends."""
        await self._administration.show_deployment(actor_of(request), deployment_id)
        events = self._events(deployment_id, question)
        if question.follow:
            chunks = whole(reports(events, event_answer), request.scope["loquent.request_id"])
            return EventStream(chunks, AsyncExitStack(), {})
        async with aclosing(events):
            return DeploymentEventList(data=[event_answer(each) async for each in events])

    def _events(
        self, deployment_id: str, question: EventsQuestion
    ) -> AsyncGenerator[DeploymentEvent]:
        if self._board is None:
            return _nothing()
        return self._board.events(deployment_id, after=question.after, follows=question.follow)


async def _nothing() -> AsyncGenerator[DeploymentEvent]:
    return
    yield
