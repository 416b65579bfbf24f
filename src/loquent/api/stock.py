"""Answer who administers the models of this machine; fetches and drops nothing itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

from fastapi import FastAPI, Request, Response

from loquent.api.dialects import DIALECTS
from loquent.api.event_stream import EventStream, reports, whole
from loquent.api.model_ids import MODEL_PATH
from loquent.api.openapi import Document, error_answers
from loquent.api.stock_schemas import (
    CatalogList,
    CatalogModel,
    PullProgress,
    RemovedModel,
    UnloadedModel,
)
from loquent.domain import errors
from loquent.domain.stock import Phase, PullEvent, StockedModel
from loquent.ports import ModelStock

_ERRORS = (
    errors.InvalidRequestError,
    errors.AuthenticationError,
    errors.PermissionDeniedError,
    errors.ModelNotFoundError,
    errors.ConflictError,
    errors.LedgerUnavailableError,
)


def add_stock_routes(app: FastAPI, stock: ModelStock) -> None:
    """Add what there is to be had, and how to get, drop and unload it, under every prefix."""
    endpoints = StockEndpoints(stock)
    for prefix, dialect in DIALECTS.items():
        style = dialect.error_style
        app.add_api_route(
            f"{prefix}/catalog",
            endpoints.list_catalog,
            methods=["GET"],
            responses=error_answers((errors.AuthenticationError,), style),
        )
        changes = error_answers(_ERRORS, style)
        app.add_api_route(
            f"{prefix}{MODEL_PATH}/pull",
            endpoints.pull_model,
            methods=["POST"],
            responses={200: _events_described(), **changes},
        )
        app.add_api_route(
            f"{prefix}{MODEL_PATH}/unload",
            endpoints.unload_model,
            methods=["POST"],
            responses=changes,
        )
        app.add_api_route(
            prefix + MODEL_PATH,
            endpoints.remove_model,
            methods=["DELETE"],
            responses=changes,
        )


class StockEndpoints:
    """The endpoints over one stock."""

    def __init__(self, stock: ModelStock) -> None:
        self._stock = stock

    async def list_catalog(self) -> CatalogList:
        """List the models that are installed or can be pulled."""
        return CatalogList(data=[listed_model(model) for model in await self._stock.listed()])

    async def pull_model(self, request: Request, id: str) -> Response:  # noqa: A002 - its name on the wire
        """Install a model, or mend it; events tell how it goes. Hang up to stop, ask to resume."""
        events = self._stock.pull(id)
        # What is wrong from the start gets a status of its own.
        first = await anext(events)
        told = reports(_after(first, events), pull_progress)
        chunks = whole(told, request.scope["loquent.request_id"])
        return EventStream(chunks, AsyncExitStack(), {})

    async def unload_model(self, id: str) -> UnloadedModel:  # noqa: A002 - the name on the wire
        """Free the memory of a model; the next request for it loads it again."""
        return UnloadedModel(id=await self._stock.unload(id))

    async def remove_model(self, id: str) -> RemovedModel:  # noqa: A002 - the name on the wire
        """Delete a model from this machine."""
        await self._stock.remove(id)
        return RemovedModel(id=id)


async def _after(first: PullEvent, others: AsyncGenerator[PullEvent]) -> AsyncGenerator[PullEvent]:
    async with aclosing(others):
        yield first
        async for event in others:
            yield event


def pull_progress(event: PullEvent) -> PullProgress:
    """Return an event as it is told."""
    return PullProgress(
        model=event.model_id,
        state=event.phase,
        source=event.source,
        file=event.file,
        bytes_done=event.bytes_done,
        bytes_total=event.bytes_total,
        message=event.message,
    )


def listed_model(model: StockedModel) -> CatalogModel:
    """Return a model as it is listed."""
    card = model.card
    return CatalogModel(
        id=card.id,
        owned_by=card.owned_by,
        license=card.license,
        capabilities=sorted(card.capabilities),
        languages=list(card.languages),
        quantization=card.quantization,
        bytes=model.n_bytes or None,
        installed=model.is_installed,
        source=model.source or None,
        built_in=model.is_built_in,
        needed_by=list(model.needed_by),
    )


def _events_described() -> Document:
    schema = PullProgress.model_json_schema()
    del schema["$defs"]
    schema["properties"]["state"] = {"type": "string", "enum": list(Phase)}
    return {"description": "How it goes", "content": {"text/event-stream": {"schema": schema}}}
