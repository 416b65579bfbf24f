"""Talks to live transcribers at stand-ins, and tells what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.live import Final, LiveRequest, LiveUpdate, SoundFormat, SpeechStarted
from loquent.domain.model import Capability
from loquent.ports import LiveSession, LiveTranscriber
from loquent.providers.assemblyai.live import AssemblyAiLive
from loquent.providers.deepgram.live import DeepgramLive
from loquent.providers.limits import UpstreamLimits
from loquent.providers.openai.live import OpenAiLive
from tests.vendors import assemblyai_live_vendor, deepgram_live_vendor, openai_live_vendor
from tests.vendors.assemblyai_live_vendor import AssemblyAiLiveVendor
from tests.vendors.deepgram_live_vendor import DeepgramLiveVendor
from tests.vendors.live_hearing import LiveVendor
from tests.vendors.openai_live_vendor import OpenAiLiveVendor
from tests.vendors.server import serving

LIMITS = UpstreamLimits(connect_timeout_s=5.0, idle_timeout_s=5.0)
SOUND_16K = SoundFormat(16_000)


@dataclass(frozen=True)
class Wire:
    """One provider: its stand-in, and what speaks to it."""

    vendor: Callable[..., LiveVendor]
    live: Callable[[ProviderAccess, Endpoint, UpstreamLimits], LiveTranscriber]
    key: str
    rate_hz: int
    path: str = ""


WIRES = {
    "openai": Wire(OpenAiLiveVendor, OpenAiLive, openai_live_vendor.KEY, 24_000, "/v1"),
    "deepgram": Wire(DeepgramLiveVendor, DeepgramLive, deepgram_live_vendor.KEY, 16_000),
    "assemblyai": Wire(AssemblyAiLiveVendor, AssemblyAiLive, assemblyai_live_vendor.KEY, 16_000),
}


def transcriber(
    wire: Wire,
    url: str,
    *,
    key: str | None = None,
    limits: UpstreamLimits = LIMITS,
    upstream_model: str = "nova-3",
) -> LiveTranscriber:
    """Return what speaks to the stand-in at `url`."""
    access = ProviderAccess(
        id="vendor",
        kind="vendor",
        base_url=url + wire.path,
        api_key=wire.key if key is None else key,
        quirks={"live_url": url},
    )
    endpoint = Endpoint("vendor", "live-1", upstream_model, frozenset({Capability.TRANSCRIPTION}))
    return wire.live(access, endpoint, limits)


@asynccontextmanager
async def calling(
    wire: Wire, vendor: LiveVendor, request: LiveRequest | None = None
) -> AsyncIterator[LiveSession]:
    """Open a session at a stand-in."""
    async with (
        serving(vendor.app) as url,
        transcriber(wire, url).open(request or asked()) as session,
    ):
        yield session


def asked(**wishes: Any) -> LiveRequest:
    """Return a request for sound at 16 kHz, but for what is wished."""
    return LiveRequest(**{"model": "live-1", "sound": SOUND_16K, **wishes})


async def talked(session: LiveSession, sound: bytes, chunk_bytes: int = 3_200) -> list[LiveUpdate]:
    """Send all of `sound`, and return all updates."""

    async def speak() -> None:
        for begin in range(0, len(sound), chunk_bytes):
            await session.hear(sound[begin : begin + chunk_bytes])
        await session.finish()

    speaking = asyncio.create_task(speak())
    try:
        return [update async for update in session.updates()]
    finally:
        await asyncio.gather(speaking, return_exceptions=True)


def finals(updates: Sequence[LiveUpdate]) -> list[Final]:
    """Return the finals among the updates."""
    return [update for update in updates if isinstance(update, Final)]


def texts(updates: Sequence[LiveUpdate]) -> list[str]:
    """Return what the finals say, without case and full stops."""
    return [final.transcript.text.lower().rstrip(".") for final in finals(updates)]


def starts(updates: Sequence[LiveUpdate]) -> list[int]:
    """Return the numbers of the utterances that were begun."""
    return [update.utterance for update in updates if isinstance(update, SpeechStarted)]
