"""Turns a platform and its settings into what a web application is built from."""

from __future__ import annotations

from dataclasses import replace

from loquent.api.options import ApiOptions, Services
from loquent.api.parts import UploadLimits
from loquent.settings import Settings
from loquent.wiring.bookkeeping import Books
from loquent.wiring.platform import LocalPlatform


def services_of(platform: LocalPlatform, books: Books | None) -> Services:
    """Return what the endpoints call; nothing is written down without `books`."""
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
    if books is None:
        return services
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


def options_of(settings: Settings, platform: LocalPlatform) -> ApiOptions:
    """Return what the operator decides about the wire."""
    key = settings.api_key
    return ApiOptions(
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
        public_url=settings.url,
        domain=settings.domain,
    )
