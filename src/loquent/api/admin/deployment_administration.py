"""Do what administrators of deployments ask for, and answer them; knows no HTTP, runs none."""

from __future__ import annotations

from typing import TypeVar

from loquent.accounting.registry import Registry
from loquent.api.admin.deployment_bodies import DeploymentPatch, NewDeployment
from loquent.api.admin.deployment_schemas import (
    DeploymentAnswer,
    DeploymentList,
    EndedDeployment,
)
from loquent.api.admin.deployment_telling import DeploymentTeller
from loquent.domain.accounts import Caller
from loquent.domain.errors import InvalidRequestError, ModelNotFoundError
from loquent.domain.status import ModelStatus
from loquent.ports import ModelDirectory

BodyT = TypeVar("BodyT", NewDeployment, DeploymentPatch)


class DeploymentAdministration:
    """What can be asked for, by a key over the network and by the operator at the machine.

    All of it raises what `Registry` does.

    Args:
        directory: of the models that are installed.
    """

    def __init__(
        self, registry: Registry, teller: DeploymentTeller, directory: ModelDirectory
    ) -> None:
        self._registry = registry
        self._teller = teller
        self._directory = directory

    async def list_deployments(self, actor: Caller, project: str | None = None) -> DeploymentList:
        """List what the actor administers, the oldest first."""
        desk = await self._registry.desk(actor)
        if project is not None:
            desk.project(project)
        seen = sorted(desk.seen_deployments(), key=lambda each: (each.created_at, each.id))
        found = [each for each in seen if project in (None, each.project_id)]
        return DeploymentList(data=[self._teller.deployment(each) for each in found])

    async def show_deployment(self, actor: Caller, deployment_id: str) -> DeploymentAnswer:
        """Show one."""
        desk = await self._registry.desk(actor)
        return self._teller.deployment(desk.deployment(deployment_id))

    async def create_deployment(self, actor: Caller, body: NewDeployment) -> DeploymentAnswer:
        """Make one; raises ModelNotFoundError, too."""
        made = await self._registry.create_deployment(actor, self._installed(body).wish())
        return self._teller.deployment(made)

    async def change_deployment(
        self, actor: Caller, deployment_id: str, body: DeploymentPatch
    ) -> DeploymentAnswer:
        """Change what is named; raises ModelNotFoundError, too."""
        edit = self._installed(body).edit
        changed = await self._registry.change_deployment(actor, deployment_id, edit)
        return self._teller.deployment(changed)

    async def close_deployment(self, actor: Caller, deployment_id: str) -> EndedDeployment:
        """End one for good."""
        ended = await self._registry.close_deployment(actor, deployment_id)
        return EndedDeployment(id=ended.id)

    def _installed(self, body: BodyT) -> BodyT:
        """Return a body whose models are named as the server itself knows them.

        Raises: ModelNotFoundError, InvalidRequestError: if two names stand for one model.
        """
        if "models" not in body.model_fields_set:
            return body
        found: dict[str, str] = {}
        for asked in body.models:
            status = self._found(asked)
            model_id = status.card.id
            if model_id in found:
                raise InvalidRequestError(
                    f"models: {asked!r} and {found[model_id]!r} are the same model. Name it once;"
                    " a deployment answers to its other names, too.",
                    param="models",
                )
            places = {endpoint.id for endpoint in status.endpoints}
            found[model_id] = asked if asked in set(status.aliases) - places else model_id
        return body.model_copy(update={"models": list(found.values())})

    def _found(self, name: str) -> ModelStatus:
        try:
            status = self._directory.find(name)
        except ModelNotFoundError as error:
            raise ModelNotFoundError(error.message, param="models") from error
        pinned = [endpoint for endpoint in status.endpoints if endpoint.id == name]
        places = pinned or status.endpoints
        if places and not any(place.is_local for place in places):
            raise ModelNotFoundError(
                f"The model {name!r} is served elsewhere, and a deployment runs models of this"
                " machine: install one with `loquent models pull`.",
                param="models",
            )
        return status
