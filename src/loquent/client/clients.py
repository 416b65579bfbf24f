"""The clients: openai's, with a server of ours as their default and its extras typed."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, Final, TypedDict

import httpx2
from openai import AsyncOpenAI, NotGiven, OpenAI
from openai.resources.audio import AsyncAudio as OpenAiAsyncAudio
from openai.resources.audio import Audio as OpenAiAudio
from typing_extensions import Unpack

from loquent.client.reports import AsyncRoute, AsyncUsage, PriceFilter, PriceList, Route, Usage
from loquent.client.speech import AsyncSpeech, Speech
from loquent.client.transcriptions import AsyncTranscriptions, Transcriptions
from loquent.client.translations import AsyncTranslations, Translations

DEFAULT_BASE_URL: Final = "http://localhost:8000/v1"

NO_KEY: Final = "none"
"""Sent where there is no key; a server that asks for none takes any."""


class CommonOptions(TypedDict, total=False):
    """What openai's clients may be told, see there; theirs alone are taken as well."""

    timeout: float | httpx2.Timeout | NotGiven | None
    max_retries: int
    default_headers: Mapping[str, str] | None
    default_query: Mapping[str, object] | None
    websocket_base_url: str | httpx2.URL | None


class Options(CommonOptions, total=False):
    """What the blocking client may be told."""

    http_client: httpx2.Client | None


class AsyncOptions(CommonOptions, total=False):
    """What the client with async calls may be told."""

    http_client: httpx2.AsyncClient | None


def _key() -> str:
    return os.environ.get("LOQUENT_API_KEY") or NO_KEY


def _address() -> str:
    return os.environ.get("LOQUENT_BASE_URL") or DEFAULT_BASE_URL


def _v0(address: str) -> str:
    """Return the same server's address of the dialect v0."""
    return f"{address.rstrip('/').removesuffix('/v1').removesuffix('/v0')}/v0"


class Audio(OpenAiAudio):
    """Sound to text and back."""

    @cached_property
    def transcriptions(self) -> Transcriptions:
        """What is said in recordings, and live."""
        return Transcriptions(self._client)

    @cached_property
    def translations(self) -> Translations:
        """What is said in recordings, in English."""
        return Translations(self._client)

    @cached_property
    def speech(self) -> Speech:
        """What is spoken, and when each word of it is heard."""
        return Speech(self._client)


class AsyncAudio(OpenAiAsyncAudio):
    """Sound to text and back."""

    @cached_property
    def transcriptions(self) -> AsyncTranscriptions:
        """What is said in recordings, and live."""
        return AsyncTranscriptions(self._client)

    @cached_property
    def translations(self) -> AsyncTranslations:
        """What is said in recordings, in English."""
        return AsyncTranslations(self._client)

    @cached_property
    def speech(self) -> AsyncSpeech:
        """What is spoken, and when each word of it is heard."""
        return AsyncSpeech(self._client)


class Loquent(OpenAI):
    """`openai.OpenAI` at a server of Loquent.

    Args:
        api_key: the variable LOQUENT_API_KEY if unset, else no key.
        base_url: the variable LOQUENT_BASE_URL if unset, else port 8000 of this machine.
        options: as `openai.OpenAI` takes them.
    """

    def __init__(
        self,
        *,
        api_key: str | Callable[[], str] | None = None,
        base_url: str | httpx2.URL | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key=api_key or _key(), base_url=base_url or _address(), **options)

    @cached_property
    def audio(self) -> Audio:
        """Sound to text and back."""
        return Audio(self)

    @cached_property
    def usage(self) -> Usage:
        """What was used."""
        return Usage(self)

    @cached_property
    def route(self) -> Route:
        """Where requests would go."""
        return Route(self)

    def pricing(self, **wanted: Unpack[PriceFilter]) -> PriceList:
        """List what endpoints charge, the cheapest of each feature first."""
        options: Any = {"params": {**wanted}}
        return self.get("/pricing", cast_to=PriceList, options=options)


class AsyncLoquent(AsyncOpenAI):
    """`openai.AsyncOpenAI` at a server of Loquent; arguments as for `Loquent`."""

    def __init__(
        self,
        *,
        api_key: str | Callable[[], Awaitable[str]] | None = None,
        base_url: str | httpx2.URL | None = None,
        **options: Unpack[AsyncOptions],
    ) -> None:
        super().__init__(api_key=api_key or _key(), base_url=base_url or _address(), **options)

    @cached_property
    def audio(self) -> AsyncAudio:
        """Sound to text and back."""
        return AsyncAudio(self)

    @cached_property
    def usage(self) -> AsyncUsage:
        """What was used."""
        return AsyncUsage(self)

    @cached_property
    def route(self) -> AsyncRoute:
        """Where requests would go."""
        return AsyncRoute(self)

    async def pricing(self, **wanted: Unpack[PriceFilter]) -> PriceList:
        """List what endpoints charge, the cheapest of each feature first."""
        options: Any = {"params": {**wanted}}
        return await self.get("/pricing", cast_to=PriceList, options=options)


class AiBrary(Loquent):
    """`Loquent` in the dialect of AiBrary: answers are verbose unless another form is asked for."""

    def __init__(
        self,
        *,
        api_key: str | Callable[[], str] | None = None,
        base_url: str | httpx2.URL | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key=api_key, base_url=base_url or _v0(_address()), **options)


class AsyncAiBrary(AsyncLoquent):
    """`AsyncLoquent` in the dialect of AiBrary."""

    def __init__(
        self,
        *,
        api_key: str | Callable[[], Awaitable[str]] | None = None,
        base_url: str | httpx2.URL | None = None,
        **options: Unpack[AsyncOptions],
    ) -> None:
        super().__init__(api_key=api_key, base_url=base_url or _v0(_address()), **options)
