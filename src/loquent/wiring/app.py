"""Builds the web application over the local platform."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import structlog
from fastapi import FastAPI

from loquent.api.app import create_app
from loquent.api.dispatch import NO_APPLICATIONS
from loquent.api.uploads import sweep_stale_uploads
from loquent.domain.errors import LoquentError
from loquent.settings import Settings
from loquent.wiring.bookkeeping import Books
from loquent.wiring.deployments import Deployments
from loquent.wiring.platform import LocalPlatform
from loquent.wiring.ray import require_ray
from loquent.wiring.services import options_of, services_of

_log = structlog.get_logger("loquent.wiring")


def build_app(settings: Settings) -> FastAPI:
    """Build the web application; it loads the default model once it runs.

    Raises: ModelNotFoundError: if the default model is not installed; SettingsError: if models are
        to run on a cluster, and what that needs is missing.
    """
    if settings.engine == "ray":
        require_ray(settings)
    platform = LocalPlatform(settings, preload=_always_loaded(settings))
    books = Books.of(settings)
    deployments = Deployments(platform, books) if books else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        sweep_stale_uploads(options.upload_directory)
        async with AsyncExitStack() as owned:
            if books is not None:
                await owned.enter_async_context(books.running())
            await owned.enter_async_context(platform.running())
            if deployments is not None:
                await owned.enter_async_context(deployments.running(app.state.metrics))
            warm_up = asyncio.create_task(_preload(platform))
            yield
            warm_up.cancel()
            await asyncio.gather(warm_up, return_exceptions=True)

    options = options_of(settings, platform)
    services = replace(services_of(platform, books), deployments=deployments)
    app = create_app(services, options, lifespan, deployments or NO_APPLICATIONS)
    drain_shared = app.state.drain

    async def drain() -> None:
        await asyncio.gather(drain_shared(), *([deployments.drain()] if deployments else ()))

    app.state.drain = drain
    return app


def _always_loaded(settings: Settings) -> tuple[str, ...]:
    """Return the ids of the models that are loaded at start, the default one first.

    Raises: ModelNotFoundError.
    """
    names = LocalPlatform(settings).names()
    wanted = (settings.default_model, *settings.preload)
    return tuple(dict.fromkeys(names.find(name).id for name in wanted))


async def _preload(platform: LocalPlatform) -> None:
    """Load what is to be in memory from the start; a failure is told and leaves it out."""
    for model_id in platform.preload:
        try:
            await platform.load(model_id)
        except LoquentError as exc:
            _log.error("model does not load", model=model_id, reason=exc.message)
        else:
            _log.info("ready", model=model_id)
