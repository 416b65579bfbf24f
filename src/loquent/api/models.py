"""Answer which models there are; knows nothing of how they are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Annotated

from fastapi import FastAPI, Query

from loquent.api.dialects import DIALECTS
from loquent.api.model_ids import MODEL_PATH
from loquent.api.openapi import error_answers
from loquent.api.schemas import Model, ModelEndpoint, ModelList, ModelName, ModelNames
from loquent.domain.endpoints import Endpoint
from loquent.domain.errors import AuthenticationError, InvalidRequestError, ModelNotFoundError
from loquent.domain.model import Capability
from loquent.domain.status import ModelStatus
from loquent.ports import ModelDirectory
from loquent.routing.names import CAPABILITY_OF_TASK

AUDIO_MODELS_PATH = "/audio/models"


def add_model_routes(app: FastAPI, directory: ModelDirectory) -> None:
    """Add the list of models and the single model, under every prefix."""
    endpoints = ModelEndpoints(directory)
    for prefix, dialect in DIALECTS.items():
        style = dialect.error_style
        app.add_api_route(
            f"{prefix}/models",
            endpoints.list_models,
            methods=["GET"],
            responses=error_answers((InvalidRequestError, AuthenticationError), style),
        )
        app.add_api_route(
            prefix + MODEL_PATH,
            endpoints.show_model,
            methods=["GET"],
            responses=error_answers((AuthenticationError, ModelNotFoundError), style),
        )
        app.add_api_route(
            prefix + AUDIO_MODELS_PATH,
            endpoints.list_audio_models,
            methods=["GET"],
            responses=error_answers((AuthenticationError,), style),
        )


class ModelEndpoints:
    """The endpoints over one directory."""

    def __init__(self, directory: ModelDirectory) -> None:
        self._directory = directory

    async def list_models(
        self,
        capability: Annotated[
            Capability | None, Query(description="only models that can do this")
        ] = None,
    ) -> ModelList:
        """List every model under each of its names."""
        return ModelList(
            data=[
                _model(status, name)
                for status, name in self._named()
                if capability is None or capability in _capabilities(status)
            ]
        )

    async def show_model(self, id: str) -> Model:  # noqa: A002 - the name on the wire
        """Show one model, under the name that was asked for."""
        status = self._directory.find(id)
        return _model(status, id if id in status.aliases else status.card.id)

    async def list_audio_models(self) -> ModelNames:
        """List the names alone."""
        return ModelNames(models=[ModelName(id=name) for _, name in self._named()])

    def _named(self) -> Iterator[tuple[ModelStatus, str]]:
        # Clients refuse a name that the list does not hold, so each alias is an entry of its own.
        for status in self._directory.statuses():
            for name in (status.card.id, *status.aliases):
                yield status, name


def _model(status: ModelStatus, name: str) -> Model:
    card = status.card
    tasks = [task for task, needed in CAPABILITY_OF_TASK.items() if needed in card.capabilities]
    return Model(
        id=name,
        created=card.created_s,
        owned_by=card.owned_by,
        served_by=card.id,
        capabilities=sorted(_capabilities(status)),
        task=tasks[0] if tasks else None,
        tasks=tasks,
        languages=list(card.languages),
        quantization=card.quantization,
        license=card.license,
        loaded=status.is_loaded,
        endpoints=[_endpoint(endpoint) for endpoint in status.endpoints],
    )


def _capabilities(status: ModelStatus) -> AbstractSet[Capability]:
    """Return what the model can do wherever it is served."""
    return status.card.capabilities.union(*(e.capabilities for e in status.endpoints))


def _endpoint(endpoint: Endpoint) -> ModelEndpoint:
    return ModelEndpoint(
        id=endpoint.id,
        provider=endpoint.provider,
        region=endpoint.region or None,
        eu_native=endpoint.eu_native,
        gdpr=endpoint.gdpr,
        quantization=endpoint.quantization or None,
        capabilities=sorted(endpoint.capabilities),
        details=sorted(endpoint.details),
        max_file_bytes=endpoint.max_file_bytes or None,
        max_audio_seconds=endpoint.max_audio_s or None,
        file_types=sorted(endpoint.file_types),
    )
