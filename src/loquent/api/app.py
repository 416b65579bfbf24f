"""Put the endpoints and what surrounds them together; knows how none of them works."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import Lifespan

from loquent.api.access import Entrances, declared
from loquent.api.admin.routes import add_admin_routes
from loquent.api.admission import Gate
from loquent.api.auth import Authenticate, Reception
from loquent.api.client_secrets import add_client_secret_routes
from loquent.api.console import add_console_routes
from loquent.api.dialects import dialect_at
from loquent.api.diarization import add_diarization_routes
from loquent.api.edge import RequestEdge, log_exchange
from loquent.api.endpoint_metrics import EndpointCollector
from loquent.api.errors import install_error_responses
from loquent.api.idempotency import Idempotency
from loquent.api.live.parts import LiveParts
from loquent.api.live.routes import add_live_routes
from loquent.api.live.socket import SocketOptions
from loquent.api.metering import Meter
from loquent.api.metrics import Metrics
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
from loquent.api.system import add_system_routes
from loquent.api.transcriptions import add_transcription_routes
from loquent.api.unread_body import SwallowUnreadBody
from loquent.api.usage_routes import add_usage_routes
from loquent.api.voices import add_voice_routes

__all__ = ["ApiOptions", "Services", "create_app"]


def create_app(
    services: Services, options: ApiOptions, lifespan: Lifespan[FastAPI] | None = None
) -> FastAPI:
    """Build the web application over `services`.

    Args:
        lifespan: opens what `services` need before the first request, closes it after the last.
    """
    metrics = Metrics(
        ActivityCollector(services.board, services.live_board), EndpointCollector(services.planner)
    )
    gate = Gate(services.limiter, services.treasury, options.currency)
    meter = Meter(services.ledger, options.currency, gate, services.planner.book.everything)
    estimates = services.estimates
    live = LiveParts(
        services.live,
        estimates,
        metrics,
        meter,
        SocketOptions(idle_s=options.live_idle_s),
        options.default_model,
        services.secrets,
    )
    reception = Reception(options.api_key, services.keys, services.secrets)
    entrances = Entrances(declared(open_lists=options.open_lists))
    app = DescribedApi(
        title="Loquent",
        summary="Speech to text and text to speech with the OpenAI audio API.",
        docs_url=None,  # the framework's pages load their scripts from a foreign host
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=[  # from the socket inwards
            Middleware(RequestEdge, observers=(log_exchange, metrics.count_exchange)),
            Middleware(SwallowUnreadBody),
            Middleware(OneSpelling),
            Middleware(Authenticate, reception=reception, entrances=entrances),
            Middleware(Idempotency, answers=services.answers, sealer=services.sealer),
        ],
    )
    install_error_responses(app, lambda path: dialect_at(path).error_style)
    add_system_routes(app, services.directory, metrics)
    _add_books(app, services, options.currency)
    add_console_routes(app, is_served=options.console)
    add_transcription_routes(app, services.transcriber, options, metrics, meter, estimates)
    add_subtitle_routes(app)
    add_diarization_routes(app, services.diarizer, options, metrics, meter, estimates)
    add_live_routes(app, live)
    add_client_secret_routes(app, live)
    app.state.drain = live.sockets.drain
    add_speech_routes(app, services.speaker, options, metrics, meter, estimates)
    entrances.add(app.routes)
    app.public_paths = entrances.public_paths
    return app


def _add_books(app: FastAPI, services: Services, currency: str) -> None:
    """Add what tells of models, prices, usage and keys, and what changes them."""
    add_status_routes(app, services.directory, services.board, services.live_board)
    add_model_routes(app, services.directory)
    add_voice_routes(app, services.voices)
    add_stock_routes(app, services.stock)
    add_route_routes(app, services.planner, currency)
    add_pricing_routes(app, services.planner, currency)
    add_usage_routes(app, services.ledger, currency)
    add_admin_routes(app, services.registry, services.treasury, services.ledger, currency)
