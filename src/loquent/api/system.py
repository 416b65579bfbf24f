"""Answer how the server itself is doing; knows nothing of audio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from loquent.api.draining import AGAIN_S, is_leaving
from loquent.api.metrics import Metrics
from loquent.api.openapi import error_answers
from loquent.api.schemas import Health
from loquent.domain.deployments import DeploymentState
from loquent.domain.errors import AuthenticationError, ModelNotReadyError, ShuttingDownError
from loquent.ports import ModelDirectory

_READY_AGAIN_S = 5

Readiness: TypeAlias = Callable[[], DeploymentState]
"""Tells how far the models of an application are."""

DEPLOYMENT_FAILED: Final = "deployment_failed"
"""The code of an error: a model does not load, so waiting alone does not help."""

AT_SERVICE: Final = frozenset({DeploymentState.READY, DeploymentState.ASLEEP})
"""Requests may come, if only to wake a model."""


def readiness_of(directory: ModelDirectory) -> Readiness:
    """Return how far what all share is: there the default model counts."""

    def look() -> DeploymentState:
        return DeploymentState.READY if directory.is_ready() else DeploymentState.STARTING

    return look


def add_health_routes(app: FastAPI, readiness: Readiness) -> None:
    """Add liveness and readiness."""

    async def healthz() -> Health:
        """Answer as long as the process can answer at all."""
        return Health(status="ok")

    async def readyz(request: Request) -> Health:
        """Answer 200 once models can serve, or wake when asked, until the server ends."""
        if is_leaving(request.scope):
            raise ShuttingDownError("The server is about to end.", retry_after_s=AGAIN_S)
        return _told(readiness())

    app.add_api_route("/healthz", healthz, methods=["GET"])
    app.add_api_route(
        "/readyz",
        readyz,
        methods=["GET"],
        responses=error_answers((ModelNotReadyError, ShuttingDownError)),
    )


def _told(state: DeploymentState) -> Health:
    """Raises: ModelNotReadyError."""
    match state:
        case DeploymentState.READY:
            return Health(status="ready")
        case DeploymentState.ASLEEP:
            return Health(status="asleep")
        case DeploymentState.FAILED:
            raise ModelNotReadyError(
                "A model of this deployment does not load, or is not installed. The log of the"
                " server says why, and so does `loquent deployments logs`.",
                code=DEPLOYMENT_FAILED,
                retry_after_s=_READY_AGAIN_S,
            )
        case _:
            raise ModelNotReadyError(
                "The models that are to be here are not ready yet.", retry_after_s=_READY_AGAIN_S
            )


def add_metrics_route(app: FastAPI, metrics: Metrics) -> None:
    """Add what Prometheus reads."""

    async def show_metrics() -> PlainTextResponse:
        """Show every metric in Prometheus' text format."""
        return PlainTextResponse(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    app.add_api_route(
        "/metrics",
        show_metrics,
        methods=["GET"],
        response_class=PlainTextResponse,
        responses=error_answers((AuthenticationError,)),
    )
