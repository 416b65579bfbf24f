"""What all live sessions at providers share: sound out, frames in; knows no provider's messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from loquent.domain.endpoints import Endpoint, ProviderAccess
from loquent.domain.errors import (
    UnsupportedOptionError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from loquent.domain.live import LiveRequest, LiveUpdate
from loquent.providers.failures import unreadable
from loquent.providers.limits import UpstreamLimits
from loquent.providers.live_dialect import Done, LiveDialect, Ready
from loquent.providers.live_ledger import LiveLedger
from loquent.providers.live_sound import VendorSound
from loquent.providers.socket import Address, Frame, ProviderSocket, connected
from loquent.realtime.outbox import Outbox

PIECE_BYTES = 16_384
"""Sound is converted in pieces of this size, so that nobody else waits long."""

READY_TIMEOUT_S = 30.0
"""A provider may have to load the model first."""

FINAL_TIMEOUT_S = 10.0
"""A provider that owes a final text and says nothing for so long has lost it."""

MAX_OPEN_UTTERANCES = 1_000
"""A provider that begins more and ends none of them has lost its senses."""

KEEP_ALIVE_S = 4.0
"""Source: Deepgram's guide to keeping a connection alive asks for 3 to 5 seconds."""


@dataclass(frozen=True, slots=True)
class Line:
    """How an endpoint is reached."""

    access: ProviderAccess
    endpoint: Endpoint
    limits: UpstreamLimits
    address: Address


@asynccontextmanager
async def remote_session(
    line: Line, request: LiveRequest, dialect: LiveDialect
) -> AsyncIterator[RemoteLiveSession]:
    """Open a session; leaving the context closes the socket.

    Raises: UpstreamError.
    """
    async with connected(line.access, line.limits, line.address) as socket:
        session = RemoteLiveSession(line, request, dialect, socket)
        try:
            await session.begin()
            yield session
        finally:
            await session.close()


