"""Put the endpoints and what surrounds them together; knows how none of them works."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import Lifespan, Scope

from loquent.api.auth import PUBLIC_PATHS, RequireKey
from loquent.api.client_secrets import add_client_secret_routes
from loquent.api.dialects import DIALECTS, dialect_at
from loquent.api.diarization import add_diarization_routes
from loquent.api.edge import RequestEdge, log_exchange
from loquent.api.endpoint_metrics import EndpointCollector
from loquent.api.errors import install_error_responses
from loquent.api.live import openai as live_openai
from loquent.api.live.parts import LiveParts
from loquent.api.live.routes import add_live_routes
from loquent.api.live.socket import SocketOptions
from loquent.api.metering import Meter
from loquent.api.metrics import Metrics
from loquent.api.models import AUDIO_MODELS_PATH, add_model_routes
from loquent.api.openapi import DescribedApi
from loquent.api.options import ApiOptions, Services
from loquent.api.pricing import add_pricing_routes
from loquent.api.routes import add_route_routes
from loquent.api.speech import add_speech_routes
from loquent.api.spelling import OneSpelling
from loquent.api.status import ActivityCollector, add_status_routes
from loquent.api.system import add_system_routes
from loquent.api.transcriptions import add_transcription_routes
from loquent.api.unread_body import SwallowUnreadBody
from loquent.api.usage_routes import add_usage_routes
from loquent.api.voices import VOICES_PATH, add_voice_routes

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
    meter = Meter(services.ledger, options.currency, services.planner.book.everything)
    live = LiveParts(
        services.live,
        metrics,
        meter,
        SocketOptions(idle_s=options.live_idle_s),
        options.default_model,
        services.secrets,
    )
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
            Middleware(
                RequireKey,
                api_key=options.api_key,
                public_paths=public_paths(options),
                is_guest=lambda scope: opens_a_session(scope, live),
            ),
        ],
    )
    app.public_paths = public_paths(options)
    install_error_responses(app, lambda path: dialect_at(path).error_style)
    add_system_routes(app, services.directory, metrics)
    add_status_routes(app, services.directory, services.board, services.live_board)
    add_model_routes(app, services.directory)
    add_route_routes(app, services.planner, options.currency)
    add_pricing_routes(app, services.planner, options.currency)
    add_usage_routes(app, services.ledger, options.currency)
    add_voice_routes(app, services.voices)
    add_transcription_routes(app, services.transcriber, options, metrics, meter)
    add_diarization_routes(app, services.diarizer, options, metrics, meter)
    add_live_routes(app, live)
    add_client_secret_routes(app, live)
    app.state.drain = live.sockets.drain
    add_speech_routes(app, services.speaker, options, metrics, meter)
    return app


def public_paths(options: ApiOptions) -> AbstractSet[str]:
    """Return what needs no key; some clients send none where they ask for models and voices."""
    lists = {prefix + path for prefix in DIALECTS for path in (AUDIO_MODELS_PATH, VOICES_PATH)}
    return PUBLIC_PATHS | lists if options.open_lists else PUBLIC_PATHS


def opens_a_session(scope: Scope, live: LiveParts) -> bool:
    """Tell whether somebody presents a client secret where it is worth something."""
    is_there = scope["path"] in {prefix + live_openai.PATH for prefix in DIALECTS}
    return scope["type"] == "websocket" and is_there and bool(live.secrets.presented(scope))
