"""Put the endpoints and what surrounds them together; knows how none of them works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import Lifespan

from loquent.api.access import Entrances, declared
from loquent.api.admin.deployments import add_deployment_routes
from loquent.api.admin.routes import add_admin_routes
from loquent.api.admission import Gate
from loquent.api.auth import Authenticate, Reception
from loquent.api.client_secrets import add_client_secret_routes
from loquent.api.console import add_console_routes
from loquent.api.dialects import dialect_at
from loquent.api.diarization import add_diarization_routes
from loquent.api.dispatch import NO_APPLICATIONS, Applications, Dispatch
from loquent.api.draining import Departure, Farewell
from loquent.api.edge import RequestEdge, log_exchange
from loquent.api.endpoint_metrics import EndpointCollector
from loquent.api.errors import install_error_responses
from loquent.api.idempotency import Idempotency
from loquent.api.live.parts import LiveParts
from loquent.api.live.routes import add_live_routes
from loquent.api.live.socket import SocketOptions
from loquent.api.metering import Meter
from loquent.api.metrics import Metrics, Series
from loquent.api.models import add_model_routes
from loquent.api.openapi import DescribedApi
from loquent.api.options import ApiOptions, Services
from loquent.api.pricing import add_pricing_routes
from loquent.api.routes import add_route_routes
from loquent.api.speech import add_speech_routes
from loquent.api.spelling import OneSpelling
from loquent.api.status import ActivityCollector, add_status_routes
from loquent.api.stock import add_stock_routes
from loquent.api.subtitles import add_subtitle_routes
from loquent.api.system import (
    Readiness,
    add_health_routes,
    add_metrics_route,
    readiness_of,
)
from loquent.api.transcriptions import add_transcription_routes
from loquent.api.unread_body import SwallowUnreadBody
from loquent.api.usage_routes import add_usage_routes
from loquent.api.voices import add_voice_routes
from loquent.domain.deployments import Deployment

__all__ = ["ApiOptions", "Services", "create_app", "create_deployment_app"]


def create_app(
    services: Services,
    options: ApiOptions,
    lifespan: Lifespan[FastAPI] | None = None,
    applications: Applications = NO_APPLICATIONS,
) -> DescribedApi:
    """Build the web application over `services`.

    Args:
        lifespan: opens what `services` need before the first request, closes it after the last.
        applications: of deployments; they are made by `create_deployment_app`.
    """
    shared = ("", services.board, services.live_board)
    boards = ActivityCollector(lambda: (shared, *applications.boards()))
    metrics = Metrics(Series(boards, EndpointCollector(services.planner)))
    inner = _Inner.of(services, options, metrics, readiness_of(services.directory))
    departure = Departure()
    app = _described(
        inner,
        Middleware(RequestEdge, observers=(log_exchange, metrics.count_exchange)),
        Middleware(Farewell, departure=departure),
        Middleware(SwallowUnreadBody),
        Middleware(Dispatch, applications=applications, domain=options.domain),
        lifespan=lifespan,
    )
    app.state.departure = departure
    app.state.metrics = metrics
    add_metrics_route(app, metrics)
    add_console_routes(app, is_served=options.console)
    _add_inference(app, services, options, inner)
    add_stock_routes(app, services.stock)
    add_usage_routes(app, services.ledger, options.currency)
    add_admin_routes(app, services.registry, services.treasury, services.ledger, options.currency)
    add_deployment_routes(app, services, options)
    return inner.declared(app)


def create_deployment_app(
    deployment: Deployment,
    services: Services,
    options: ApiOptions,
    metrics: Metrics,
    readiness: Readiness,
) -> DescribedApi:
    """Build the application of a deployment, which has what models do and nothing else.

    It stands behind the outermost edge of the shared one.

    Args:
        metrics: those of the shared application.
    """
    within = metrics.within(deployment.id)
    inner = _Inner.of(services, options, within, readiness, deployment)
    app = _described(inner)
    _add_inference(app, services, options, inner)
    return inner.declared(app)


@dataclass(frozen=True, slots=True)
class _Inner:
    """What surrounds the endpoints of one application."""

    metrics: Metrics
    meter: Meter
    live: LiveParts
    entrances: Entrances
    readiness: Readiness
    middleware: tuple[Middleware, ...]

    @classmethod
    def of(
        cls,
        services: Services,
        options: ApiOptions,
        metrics: Metrics,
        readiness: Readiness,
        deployment: Deployment | None = None,
    ) -> Self:
        gate = Gate(services.limiter, services.treasury, options.currency)
        book = services.planner.book
        meter = Meter(services.ledger, options.currency, gate, book.everything)
        live = LiveParts(
            services.live,
            services.estimates,
            metrics,
            meter,
            SocketOptions(idle_s=options.live_idle_s),
            options.default_model,
            services.secrets,
        )
        reception = Reception(options.api_key, services.keys, services.secrets)
        entrances = Entrances(declared(open_lists=options.open_lists))
        middleware = (
            Middleware(OneSpelling),
            Middleware(
                Authenticate, reception=reception, entrances=entrances, deployment=deployment
            ),
            Middleware(Idempotency, answers=services.answers, sealer=services.sealer),
        )
        return cls(metrics, meter, live, entrances, readiness, middleware)

    def declared(self, app: DescribedApi) -> DescribedApi:
        """Look at the routes of `app`: each must say what it needs."""
        self.entrances.add(app.routes)
        app.public_paths = self.entrances.public_paths
        return app


def _described(
    inner: _Inner,
    *outer: Middleware,
    lifespan: Lifespan[FastAPI] | None = None,
) -> DescribedApi:
    """Return an application without routes."""
    app = DescribedApi(
        title="Loquent",
        summary="Speech to text and text to speech with the OpenAI audio API.",
        docs_url=None,  # the framework's pages load their scripts from a foreign host
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=[*outer, *inner.middleware],  # from the socket inwards
    )
    install_error_responses(app, lambda path: dialect_at(path).error_style)
    app.state.drain = inner.live.sockets.drain
    return app


def _add_inference(app: FastAPI, services: Services, options: ApiOptions, inner: _Inner) -> None:
    """Add what models do, and what tells of them."""
    metrics, meter, estimates = inner.metrics, inner.meter, services.estimates
    add_health_routes(app, inner.readiness)
    add_status_routes(app, inner.readiness, services.board, services.live_board)
    add_model_routes(app, services.directory)
    add_voice_routes(app, services.voices)
    add_route_routes(app, services.planner, options.currency)
    add_pricing_routes(app, services.planner, options.currency)
    add_transcription_routes(app, services, options, metrics, meter)
    add_subtitle_routes(app)
    add_diarization_routes(app, services.diarizer, options, metrics, meter, estimates)
    add_live_routes(app, inner.live)
    add_client_secret_routes(app, inner.live)
    add_speech_routes(app, services.speaker, options, metrics, meter, estimates)