class RemoteLiveSession:
    """A `LiveSession` at a provider.

    What it cannot send waits in the caller, and what nobody reads waits at the provider.
    """

    def __init__(
        self, line: Line, request: LiveRequest, dialect: LiveDialect, socket: ProviderSocket
    ) -> None:
        self._access = line.access
        self._idle_timeout_s = line.limits.idle_timeout_s
        self._patience_s = min(FINAL_TIMEOUT_S, self._idle_timeout_s)
        self._request = request
        self._dialect = dialect
        self._socket = socket
        self._sound = VendorSound(request.sound, dialect.sample_rate_hz, dialect.least_frame_s)
        self._ledger = LiveLedger(request, line.access.id, line.endpoint.model)
        self._outbox = Outbox()
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None
        self._deadline: asyncio.Timeout | None = None
        self._is_finishing = False
        self._has_sent = False

    async def begin(self) -> None:
        """Agree on the terms, then listen.

        Raises: UpstreamError: also if the provider refuses them.
        """
        for frame in self._dialect.greeting():
            await self._socket.send(frame)
        timeout_s = min(READY_TIMEOUT_S, self._idle_timeout_s)
        is_ready = self._dialect.is_ready
        while not is_ready:
            answer = await self._socket.receive(timeout_s)
            if answer is None:
                raise self._lost()
            is_ready = any(isinstance(result, Ready) for result in self._dialect.read(answer))
        listening = asyncio.create_task(self._listen())
        listening.add_done_callback(self._listened)
        self._tasks.append(listening)
        if self._dialect.keep_alive is not None:
            self._tasks.append(asyncio.create_task(self._keep_alive(self._dialect.keep_alive)))

    async def hear(self, sound: bytes) -> None:
        """Take the next bytes, cut anywhere; waits while the provider takes no more.

        Raises: UpstreamError.
        """
        self._check()
        for begin in range(0, len(sound), PIECE_BYTES):
            await self._send_sound(self._sound.push(sound[begin : begin + PIECE_BYTES]))
            await self._outbox.wait_for_room()

    async def commit(self) -> int | None:
        """End the utterance here, whatever is being said.

        Raises: UpstreamError.
        """
        await self._send_sound(self._sound.flush())
        at_s = self._sound.sent_s
        number, updates = self._ledger.commit(at_s)
        self._tell(updates)
        if number is not None:
            await self._send(self._dialect.commit(at_s))
            self._owe()
        return number

    async def clear(self) -> None:
        """Forget what came since the last utterance ended.

        Raises: UpstreamError.
        """
        await self._send_sound(self._sound.flush())
        at_s = self._sound.sent_s
        self._ledger.clear(at_s)
        await self._send(self._dialect.clear(at_s))

    async def configure(self, request: LiveRequest) -> None:
        """Go on under the same terms.

        Raises: UnsupportedOptionError: if they are others; UpstreamError.
        """
        self._check()
        if replace(request, model=self._request.model, limits=self._request.limits) != (
            self._request
        ):
            raise UnsupportedOptionError(
                f"{self._access.id} does not change the terms of a session that has begun. "
                "Connect again for other ones.",
                param="session",
            )

    async def finish(self) -> None:
        """End the stream; the last updates follow, then `updates` ends.

        Raises: UpstreamError.
        """
        self._check()
        if self._is_finishing:
            return
        await self._send_sound(self._sound.finish())
        self._is_finishing = True
        await self._send(self._dialect.finish(self._sound.sent_s))
        self._owe()

    def updates(self) -> AsyncGenerator[LiveUpdate]:
        """Yield what is found out, as soon as it is.

        Raises: UpstreamError.
        """
        return self._outbox.read()

    async def close(self) -> None:
        """Stop listening, and end the updates."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._outbox.end()

    async def _send_sound(self, frames: Sequence[bytes]) -> None:
        await self._send([self._dialect.sound(frame) for frame in frames])

    async def _send(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            self._check()
            self._has_sent = True
            try:
                await self._socket.send(frame)
            except UpstreamError:
                # What was heard before the connection broke says more than that it broke.
                await asyncio.wait(self._tasks[:1])
                self._check()
                raise

    async def _listen(self) -> None:
        """Read frames until the end, no faster than the updates are read."""
        while await self._take_next():
            await self._outbox.wait_for_room()
        for result in self._dialect.rest():
            self._tell(self._ledger.take(result, time.monotonic()))
        self._tell(self._ledger.finish())

    def _listened(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        self._failure = task.exception()
        if self._failure is not None:
            self._socket.abort()
        self._outbox.end(self._failure)

    async def _take_next(self) -> bool:
        """Take the next frame; tell whether more may follow.

        Raises: UpstreamError.
        """
        frame = await self._next_frame()
        if frame is None:
            raise self._lost()
        for result in self._dialect.read(frame):
            if isinstance(result, Done):
                return False
            self._tell(self._ledger.take(result, time.monotonic()))
        if self._ledger.n_open > MAX_OPEN_UTTERANCES:
            raise unreadable(self._access, "too many utterances have no end")
        return True

    async def _next_frame(self) -> Frame | None:
        is_owed = self._is_finishing or self._ledger.awaits_final
        try:
            async with asyncio.timeout(self._patience_s if is_owed else None) as self._deadline:
                return await self._socket.receive()
        except TimeoutError as error:
            raise UpstreamTimeoutError(
                f"{self._access.id} owes the text of what was said, and does not send it."
            ) from error
        finally:
            self._deadline = None

    def _owe(self) -> None:
        """From now on the provider has to say something."""
        if self._deadline is not None and not self._deadline.expired():
            due_s = asyncio.get_running_loop().time() + self._patience_s
            self._deadline.reschedule(due_s)

    async def _keep_alive(self, frame: Frame) -> None:
        while not self._is_finishing:
            self._has_sent = False
            await asyncio.sleep(KEEP_ALIVE_S)
            if not self._has_sent:
                await self._socket.send(frame)

    def _tell(self, updates: Iterable[LiveUpdate]) -> None:
        for update in updates:
            self._outbox.put(update)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _lost(self) -> UpstreamError:
        return UpstreamUnavailableError(f"{self._access.id} ended the session.")
