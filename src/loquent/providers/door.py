"""The last check before anything leaves: what a caller forbids goes nowhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Endpoint, RoutingLimits, violations
from loquent.domain.errors import PermissionDeniedError
from loquent.domain.live import LiveRequest
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speech import SpeechChunk, SpeechPlan, SpeechRequest
from loquent.domain.transcript import Segment, Transcript
from loquent.ports import LiveSession, LiveTranscriber, Provider, Speaker, Transcriber


class GuardedProvider:
    """A `Provider` that lets nothing through to another one that the limits of a request forbid.

    The router has looked already; a mistake there must not become a leak.
    """

    def __init__(self, provider: Provider, *, require_gdpr: bool) -> None:
        """Take the adapter, and whether only providers that follow the GDPR are admitted."""
        self._provider = provider
        self._require_gdpr = require_gdpr
        self.close = provider.close

    def transcriber(self, endpoint: Endpoint) -> Transcriber:
        """Return the path that transcribes and translates recordings."""
        return _GuardedTranscriber(self._provider.transcriber(endpoint), self._door(endpoint))

    def speaker(self, endpoint: Endpoint) -> Speaker:
        """Return the path that speaks texts."""
        return _GuardedSpeaker(self._provider.speaker(endpoint), self._door(endpoint))

    def live(self, endpoint: Endpoint) -> LiveTranscriber:
        """Return the path that follows live streams."""
        return _GuardedLive(self._provider.live(endpoint), self._door(endpoint))

    def _door(self, endpoint: Endpoint) -> _Door:
        return _Door(endpoint, require_gdpr=self._require_gdpr)


class _Door:
    def __init__(self, endpoint: Endpoint, *, require_gdpr: bool) -> None:
        self._endpoint = endpoint
        self._require_gdpr = require_gdpr

    def check(self, limits: RoutingLimits) -> None:
        """Raises: PermissionDeniedError: if `limits` keep a request away from the endpoint."""
        found = violations(self._endpoint, limits, require_gdpr=self._require_gdpr)
        if found:
            raise PermissionDeniedError(
                f"{self._endpoint.id} may not serve this request: {found[0]}."
            )


class _GuardedTranscriber:
    def __init__(self, inner: Transcriber, door: _Door) -> None:
        self._inner = inner
        self._door = door

    async def transcribe(
        self, request: TranscriptionRequest, source: AudioSource
    ) -> AsyncGenerator[Segment | Transcript]:
        self._door.check(request.limits)
        async with aclosing(self._inner.transcribe(request, source)) as updates:
            async for update in updates:
                yield update


class _GuardedSpeaker:
    def __init__(self, inner: Speaker, door: _Door) -> None:
        self._inner = inner
        self._door = door

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[SpeechPlan | SpeechChunk]:
        self._door.check(request.limits)
        async with aclosing(self._inner.speak(request)) as updates:
            async for update in updates:
                yield update


class _GuardedLive:
    def __init__(self, inner: LiveTranscriber, door: _Door) -> None:
        self._inner = inner
        self._door = door

    @asynccontextmanager
    async def open(self, request: LiveRequest) -> AsyncIterator[LiveSession]:
        self._door.check(request.limits)
        async with self._inner.open(request) as session:
            yield session
