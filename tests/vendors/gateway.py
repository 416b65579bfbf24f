"""Runs Loquent in front of stand-ins for providers, without a model of its own to serve with."""

from __future__ import annotations

import json
import wave
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2

from loquent.api.app import create_app
from loquent.api.options import ApiOptions, Services
from loquent.domain.audio import SAMPLE_RATE_HZ
from loquent.settings import Settings, load_settings
from loquent.wiring.platform import LocalPlatform
from tests.live import server as process
from tests.vendors.openai_vendor import KEY
from tests.vendors.server import serving

MODEL = "big"
"""What the model at the stand-ins is called in requests."""

WHISPER = "whisper-1"
STREAMING = "gpt-4o-transcribe"
"""What it is called there; the one tells times, the other streams."""

PATH = "/v1/audio/transcriptions"

_LEAST_MODEL = "espeak"
"""Comes with the package and weighs next to nothing."""


def provider(
    url: str, model: str = MODEL, *, upstream_model: str = WHISPER, micros: int = 0
) -> dict[str, Any]:
    """Return the settings of a stand-in at `url`; what is free is tried before what is not."""
    endpoint: dict[str, Any] = {
        "model": model,
        "upstream_model": upstream_model,
        "capabilities": ["transcription"],
        "details": ["segments", "words", "language", "prompt", "stream"],
    }
    if micros:
        endpoint["price"] = [{"unit": "request", "micros": micros}]
    return {"kind": "openai", "base_url": f"{url}/v1", "api_key": KEY, "endpoints": [endpoint]}


def settings(
    folder: Path, providers: Mapping[str, Mapping[str, Any]], *, deadline_s: float
) -> Settings:
    """Return the settings of a gateway with an empty data folder."""
    return load_settings(
        data_dir=folder,
        default_model=_LEAST_MODEL,
        providers=dict(providers),
        upstream_timeout_s=deadline_s,
    )


@asynccontextmanager
async def gateway(chosen: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve in this process, on a real port; yield who calls it."""
    platform = LocalPlatform(chosen)
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
    app = create_app(services, ApiOptions(default_model=chosen.default_model))
    async with serving(app) as url, httpx2.AsyncClient(base_url=url, trust_env=False) as client:
        try:
            yield client
        finally:
            await platform.listening.decoder.close()
            await platform.providing.close()


@contextmanager
def gateway_process(
    folder: Path,
    providers: Mapping[str, Mapping[str, Any]],
    *,
    deadline_s: float,
    ledger: str = "",
) -> Iterator[process.RunningServer]:
    """Run `loquent serve` with an empty data folder until the block ends."""
    with process.serving(
        "--data-dir",
        folder,
        LOQUENT_DEFAULT_MODEL=_LEAST_MODEL,
        LOQUENT_UPSTREAM_TIMEOUT_S=deadline_s,
        LOQUENT_LEDGER=ledger,
        LOQUENT_PROVIDERS=json.dumps(providers),
    ) as running:
        yield running


def recording(n_bytes: int = 16_000) -> bytes:
    """Return a wav file of silence of about so many bytes."""
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE_HZ)
        writer.writeframes(bytes(n_bytes))
    return file.getvalue()
