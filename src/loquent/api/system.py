"""Answer how the server itself is doing; knows nothing of audio."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from loquent.api.metrics import Metrics
from loquent.api.openapi import error_answers
from loquent.api.schemas import Health
from loquent.domain.errors import AuthenticationError, ModelNotReadyError
from loquent.ports import ModelDirectory

_READY_AGAIN_S = 5


def add_system_routes(app: FastAPI, directory: ModelDirectory, metrics: Metrics) -> None:
    """Add liveness, readiness and metrics."""

    async def healthz() -> Health:
        """Answer as long as the process can answer at all."""
        return Health(status="ok")

    async def readyz() -> Health:
        """Answer 200 once the default model can serve."""
        if not directory.is_ready():
            raise ModelNotReadyError(
                "The default model is not ready yet.", retry_after_s=_READY_AGAIN_S
            )
        return Health(status="ready")

    async def show_metrics() -> PlainTextResponse:
        """Show every metric in Prometheus' text format."""
        return PlainTextResponse(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    app.add_api_route("/healthz", healthz, methods=["GET"])
    app.add_api_route(
        "/readyz", readyz, methods=["GET"], responses=error_answers((ModelNotReadyError,))
    )
    app.add_api_route(
        "/metrics",
        show_metrics,
        methods=["GET"],
        response_class=PlainTextResponse,
        responses=error_answers((AuthenticationError,)),
    )
