"""One short talk as every provider would tell it, by stand-ins that speak its wire.

Two people say a sentence each. What each provider calls times and speakers is its own; what our
callers read has to be the same whoever is asked.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from starlette.types import ASGIApp

from loquent.api.app import ApiOptions, create_app
from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.transcript import Segment, Word
from loquent.pipeline.derivation import told_segment
from loquent.ports import Provider
from loquent.providers.assemblyai.provider import AssemblyAiProvider
from loquent.providers.catalog import ConfiguredProvider, ProviderCatalog
from loquent.providers.kinds import KINDS
from loquent.providers.limits import UpstreamLimits
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.fakes.services import fake_services
from tests.unit.codec.recordings import wav
from tests.vendors import assemblyai_vendor, azure_vendor, deepgram_vendor, elevenlabs_vendor
from tests.vendors.assemblyai_vendor import AssemblyAiVendor
from tests.vendors.azure_vendor import AzureVendor
from tests.vendors.deepgram_vendor import DeepgramVendor
from tests.vendors.elevenlabs_vendor import ElevenLabsVendor
from tests.vendors.openai_vendor import KEY as OPENAI_KEY
from tests.vendors.openai_vendor import OpenAiVendor, Said
from tests.vendors.server import Asked, Log, serving

DURATION_S = 2.47
RECORDING = wav(np.zeros(round(DURATION_S * 16_000), np.int16))

SENTENCES = ("Good evening.", "How are you?")
TEXT = " ".join(SENTENCES)
TURNS = ((0.1, 0.9, "A"), (1.1, 2.4, "B"))
"""When each sentence is said, and by whom."""

LOQUENT_KEY = "lq-another-0123456789"


@dataclass(frozen=True)
class StandIn:
    """A server that stands in for a provider.

    Attributes:
        log: what it was asked.
        wants_speakers: tells whether a request wants them told apart.
    """

    app: ASGIApp
    log: Log
    wants_speakers: Callable[[Asked], bool]


def said_words() -> tuple[Word, ...]:
    """Return the words of the talk, each with an equal share of its sentence."""
    words: list[Word] = []
    for sentence, (start_s, end_s, speaker) in zip(SENTENCES, TURNS, strict=True):
        texts = sentence.split()
        share_s = (end_s - start_s) / len(texts)
        times = [round(start_s + share_s * number, 3) for number in range(len(texts) + 1)]
        words += (
            Word(text, times[number], times[number + 1], 0.9, speaker)
            for number, text in enumerate(texts)
        )
    return tuple(words)


def said_segments() -> tuple[Segment, ...]:
    """Return the sentences of the talk with their words, nobody named."""
    words = [replace(word, speaker=None) for word in said_words()]
    return tuple(
        told_segment(
            number, start_s, end_s, sentence, [w for w in words if start_s <= w.start_s < end_s]
        )
        for number, (sentence, (start_s, end_s, _)) in enumerate(zip(SENTENCES, TURNS, strict=True))
    )


def openai(**options: Any) -> StandIn:
    """Stand in for OpenAI, or for a server of its wire."""
    said = [Said(*turn[:2], text, turn[2]) for text, turn in zip(SENTENCES, TURNS, strict=True)]
    vendor = OpenAiVendor(said=said, duration=DURATION_S, **options)
    return StandIn(
        vendor.app,
        vendor.log,
        wants_speakers=lambda asked: ("response_format", "diarized_json") in asked.fields(),
    )


def another_loquent() -> StandIn:
    """Stand in for another server of ours, whose engine is a fake."""
    log = Log()
    services = fake_services(FakeTranscriber(said_segments()))
    app = create_app(services, ApiOptions(api_key=LOQUENT_KEY))
    return StandIn(
        logged(app, log),
        log,
        wants_speakers=lambda asked: ("diarise", "true") in asked.fields(),
    )


def deepgram() -> StandIn:
    """Stand in for Deepgram."""
    words = [
        deepgram_vendor.word(w.text, w.start_s, w.end_s, "AB".index(str(w.speaker)))
        for w in said_words()
    ]
    answer = deepgram_vendor.heard(words, detected="en")
    answer["metadata"]["duration"] = DURATION_S
    vendor = DeepgramVendor(RECORDING, answer)
    return StandIn(
        vendor.app,
        vendor.log,
        wants_speakers=lambda asked: ("diarize", "true") in asked.query,
    )


def assemblyai() -> StandIn:
    """Stand in for AssemblyAI, which counts whole seconds; it keeps its job for the next call."""
    words = [
        assemblyai_vendor.word(w.text, round(w.start_s * 1000), round(w.end_s * 1000), w.speaker)
        for w in said_words()
    ]
    outcome = assemblyai_vendor.heard(*words, audio_duration=int(DURATION_S))
    vendor = AssemblyAiVendor(RECORDING, outcome)
    return StandIn(
        vendor.app,
        vendor.log,
        wants_speakers=lambda asked: (
            asked.body.startswith(b"{") and "speaker_labels" in asked.json()
        ),
    )


def elevenlabs() -> StandIn:
    """Stand in for ElevenLabs."""
    items: list[dict[str, Any]] = []
    for word in said_words():
        speaker = "AB".index(str(word.speaker))
        if items:
            gap = (items[-1]["end"], word.start_s)
            items.append(elevenlabs_vendor.item(" ", *gap, speaker, "spacing"))
        items.append(elevenlabs_vendor.item(word.text, word.start_s, word.end_s, speaker))
    vendor = ElevenLabsVendor()
    vendor.answer = elevenlabs_vendor.heard(*items, duration=DURATION_S)
    return StandIn(
        vendor.app,
        vendor.log,
        wants_speakers=lambda asked: ("diarize", "true") in asked.fields(),
    )


def azure() -> StandIn:
    """Stand in for both hosts of an Azure resource."""
    phrases = [
        azure_vendor.phrase(
            sentence,
            round(start_s * 1000),
            duration=round((end_s - start_s) * 1000),
            speaker=1 + "AB".index(speaker),
        )
        for sentence, (start_s, end_s, speaker) in zip(SENTENCES, TURNS, strict=True)
    ]
    vendor = AzureVendor()
    vendor.answer = azure_vendor.heard(*phrases, duration=round(DURATION_S * 1000))
    return StandIn(
        vendor.app,
        vendor.log,
        wants_speakers=lambda asked: (
            "diarization" in json.loads(dict(asked.fields())["definition"])
        ),
    )


STAND_INS: Mapping[str, Callable[[], StandIn]] = {
    "openai": openai,
    "scaleway": lambda: openai(more_models={"whisper-large-v3"}),
    "loquent": another_loquent,
    "deepgram": deepgram,
    "assemblyai": assemblyai,
    "elevenlabs": elevenlabs,
    "azure": azure,
}
"""By the id of the provider; all but `loquent` are in the catalog that comes with the package."""

TABLES: Mapping[str, Mapping[str, Any]] = {
    "openai": {"api_key": OPENAI_KEY},
    "scaleway": {"api_key": OPENAI_KEY},
    "loquent": {
        "kind": "openai",
        "api_key": LOQUENT_KEY,
        "quirks": {"diarise": "form"},
        "endpoints": [{"model": "whisper-base", "capabilities": ["transcription"]}],
    },
    "deepgram": {"api_key": deepgram_vendor.KEY},
    "assemblyai": {"api_key": assemblyai_vendor.KEY, "quirks": {"keep": "yes"}},
    "elevenlabs": {"api_key": elevenlabs_vendor.KEY},
    "azure": {"api_key": azure_vendor.KEY},
}
"""How an operator configures each of them, but for its address."""

HEARING: Mapping[str, str] = {
    "openai/whisper-1": "OpenAI's wire, times of segments and words",
    "openai/gpt-4o-transcribe": "OpenAI's wire, text alone",
    "openai/gpt-4o-transcribe-diarize": "OpenAI's wire, speakers always",
    "scaleway/whisper-large-v3": "another server of OpenAI's wire, text alone and in one piece",
    "loquent/whisper-base": "another Loquent",
    "deepgram/nova-3": "Deepgram",
    "assemblyai/universal-3-5-pro": "AssemblyAI",
    "elevenlabs/scribe_v1": "ElevenLabs",
    "azure/azure-fast-transcription": "Azure",
}
"""Endpoints that hear the talk, by id, and what they stand for."""

SPEAKING = ("openai/tts-1", "deepgram/aura-2", "elevenlabs/eleven_flash_v2_5", "azure/azure-neural")
"""Endpoints that speak."""


@dataclass(frozen=True)
class Running:
    """A stand-in that runs, and the adapter that speaks to it."""

    stand_in: StandIn
    access: ProviderAccess
    endpoints: tuple[Endpoint, ...]
    provider: Provider

    @property
    def log(self) -> Log:
        return self.stand_in.log


def configured(name: str, url: str) -> ConfiguredProvider:
    """Return a provider as its table and the catalog have it, at this address."""
    table = {**TABLES[name], "base_url": url}
    if name in {"openai", "scaleway", "loquent"}:
        table["base_url"] += "/v1"
    if name == "azure":
        table["quirks"] = {"speech_url": url}
    (found,) = _catalog().configured({name: table})
    return found


@cache
def _catalog() -> ProviderCatalog:
    return ProviderCatalog.load(KINDS)


def endpoint_of(place: str, endpoints: Iterable[Endpoint]) -> Endpoint:
    """Return the endpoint of this id."""
    return next(endpoint for endpoint in endpoints if endpoint.id == place)


def connected(access: ProviderAccess, limits: UpstreamLimits | None = None) -> Provider:
    """Return the adapter for a provider; jobs are asked for without a pause."""
    connect = KINDS[access.kind].connect
    if connect is AssemblyAiProvider:
        return AssemblyAiProvider(access, limits or UpstreamLimits(), pause=_at_once)
    return connect(access, limits or UpstreamLimits())


@asynccontextmanager
async def running(name: str) -> AsyncIterator[Running]:
    """Run the stand-in for a provider, and connect its adapter."""
    stand_in = STAND_INS[name]()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(stand_in.app))
        found = configured(name, url)
        provider = connected(found.access)
        stack.push_async_callback(provider.close)
        yield Running(stand_in, found.access, found.endpoints, provider)


def logged(app: ASGIApp, log: Log) -> ASGIApp:
    """Return `app`, with each request noted in `log` once it has arrived."""

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        body = bytearray()

        async def heard() -> Any:
            message = await receive()
            body.extend(message.get("body", b""))
            if message["type"] == "http.request" and not message.get("more_body"):
                headers = {name.decode(): value.decode() for name, value in scope["headers"]}
                log.asked.append(Asked(scope["method"], scope["path"], [], headers, bytes(body)))
            return message

        await app(scope, heard, send)

    return noted


async def _at_once(_wait_s: float) -> None:
    return
