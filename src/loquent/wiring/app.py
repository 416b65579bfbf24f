"""Builds the web application over the local platform."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import structlog
from fastapi import FastAPI

from loquent.api.app import create_app
from loquent.api.options import ApiOptions, Services
from loquent.api.parts import UploadLimits
from loquent.api.uploads import sweep_stale_uploads
from loquent.domain.errors import LoquentError
from loquent.settings import Settings
from loquent.wiring.bookkeeping import Books
from loquent.wiring.platform import LocalPlatform

_log = structlog.get_logger("loquent.wiring")


def build_app(settings: Settings) -> FastAPI:
    """Build the web application; it loads the default model once it runs.

    Raises: ModelNotFoundError: if the default model is not installed.
    """
    platform = LocalPlatform(settings, preload=_always_loaded(settings))
    books = Books.of(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        sweep_stale_uploads(options.upload_directory)
        async with AsyncExitStack() as owned:
            if books is not None:
                await owned.enter_async_context(books.running())
            await owned.enter_async_context(platform.running())
            warm_up = asyncio.create_task(_preload(platform))
            yield
            warm_up.cancel()
            await asyncio.gather(warm_up, return_exceptions=True)

    key = settings.api_key
    options = ApiOptions(
        api_key=key.get_secret_value() if key else None,
        limits=UploadLimits(
            max_file_bytes=settings.max_upload_bytes,
            max_known_speakers=settings.max_known_speakers,
        ),
        default_model=settings.default_model,
        open_lists=settings.open_lists,
        console=settings.console,
        max_input_characters=settings.max_input_characters,
        unknown_fields=settings.unknown_fields,
        live_idle_s=settings.live_idle_s,
        diarization_model=settings.diarization_model,
        extensions=platform.extensions,
        currency=platform.providing.catalog.currency,
    )
    services = Services(
        transcriber=platform.transcriber,
        diarizer=platform.diarizer,
        live=platform.live,
        speaker=platform.speaker,
        directory=platform.directory,
        voices=platform.directory,
        board=platform,
        live_board=platform,
        planner=platform.routing.planner,
        estimates=platform.routing.estimates,
        stock=platform.stock,
    )
    return create_app(_with_books(services, books) if books else services, options, lifespan)


def _with_books(services: Services, books: Books) -> Services:
    return replace(
        services,
        ledger=books.ledger,
        keys=books.accounts.keyring,
        registry=books.accounts.registry,
        treasury=books.ledger,
        limiter=books.limiter,
        answers=books.answers,
        sealer=books.sealer,
    )


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
