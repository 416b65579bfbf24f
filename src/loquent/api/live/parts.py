"""What the live dialects are built from; knows none of them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.websockets import WebSocket

from loquent.api.fields import FieldReader
from loquent.api.live.drain import LiveSockets
from loquent.api.live.issued_secrets import IssuedSecrets
from loquent.api.live.metered import MeteredSession, SessionUse
from loquent.api.live.socket import LiveSocket, SocketOptions
from loquent.api.metering import Meter
from loquent.api.metrics import Metrics
from loquent.api.routing_fields import bounded, read_limits
from loquent.domain.endpoints import RoutingLimits
from loquent.domain.live import Final, LiveRequest, LiveUpdate, Partial, SpeechStopped
from loquent.domain.model import Capability
from loquent.ports import LiveSession, LiveTranscriber
from loquent.routing.estimates import Estimates


def limits_of(websocket: WebSocket) -> RoutingLimits:
    """Return who may serve, by the address and by the key.

    Raises: InvalidRequestError: naming the parameter at fault.
    """
    limits = read_limits(FieldReader(websocket.query_params.multi_items()))
    return bounded(limits, websocket.scope)


@dataclass(frozen=True, slots=True)
class LiveParts:
    """What a live endpoint calls.

    Attributes:
        estimates: tell what a session may cost.
        default_model: who transcribes where a dialect lets the caller name no model.
    """

    transcriber: LiveTranscriber
    estimates: Estimates
    metrics: Metrics
    meter: Meter
    options: SocketOptions
    default_model: str
    secrets: IssuedSecrets
    sockets: LiveSockets = field(default_factory=LiveSockets)

    def socket(self, websocket: WebSocket) -> LiveSocket:
        """Return the socket over `websocket`, not accepted yet."""
        return LiveSocket(websocket, self.sockets, self.options)

    @asynccontextmanager
    async def open(self, request: LiveRequest, socket: LiveSocket) -> AsyncIterator[LiveSession]:
        """Start a session; what it uses is written down before `socket` is closed.

        Raises: what `Use.admit` and the transcriber do.
        """
        if socket.use is None:
            socket.scope["loquent.request_id"] = socket.request_id
            estimate = self.estimates.stream(request)
            use = self.meter.request(socket.scope, Capability.REALTIME, request.model, estimate)
            await use.admit()
            socket.use = SessionUse(use)
        socket.use.asked_model = request.model
        async with self.transcriber.open(request) as session:
            yield MeteredSession(session, request.sound, socket.use)

    async def observed(
        self, updates: AsyncIterator[LiveUpdate], socket: LiveSocket
    ) -> AsyncIterator[LiveUpdate]:
        """Yield `updates`, and count them."""
        stopped_s: dict[int, float] = {}
        async for update in updates:
            if isinstance(update, SpeechStopped):
                stopped_s[update.utterance] = time.monotonic()
            elif isinstance(update, Partial):
                self.metrics.live.count_partial()
            elif isinstance(update, Final):
                socket.model = update.transcript.model
                waited_s = time.monotonic() - stopped_s.pop(update.utterance, time.monotonic())
                self.metrics.count_transcript(update.transcript)
                self.metrics.live.count_final(update, waited_s)
            yield update
