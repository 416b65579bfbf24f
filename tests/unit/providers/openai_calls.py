"""What the tests of the OpenAI wire share: endpoints, a recording, and calls of the stand-in."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail, Endpoint, ProviderAccess
from loquent.domain.model import Capability
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speech import SpeechChunk, SpeechPlan, SpeechRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.providers.openai.provider import OpenAiProvider
from tests.vendors.openai_vendor import OpenAiVendor
from tests.vendors.server import serving


def endpoint(upstream_model: str, *details: Detail, **more: object) -> Endpoint:
    """Return an endpoint whose name here differs from the one upstream."""
    plain = Endpoint(
        provider="acme",
        model=f"our-{upstream_model}",
        upstream_model=upstream_model,
        capabilities=frozenset({Capability.TRANSCRIPTION, Capability.SPEECH}),
        details=frozenset(details),
        extensions=frozenset({"seed"}),
    )
    return Endpoint(**{name: getattr(plain, name) for name in Endpoint.__dataclass_fields__} | more)


HEEDED = (Detail.LANGUAGE, Detail.PROMPT, Detail.TEMPERATURE)
WHISPER = endpoint("whisper-1", Detail.SEGMENTS, Detail.WORDS, *HEEDED)
GPT = endpoint("gpt-4o-transcribe", Detail.LOGPROBS, Detail.STREAM, *HEEDED)
DIARIZER = endpoint(
    "gpt-4o-transcribe-diarize",
    Detail.SEGMENTS,
    Detail.SPEAKERS,
    Detail.KNOWN_SPEAKERS,
    Detail.STREAM,
    Detail.LANGUAGE,
)
VOICE = endpoint("gpt-4o-mini-tts", Detail.SPEED)


def recording(folder: Path, name: str = "the caller's own name.ogg") -> AudioSource:
    """Write a short wav file under a name that lies."""
    path = folder / name
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(320))
    return AudioSource(path, path.stat().st_size)


@asynccontextmanager
async def connected(
    vendor: OpenAiVendor, quirks: Mapping[str, str] | None = None
) -> AsyncIterator[OpenAiProvider]:
    """Serve the stand-in, and connect to it."""
    async with serving(vendor.app) as url:
        access = ProviderAccess(
            "acme", "openai", f"{url}/v1", api_key=vendor.key, quirks=quirks or {}
        )
        provider = OpenAiProvider(access)
        try:
            yield provider
        finally:
            await provider.close()


async def heard(
    vendor: OpenAiVendor,
    place: Endpoint,
    request: TranscriptionRequest,
    source: AudioSource,
    quirks: Mapping[str, str] | None = None,
) -> tuple[list[Segment], Transcript]:
    """Return what is told before the transcript, and the transcript."""
    async with connected(vendor, quirks) as provider:
        told = [each async for each in provider.transcriber(place).transcribe(request, source)]
    *segments, transcript = told
    assert isinstance(transcript, Transcript)
    assert all(isinstance(segment, Segment) for segment in segments)
    return [each for each in segments if isinstance(each, Segment)], transcript


async def spoken(
    vendor: OpenAiVendor,
    request: SpeechRequest,
    place: Endpoint = VOICE,
    quirks: Mapping[str, str] | None = None,
) -> tuple[SpeechPlan, list[SpeechChunk]]:
    """Return the plan and the chunks of a speech."""
    async with connected(vendor, quirks) as provider:
        told = [each async for each in provider.speaker(place).speak(request)]
    plan, *chunks = told
    assert isinstance(plan, SpeechPlan)
    return plan, [each for each in chunks if isinstance(each, SpeechChunk)]
